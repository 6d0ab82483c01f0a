"""What a person was told."""

from dataclasses import dataclass

from django.db.models import QuerySet

from ehr.accounts.models import User
from ehr.notices import kinds
from ehr.notices.models import Notice


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


def unread(user: User) -> int:
    """Return how many notices a person has not read."""
    return of(user).unread().count()


def line(notice: Notice) -> Line:
    """Return a notice in words."""
    kind = kinds.of(notice.kind)
    return Line(notice=notice, heading=str(kind.heading), words=str(kind.words), page=kind.page)
