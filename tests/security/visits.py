"""Visits in the world of the doors: one that is booked, a time that is kept, a list to wait on, an offer, a dispute."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import uuid4

from appointments import availability, booking, waitlist
from appointments.insurance import policies
from appointments.models import Appointment, Change, Closure, Dispute, Hold, Offer, Schedule, Status
from consent.access import own_party
from ehr import clock
from tests import people
from tests.appointments import clinics
from tests.security import bills, visiting


def of(sharer: people.Person, reader: people.Person, acts: people.Person) -> dict[str, object]:
    """Return what fills the addresses of visits: somebody's own, with a clinician who can be booked. `acts` is whoever
    acts for them."""
    kind = clinics.visit_type(needs=["labs"], free_cancel_hours=24, mode="video")
    schedule = clinics.schedule(reader.user.clinician, kind)
    clinics.open_on(schedule, range(7), "00:00", "00:00")
    times = _times(schedule, kind)
    visit, missed, disputed = (_booked(sharer, schedule, kind, next(times)) for _ in range(3))
    hold = _held(schedule, kind, next(times), by=sharer)
    for_them = _held(schedule, kind, next(times), by=acts)
    waiting = waitlist.join(
        schedule,
        kind,
        patient=sharer.patient,
        by=sharer.user,
        first_day=clock.now().date(),
        last_day=clock.now().date() + timedelta(days=30),
        once=uuid4(),
    )
    offered = _held(schedule, kind, next(times), by=sharer)
    offer = Offer.objects.create(
        waiting=waiting,
        hold=offered,
        starts=offered.starts,
        link_digest=uuid4().bytes * 2,
        lapses_at=offered.expires_at,
    )
    change = _missed(disputed)
    _missed(missed)
    dispute = Dispute.objects.create(change=change, reason=Dispute.Reason.WAS_THERE)
    return {
        "schedule": schedule.pk,
        "kind": kind.pk,
        "visit": visit.pk,
        "hold": hold.pk,
        "held for them": for_them.pk,
        "closure": _closed(schedule).pk,
        "waiting": waiting.pk,
        "offer": offer.pk,
        "dispute": dispute.pk,
        "missed": missed.pk,
        "patient": sharer.patient.pk,
        "press": "arrived",
        "policy": _insured(sharer, schedule),
        "bill": bills.of(sharer, reader)["invoice"],
    }


def _held(schedule: Schedule, kind, starts: datetime, *, by: people.Person) -> Hold:
    """Keep a time for as long as it may take to try all doors: ten minutes are not enough on a busy machine."""
    hold = booking.hold(schedule, kind, starts, by=by.user, once=uuid4())
    hold.expires_at += timedelta(hours=12)
    hold.save(update_fields=["expires_at"])
    return hold


def _closed(schedule: Schedule) -> Closure:
    starts = clock.now() + timedelta(days=200)
    return Closure.objects.create(place=schedule.place, starts=starts, ends=starts + timedelta(days=1))


def buttons(seen: dict[str, object]) -> dict[str, dict[str, object]]:
    """Return what fills the addresses of buttons that only some visits have."""
    visit = {"visit": seen["visit"]}
    return {
        "clinician:day-act": visit | {"press": "arrived"},
        "clinician:day-video": visit,
        "clinician:day-video-press": visit | {"press": "let-in"},
        "patient:visit-video-press": visit | {"press": "agree"},
        "patient:visit-dispute": {"visit": seen["missed"]},
        "patient:acting-visit-confirm": {"hold": seen["held for them"]},
        "patient:acting-visit-move-confirm": visit | {"hold": seen["held for them"]},
        **bills.buttons(seen["bill"]),
    }


def _times(schedule: Schedule, kind) -> Iterator[datetime]:
    day = clock.now().date() + timedelta(days=2)
    found = availability.free([schedule], kind, first=day, last=day + timedelta(days=1), at=clock.now())
    return iter([slot.starts for slot in found])


def _missed(visit: Appointment) -> Change:
    Appointment.objects.filter(pk=visit.pk).update(status=Status.NO_SHOW)
    return Change.objects.create(appointment=visit, number=2, before=Status.BOOKED, after=Status.NO_SHOW)


def _insured(sharer: people.Person, schedule: Schedule):
    payer = visiting.payer(schedule)
    return policies.keep(
        sharer.patient, payer=payer, member="LM-4711", by=sharer.user, party=own_party(sharer.patient)
    ).pk


def _booked(sharer: people.Person, schedule: Schedule, kind, starts: datetime):
    hold = booking.hold(schedule, kind, starts, by=sharer.user, once=uuid4())
    return booking.book(hold, patient=sharer.patient, by=sharer.user, once=uuid4())
