"""Looks at what researchers did lately, and puts what is unusual before the privacy officer. No record is read."""

from collections import defaultdict
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.translation import gettext as _

from audit import log
from audit import queries as audit
from ehr import clock
from ehr.accounts.models import User
from providers.queries import party
from providers.rules import NotPossible
from research.models import Asking, Release, Unusual
from research.watching.rules import Deed, Seen, unusual

REFUSALS = ("study.count-refused", "study.question-refused")
# How far back each look goes; the longest rule spans a week.
BACK = timedelta(days=8)
REVIEWS = "research.review_unusual"


def look() -> int:
    """Look once; return how much is newly unusual. May run twice: what is before somebody is not put there again."""
    deeds = _deeds(clock.now() - BACK)
    people = User.objects.in_bulk(list(deeds))
    return sum(_put(people[one], deeds[one]) for one in deeds if one in people)


def review(row: Unusual, *, said: str, by: User) -> Unusual:
    """Note what came of looking into it; twice is once. Raises NotPossible for whoever may not, and for one's own."""
    if not (by.is_active and by.has_perm(REVIEWS)) or by.pk == row.by_id:
        raise NotPossible(_("Only a privacy officer reviews this, and nobody their own."))
    with transaction.atomic():
        row = Unusual.objects.select_for_update(of=("self",)).get(pk=row.pk)
        if row.reviewed_at is None:
            row.reviewed_at, row.reviewed_by, row.said = clock.now(), by, said.strip()
            row.save(update_fields=["reviewed_at", "reviewed_by", "said"])
            details = {"unusual": row.pk, "user": str(row.by_id), "why": row.why}
            log.append("study.use-reviewed", actor=party(by), subject=None, outcome="done", details=details)
    return row


def _deeds(since: datetime) -> dict[UUID, list[tuple[datetime, Deed]]]:
    found: dict[UUID, list[tuple[datetime, Deed]]] = defaultdict(list)
    for by, at in Asking.objects.filter(at__gte=since, by__isnull=False).values_list("by", "at"):
        found[by].append((at, Deed.ASKED))
    fetched = Release.objects.filter(state=Release.State.FETCHED, ended_at__gte=since)
    for by, at in fetched.values_list("asked_by", "ended_at"):
        found[by].append((at, Deed.FETCHED))
    for line in audit.with_action(REFUSALS, since=since):
        if line.actor is not None and line.actor.id is not None:
            found[line.actor.id].append((line.time, Deed.REFUSED))
    return found


def _put(user: User, deeds: list[tuple[datetime, Deed]]) -> int:
    zone = ZoneInfo(user.time_zone)
    count = 0
    for one in unusual([Seen(at.astimezone(zone), deed) for at, deed in deeds]):
        with transaction.atomic():
            User.objects.select_for_update().get(pk=user.pk)
            # What goes on, or is over but was not looked into, is the same; what comes after it is another.
            if Unusual.objects.filter(by=user, why=one.why, last__gte=one.first).exists():
                continue
            row = Unusual.objects.create(by=user, why=one.why, first=one.first, last=one.last, count=one.count)
            details = {"unusual": row.pk, "user": str(user.pk), "why": row.why, "count": row.count}
            log.append("study.use-flagged", actor=log.SYSTEM, subject=None, outcome="done", details=details)
            count += 1
    return count
