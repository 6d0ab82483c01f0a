"""What becomes of grants when a reader may not be let in any more.

Reading stops by itself at the next decision. Here the keys follow, and the patients are told: news of licences,
institutions and accounts travels up through the log.
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from audit import feed, log
from audit.queries import Line
from consent import queries
from consent.models import Ending, FeedCursor, Grant
from consent.sharing import grants, teams
from ehr import clock
from ehr.accounts.models import User
from ehr.notices import operations as notices
from providers import teams as care_teams
from providers.models import Team
from providers.queries import standing

CURSOR = "standing"
# Events after which somebody may have lost what lets them in, and with it the keys they were given.
LOSSES = frozenset(
    {
        "credential.suspended",
        "credential.revoked",
        "institution.agreement-ended",
        "institution.suspended",
        "membership.ended",
        "account.suspended",
    }
)
LAPSES = frozenset({"credential.expired"})
# What changes a team that patients let in; the lines name it.
COMINGS = frozenset({"team.member-added", "team.member-removed"})


def follow(*, limit: int = 500) -> int:
    """Read on in the log from where consent stopped reading; return how many events were read. May run twice."""
    with transaction.atomic():
        cursor, _new = FeedCursor.objects.select_for_update().get_or_create(name=CURSOR)
        news = feed.since(cursor.next, limit)
        for number, line in news:
            _hear(line)
            cursor.next = number + 1
        cursor.save(update_fields=["next"])
    return len(news)


def _hear(line: Line) -> None:
    _hear_of_teams(line)
    if line.action not in LOSSES | LAPSES:
        return
    at = clock.now()
    for user in User.objects.filter(pk__in=_named(line)):
        if not standing(user, at).ok:
            _lost(user, line, at)


def _hear_of_teams(line: Line) -> None:
    """End what was shared with a team that is no more, or whose institution may not be let in; tell of comings and
    goings. An institution that leaves ends its teams itself, and an account that is suspended loses their keys here.
    """
    at = clock.now()
    if line.action == "team.ended":
        _ended_for([UUID(line.details["team"])], at)
    elif line.action == "institution.suspended":
        _ended_for(Team.objects.filter(institution=line.details["institution"]).values_list("pk", flat=True), at)
    elif line.action in COMINGS and line.because != "team-ended":
        _changed(line, at)
    elif line.action == "account.suspended":
        for user in User.objects.filter(pk__in=_named(line)):
            care_teams.let_go(user)


def _ended_for(readers: Iterable[UUID], at: datetime) -> None:
    for grant in _standing(at).filter(reader__in=list(readers)):
        _end(grant)


def _changed(line: Line, at: datetime) -> None:
    team, user = UUID(line.details["team"]), UUID(line.details["user"])
    if line.action == "team.member-removed":
        teams.end_assignments_of(user, team, made_until=line.time)
    for grant in _standing(at).filter(reader=team, made_at__lte=line.time):
        _tell(grant, "team-changed", key=f"team-changed:{line.event_id}:{grant.pk}")


def _named(line: Line) -> list[UUID]:
    named = [*line.details.get("users", ()), *filter(None, [line.details.get("user")])]
    return [UUID(str(one)) for one in named]


def _lost(user: User, line: Line, at: datetime) -> None:
    """End what was shared with somebody, or only tell the patients where a licence may yet be renewed."""
    for grant in _standing(at).filter(reader__user=user):
        if line.action in LAPSES:
            _tell(grant, "reader-licence-over", key=f"licence-over:{grant.pk}")
        else:
            _end(grant)


def _standing(at: datetime) -> QuerySet[Grant]:
    # Who acts for a patient does so as themselves, whatever becomes of a licence of theirs.
    rows = Grant.objects.standing(at).exclude(kind=Grant.Kind.DELEGATE)
    return rows.select_related("patient__user", "reader")


def _end(grant: Grant) -> None:
    grants.end(grant, keyring=None, cause=Ending.Cause.STANDING, by=log.SYSTEM)
    _tell(grant, "reader-lost-standing", key=f"lost-standing:{grant.pk}")


def _tell(grant: Grant, kind: str, *, key: str) -> None:
    for person in queries.whom_to_tell(grant.patient):
        notices.notify(person, kind, about=grant.pk, key=f"{key}:{person.pk}")
