"""Coming sooner: who waits joins a list, and freed time is offered in the order of that list.

How an offer goes from one to the next is in `appointments.offering`. Here people join and leave, and answer.
"""

import uuid
from dataclasses import dataclass
from datetime import date, datetime

from django.db import IntegrityError, transaction
from django.db.models import Avg, Count, Q, Sum
from django.utils.translation import gettext as _

from appointments import minutes, offering, zones
from appointments.booking.changing import FULL
from appointments.booking.visits import put, put_instead
from appointments.models import Appointment, Hold, Offer, Schedule, Status, VisitType, Waiting
from appointments.refusals import NotPossible
from appointments.rules import AHEAD, Who
from appointments.standing import Actor, acting
from ehr import clock
from ehr.accounts.models import User
from patients.models import Patient

OPEN, TAKEN, DECLINED, LAPSED = Offer.Outcome.OPEN, Offer.Outcome.TAKEN, Offer.Outcome.DECLINED, Offer.Outcome.LAPSED
MOST = 5  # lists on which one patient waits at once


@dataclass(frozen=True)
class Offered:
    """What an offer's link shows to whoever opens it: a time, and whether it can be had. No name, no place."""

    starts: datetime
    time_zone: str
    lapses_at: datetime
    outcome: str


def join(
    schedule: Schedule,
    visit_type: VisitType,
    *,
    patient: Patient,
    by: User,
    first_day: date,
    last_day: date,
    appointment: Appointment | None = None,
    once: uuid.UUID,
) -> Waiting:
    """Wait for a time between two days, instead of a visit that is later or without one. Twice the same is once.

    Raises NotPossible, NotTheirs.
    """
    actor = acting(by, patient=patient, schedule=schedule)
    try:
        with transaction.atomic():
            Patient.objects.select_for_update().get(pk=patient.pk)
            at = clock.now()
            asked = {"patient": patient, "schedule": schedule, "visit_type": visit_type}
            waits = Waiting.objects.filter(patient=patient, ended_at__isnull=True)
            if same := waits.filter(schedule=schedule, visit_type=visit_type).first():
                return same
            if words := _why_not_wait(schedule, visit_type, actor, first_day, last_day, at) or _why_not_for(
                patient, visit_type, appointment, waits.count()
            ):
                raise NotPossible(words, because="cannot-wait")
            made = Waiting.objects.create(
                id=once, **asked, appointment=appointment, first_day=first_day, last_day=last_day, made_at=at
            )
            offering.told("waiting.joined", made, by=actor.party, more=actor.told)
    except IntegrityError as twice:
        raise NotPossible(_("You are on this list already."), because="waits-already") from twice
    return made


def _why_not_wait(
    schedule: Schedule, visit_type: VisitType, actor: Actor, first_day: date, last_day: date, at: datetime
) -> str:
    if actor.who == Who.CLINICIAN:
        return _("Patients and the front desk put somebody on this list. Propose a time instead.")
    if schedule.retired_at or visit_type.retired_at or not schedule.visit_types.filter(pk=visit_type.pk).exists():
        return _("This kind of visit cannot be booked here any more. Choose another one.")
    if last_day < first_day or last_day < zones.local_day(at, schedule.time_zone):
        return _("These days are over, or in the wrong order. Choose the first and the last day that suit you.")
    return ""


def _why_not_for(patient: Patient, visit_type: VisitType, appointment: Appointment | None, lists: int) -> str:
    if lists >= MOST:
        return _("You wait on five lists already. Leave one of them first.")
    if appointment is None:
        return ""
    if appointment.patient_id != patient.pk or appointment.visit_type_id != visit_type.pk:
        return _("To come sooner you wait for the same kind of visit. Choose the visit that you have.")
    if Appointment.objects.get(pk=appointment.pk).status != Status.BOOKED:
        return _("This visit is not ahead of you any more, so there is nothing to come sooner to.")
    return ""


def leave(waiting: Waiting, *, by: User) -> None:
    """Wait no more. What is offered at the moment goes to who is next. Twice is once. Raises NotTheirs."""
    actor = acting(by, patient=waiting.patient, schedule=waiting.schedule)
    with transaction.atomic():
        Patient.objects.select_for_update().get(pk=waiting.patient_id)
        minutes.lock(waiting.schedule.timetable_id)
        at = clock.now()
        if not Waiting.objects.filter(pk=waiting.pk, ended_at__isnull=True).update(ended_at=at):
            return
        offering.told("waiting.left", waiting, by=actor.party, more=actor.told)
        for offer in Offer.objects.filter(waiting=waiting, outcome=OPEN).select_related(*offering.FULL):
            offering.end(offer, LAPSED if offer.lapses_at <= at else DECLINED, at, by=actor)


# --- Answering -----------------------------------------------------------------------------------
def seen(text: str) -> Offered | None:
    """Return what a link shows, as it is now; None for a link that is none. Looking changes nothing."""
    offer = offering.find(text)
    if offer is None:
        return None
    outcome = offer.outcome
    if outcome == OPEN and (offer.lapses_at <= clock.now() or offer.waiting.ended_at):
        outcome = LAPSED
    return Offered(offer.starts, offer.waiting.schedule.time_zone, offer.lapses_at, outcome)


def answer(text: str, *, yes: bool) -> Appointment | None:
    """Answer by link: whoever holds it answers as the patient it was sent to. Returns the visit for a yes.

    Raises NotPossible for a link that is none, and as `take` does.
    """
    offer = offering.find(text)
    user = offer.waiting.patient.user if offer else None
    if offer is None or user is None:
        raise NotPossible(_("There is no such offer. Open the link as it stands in the letter, or sign in."))
    if yes:
        return take(offer, by=user)
    decline(offer, by=user)
    return None


def take(offer: Offer, *, by: User) -> Appointment:
    """Take what is offered: the visit one has moves there, or one is booked. Twice is once; after 30 minutes it is not.

    Raises NotPossible, NotTheirs.
    """
    waiting = offer.waiting
    actor = acting(by, patient=waiting.patient, schedule=waiting.schedule)
    offering.move_on(waiting.schedule.timetable_id)
    with transaction.atomic():
        offer, own = _locked(offer)
        if offer.outcome == TAKEN:
            return Appointment.objects.get(pk=offer.pk)
        at = clock.now()
        hold = _still_open(offer, at)
        if own is None:
            made = put(hold, patient=offer.waiting.patient, by=actor, once=offer.pk, at=at, before=Status.WAITLIST)
        else:
            made = put_instead(own, hold, by=actor, once=offer.pk, at=at, because="waiting")
        offer.days_won = _days_between(made, own) if own else None
        offer.outcome, offer.answered_at, offer.hold = TAKEN, at, None
        offer.save(update_fields=["outcome", "answered_at", "days_won", "hold"])
        Waiting.objects.filter(pk=offer.waiting_id).update(ended_at=at)
    return made


def decline(offer: Offer, *, by: User) -> None:
    """Leave what is offered to who is next, and wait on. Twice is once. Raises NotTheirs; NotPossible once taken."""
    actor = acting(by, patient=offer.waiting.patient, schedule=offer.waiting.schedule)
    with transaction.atomic():
        offer, _own = _locked(offer)
        if offer.outcome == TAKEN:
            raise NotPossible(_("You took this time already. To give it up, cancel the visit."), because="taken")
        if offer.outcome == OPEN:
            at = clock.now()
            offering.end(offer, LAPSED if offer.lapses_at <= at else DECLINED, at, by=actor)


def _locked(offer: Offer) -> tuple[Offer, Appointment | None]:
    """Hold the patient, then the timetables of the time offered and of the visit they have; return both as now."""
    waiting = offer.waiting
    Patient.objects.select_for_update().get(pk=waiting.patient_id)
    waiting = Waiting.objects.select_related("schedule", "appointment").get(pk=waiting.pk)
    own = waiting.appointment
    minutes.lock(waiting.schedule.timetable_id, *([own.timetable_id] if own else []))
    offer = Offer.objects.select_related(*offering.FULL).get(pk=offer.pk)
    if own is not None:
        own = Appointment.objects.select_related(*FULL).get(pk=own.pk)
    return offer, own


def _still_open(offer: Offer, at: datetime) -> Hold:
    if offer.outcome == OPEN and at < offer.lapses_at and offer.hold and offer.waiting.ended_at is None:
        return offer.hold
    schedule, visit_type = offer.waiting.schedule, offer.waiting.visit_type
    raise NotPossible(
        _("This time was kept for 30 minutes, which are over, so it goes to who is next. You stay on the list."),
        because="offer-over",
        instead=offering.next_free(schedule, visit_type, offer.starts, at),
    )


def _days_between(made: Appointment, own: Appointment) -> int:
    return (zones.local_day(own.starts, own.time_zone) - zones.local_day(made.starts, made.time_zone)).days


# --- What the list is worth ----------------------------------------------------------------------
@dataclass(frozen=True)
class Won:
    """What a list brought in a while: how many offers were made and taken, and how many days that won."""

    offered: int
    taken: int
    days: int
    mean_days: float | None


def won(institution_id: uuid.UUID, *, since: datetime, until: datetime) -> Won:
    """Return what the waiting list of an institution won, by offers made in a while."""
    rows = Offer.objects.filter(
        waiting__schedule__institution=institution_id, made_at__gte=since, made_at__lt=until
    ).aggregate(
        offered=Count("pk"), taken=Count("pk", filter=Q(outcome=TAKEN)), days=Sum("days_won"), mean=Avg("days_won")
    )
    return Won(rows["offered"], rows["taken"], rows["days"] or 0, rows["mean"])


# --- For the clock -------------------------------------------------------------------------------
def move_all_on() -> int:
    """Hand on every offer that lapsed, so that who is next need not wait for somebody to look; return how many."""
    late = Offer.objects.filter(outcome=OPEN, lapses_at__lte=clock.now())
    timetables = set(late.values_list("waiting__schedule__timetable", flat=True))
    count = late.count()
    for one in sorted(timetables):
        offering.move_on(one)
    return count


def end_what_is_over() -> int:
    """End waiting whose last day is over everywhere, and whose own visit is not ahead any more; return how many."""
    at = clock.now()
    gone = ~Q(appointment=None) & ~Q(appointment__status__in=AHEAD)
    past = Q(last_day__lt=zones.local_day(at, "Etc/GMT+12"))
    return Waiting.objects.filter(gone | past, ended_at__isnull=True).update(ended_at=at)
