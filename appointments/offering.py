"""Freed time goes to those who wait, in the order in which they came: thirty minutes each, one at a time.

So does time that hours set later open: then everybody who waits is asked at once, each about another time of it.
Nothing here waits for a job. Whoever wants the same minutes, or looks at an offer, first moves on what has lapsed.
Call `freed` with the timetable's row held; patients are read, never locked, for whoever books holds them first.
"""

import hashlib
import hmac
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import Exists, OuterRef

from appointments import minutes, queries, zones
from appointments.availability import NotFree, Slot, check, every_start, free, steps
from appointments.models import Appointment, Hold, Offer, Schedule, VisitType, Waiting
from appointments.rules import AHEAD, OFFER
from appointments.standing import Actor
from audit import log
from consent.queries import whom_to_tell
from ehr import clock
from ehr.notices import operations as notices
from ehr.notices import told_links

TOLD = "visit-offered"  # the kind of news that an offer is
NEXT_DAYS = 14
NEXT_TOLD = 5
FULL = ("waiting__patient__user", "waiting__schedule__timetable__clinician__user", "waiting__visit_type", "hold")


def next_free(schedule: Schedule, visit_type: VisitType, starts: datetime, at: datetime) -> list[Slot]:
    """Return the next few times that are free from a wished one on."""
    day = zones.local_day(max(starts, at), schedule.time_zone)
    found = free([schedule], visit_type, first=day, last=day + timedelta(days=NEXT_DAYS), at=at)
    return [slot for slot in found if slot.starts >= starts][:NEXT_TOLD]


def token(offer: Offer) -> str:
    """Return what goes into an offer's link. It is made from the deployment's key: a copy of the table makes none."""
    return told_links.token(TOLD, offer.pk)


def digest(text: str) -> bytes:
    """Return what the table holds of a link, 32 bytes."""
    return hashlib.sha256(text.encode()).digest()


def find(text: str) -> Offer | None:
    """Return the offer behind a link, or None. What it shows is a day, an hour and a question: no name, no place."""
    offer = Offer.objects.select_related(*FULL).filter(link_digest=digest(text)).first()
    return offer if offer is not None and hmac.compare_digest(token(offer), text) else None


def move_on(timetable: int) -> None:
    """Hand on what was offered of a clinician's time and not answered in time. Joins or makes a transaction."""
    if not _lapsed(timetable, clock.now()).exists():
        return
    with transaction.atomic():
        minutes.lock(timetable)
        at = clock.now()
        for offer in _lapsed(timetable, at).select_related(*FULL).select_for_update(of=("self",)).order_by("pk"):
            end(offer, Offer.Outcome.LAPSED, at)


def _lapsed(timetable: int, at: datetime):
    return Offer.objects.filter(waiting__schedule__timetable=timetable, outcome=Offer.Outcome.OPEN, lapses_at__lte=at)


def end(offer: Offer, outcome: str, at: datetime, *, by: Actor | None = None) -> None:
    """End an offer that was not taken, and offer the time to who is next. Call it with the timetable's row held."""
    offer.outcome, offer.answered_at = outcome, None if outcome == Offer.Outcome.LAPSED else at
    offer.save(update_fields=["outcome", "answered_at"])
    Hold.objects.filter(offer=offer).delete()
    if outcome == Offer.Outcome.LAPSED or by is None:
        told("waiting.lapsed", offer.waiting)
    else:
        told("waiting.declined", offer.waiting, by=by.party, more=by.told)
    offer_next(offer.waiting.schedule, offer.starts, at)


def freed(visit: Appointment, at: datetime) -> None:
    """Offer the time of a visit that was called off to who waits first. Call it with the timetable's row held."""
    offer_next(visit.schedule, visit.starts, at)


def offer_next(schedule: Schedule, starts: datetime, at: datetime) -> Offer | None:
    """Offer a start to the first who waits for it and was not offered it before; None where nobody does."""
    for waiting in _in_order(schedule, starts, at):
        if _suits(waiting, starts, at):
            return _make(waiting, starts, at)
    return None


def _in_order(schedule: Schedule, starts: datetime, at: datetime):
    day = zones.local_day(starts, schedule.time_zone)
    rows = _unasked(at).filter(schedule=schedule, first_day__lte=day, last_day__gte=day)
    return rows.exclude(Exists(Offer.objects.filter(waiting=OuterRef("pk"), starts=starts)))


def _unasked(at: datetime):
    """Return who waits and thinks about no offer, in order. One at a time: nobody is asked about two times at once."""
    asked = Offer.objects.filter(waiting=OuterRef("pk"), outcome=Offer.Outcome.OPEN, lapses_at__gt=at)
    rows = Waiting.objects.filter(ended_at__isnull=True).exclude(Exists(asked))
    return rows.select_related("patient__user", "schedule__timetable__clinician", "visit_type", "appointment").order_by(
        "made_at", "pk"
    )


# --- Time that hours open ------------------------------------------------------------------------
_List = tuple[UUID, UUID]  # of which schedule and kind of visit


@contextmanager
def opening(timetable: int) -> Iterator[None]:
    """Hold a timetable's row while its hours change, then offer what is open now and was not to those who wait.

    Who came first is offered the soonest new time that suits them, who came second the next, and so on. Use it in the
    transaction of the change.
    """
    minutes.lock(timetable)
    at = clock.now()
    waiting = list(_unasked(at).filter(schedule__timetable=timetable))
    lists = {_list_of(one): (one, *_days_of(waiting, one, at)) for one in waiting}
    before = {
        which: every_start(one.schedule, one.visit_type, first=first, last=last, at=at)
        for which, (one, first, last) in lists.items()
    }
    yield
    new = {
        which: [
            slot.starts
            for slot in free([one.schedule], one.visit_type, first=first, last=last, at=at)
            if slot.starts not in before[which]
        ]
        for which, (one, first, last) in lists.items()
    }
    for one in waiting:
        _offer_soonest(one, new[_list_of(one)], at)


def _list_of(waiting: Waiting) -> _List:
    return waiting.schedule_id, waiting.visit_type_id


def _days_of(waiting: Iterable[Waiting], like: Waiting, at: datetime) -> tuple[date, date]:
    """Return the first and the last day that anybody on the same list waits for, as far as these can be booked."""
    today = zones.local_day(at, like.schedule.time_zone)
    same = [one for one in waiting if _list_of(one) == _list_of(like)]
    beyond = today + timedelta(days=like.schedule.horizon_days)
    return max(today, min(one.first_day for one in same)), min(beyond, max(one.last_day for one in same))


def _offer_soonest(waiting: Waiting, among: list[datetime], at: datetime) -> None:
    """Offer the soonest of some times that suits somebody, and take it from among them."""
    known = set(Offer.objects.filter(waiting=waiting).values_list("starts", flat=True))
    for starts in among:
        day = zones.local_day(starts, waiting.schedule.time_zone)
        in_their_days = waiting.first_day <= day <= waiting.last_day
        if in_their_days and starts not in known and _suits(waiting, starts, at):
            _make(waiting, starts, at)
            among.remove(starts)
            return


def _suits(waiting: Waiting, starts: datetime, at: datetime) -> bool:
    """Tell whether this time is sooner for them, free of their own visits, and far enough ahead to the last minute."""
    if starts - timedelta(minutes=waiting.schedule.notice_minutes) < at + OFFER:
        return False
    own = waiting.appointment
    if own is not None and not (own.status in AHEAD and starts < own.starts):
        return False
    if queries.clashing(waiting.patient_id, starts, starts + minutes.lasting(waiting.visit_type), besides=own):
        return False
    try:
        check(waiting.schedule, waiting.visit_type, starts, at=at)
    except NotFree:
        return False
    return True


def _make(waiting: Waiting, starts: datetime, at: datetime) -> Offer:
    schedule, marks = waiting.schedule, steps(waiting.visit_type, starts)
    minutes.clear_expired(schedule.timetable_id, marks, at)
    hold = Hold.objects.create(
        timetable_id=schedule.timetable_id,
        schedule=schedule,
        visit_type=waiting.visit_type,
        starts=starts,
        expires_at=at + OFFER,
        made_at=at,
    )
    minutes.take(marks, of=hold)
    offer = Offer(id=uuid4(), waiting=waiting, hold=hold, starts=starts, made_at=at, lapses_at=hold.expires_at)
    offer.link_digest = digest(token(offer))
    offer.save(force_insert=True)
    told("waiting.offered", waiting)
    for person in whom_to_tell(waiting.patient):
        notices.notify(person, TOLD, about=offer.pk, key=f"{TOLD}:{offer.pk}:{person.pk}")
    return offer


def told(action: str, waiting: Waiting, *, by: log.Party = log.SYSTEM, more: dict[str, str] | None = None) -> None:
    """Write a line about waiting on the patient's list: with whom, never what for."""
    name = waiting.schedule.timetable.clinician.full_name
    log.append(
        action, actor=by, subject=waiting.patient_id, outcome="done", details={"reader_name": name, **(more or {})}
    )
