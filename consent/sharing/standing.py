"""What becomes of grants when a reader may not be let in any more.

Reading stops by itself at the next decision. Here the keys follow, and the patients are told: news of licences,
institutions and accounts travels up through the log.
"""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from audit import feed, log
from audit.queries import Line
from consent.models import Ending, FeedCursor, Grant
from consent.sharing import grants
from ehr import clock
from ehr.accounts.models import User
from ehr.notices import operations as notices
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
    if line.action not in LOSSES | LAPSES:
        return
    at = clock.now()
    for user in User.objects.filter(pk__in=_named(line)):
        if not standing(user, at).ok:
            _lost(user, line, at)


def _named(line: Line) -> list[UUID]:
    named = [*line.details.get("users", ()), *filter(None, [line.details.get("user")])]
    return [UUID(str(one)) for one in named]


def _lost(user: User, line: Line, at: datetime) -> None:
    """End what was shared with somebody, or only tell the patients where a licence may yet be renewed."""
    for grant in Grant.objects.filter(reader__user=user).standing(at).select_related("patient__user", "reader"):
        if line.action in LAPSES:
            notices.notify(grant.patient.user, "reader-licence-over", about=grant.pk, key=f"licence-over:{grant.pk}")
            continue
        grants.end(grant, keyring=None, cause=Ending.Cause.STANDING, by=log.SYSTEM)
        notices.notify(grant.patient.user, "reader-lost-standing", about=grant.pk, key=f"lost-standing:{grant.pk}")
