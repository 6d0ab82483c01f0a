"""What a person was told, and how they want to be."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet

from ehr.accounts.models import User
from ehr.notices import kinds
from ehr.notices.kind import TOPICS, Topic
from ehr.notices.models import Digest, Hook, Notice, Preference
from ehr.notices.timing import Wishes
from ehr.statements import Statement

_SOME = 8  # people in one question: a cause has seldom more to tell
_PREFERENCES = Statement(lambda users: Preference.objects.filter(user__in=users))


@dataclass(frozen=True)
class Line:
    """One notice in words, in the language now active."""

    notice: Notice
    heading: str
    words: str
    page: str


def of(user: User) -> QuerySet[Notice]:
    """Return a person's notices, newest first."""
    return Notice.objects.filter(user=user)


def told_before(key: str) -> bool:
    """Tell whether what has this key was told already."""
    return Notice.objects.filter(key=key).exists()


def unread(user: User | UUID) -> int:
    """Return how many notices a person has not read."""
    return Notice.objects.filter(user=user).unread().count()


def line(notice: Notice) -> Line:
    """Return a notice in words."""
    kind = kinds.of(notice.kind)
    return Line(notice=notice, heading=str(kind.heading), words=str(kind.words), page=kind.page)


def wishes(user: User) -> Wishes:
    """Return how a person wants to be told by e-mail; at once and at any hour where they never said."""
    return wishes_of([user])[user.pk]


def wishes_of(users: Iterable[User]) -> dict[UUID, Wishes]:
    """Return how each of several people wants to be told by e-mail, by person."""
    people = {user.pk: user for user in users}
    if not people:
        return {}
    ids = list(people)
    said = {}
    for at in range(0, len(ids), _SOME):
        some = ids[at : at + _SOME]
        # Always as many, so that it is always the same text.
        padded = some + some[-1:] * (_SOME - len(some))
        said |= {one.user_id: one for one in _PREFERENCES.rows(users=padded)}
    return {pk: _wishes(user, said.get(pk)) for pk, user in people.items()}


def _wishes(user: User, said: Preference | None) -> Wishes:
    if said is None:
        return Wishes(zone=user.time_zone)
    return Wishes(said.pace, said.quiet_from, said.quiet_until, user.time_zone)


def counted(digest: Digest) -> dict[Topic, int]:
    """Return how much of what went into a digest is still unread, by topic, in the order in which it is told."""
    unread_kinds = digest.mails.filter(notice__read_at=None).values_list("kind", flat=True)
    found = Counter(kinds.of(kind).topic for kind in unread_kinds)
    return {topic: found[topic] for topic in TOPICS if found[topic]}


def hooks_of(institutions: Iterable[UUID] | QuerySet) -> QuerySet[Hook]:
    """Return where institutions want to hear. They are given by ids, or by a query for them."""
    return Hook.objects.filter(institution__in=institutions, enabled=True)
