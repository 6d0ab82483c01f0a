"""Visits as pages list them: a patient's own, what can be booked with whom, and what waits for an answer."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from appointments import minutes, video, zones
from appointments.availability import Slot, free
from appointments.models import (
    Appointment,
    Change,
    Dispute,
    Hold,
    Offer,
    Reminder,
    Schedule,
    Status,
    VisitType,
    Waiting,
)
from appointments.rules import LIVE
from consent.models import Referral
from ehr.accounts.models import User
from patients.models import Patient
from providers.queries import standing, standings

FULL = (
    "patient__user",
    "schedule__institution",
    "schedule__timetable__clinician__user",
    "timetable__clinician__user",
    "visit_type",
    "place",
    "grant",
    "booked_by",
)
MOST_FOUND = 50
MOST_TIMES = 120  # on one page, but for a single day that has more


def upcoming(patient: Patient, at: datetime) -> QuerySet[Appointment]:
    """Return a patient's visits that are not over, soonest first."""
    rows = Appointment.objects.filter(patient=patient, status__in=LIVE, ends__gt=at - timedelta(hours=12))
    return rows.select_related(*FULL).order_by("starts", "pk")


def past(patient: Patient, at: datetime) -> QuerySet[Appointment]:
    """Return all others, the latest first. What was moved stands where it was moved to."""
    rows = Appointment.objects.filter(patient=patient).exclude(status__in=LIVE, ends__gt=at - timedelta(hours=12))
    return rows.filter(moved_to=None).exclude(status=Status.MISTAKE).select_related(*FULL).order_by("-starts", "pk")


def one_of(patient: Patient, appointment: UUID) -> Appointment | None:
    """Return one of a patient's visits, or None."""
    return Appointment.objects.select_related(*FULL).filter(patient=patient, pk=appointment).first()


def latest_change(appointment: Appointment) -> Change | None:
    """Return what was last done with a visit."""
    return appointment.changes.order_by("-number").first()


def dispute_of(appointment: Appointment) -> Dispute | None:
    """Return what the patient last said against a no-show, or None."""
    return Dispute.objects.filter(change__appointment=appointment).order_by("-made_at").first()


def waiting_of(patient: Patient) -> QuerySet[Waiting]:
    """Return the lists on which a patient waits, oldest first."""
    rows = Waiting.objects.filter(patient=patient, ended_at=None)
    return rows.select_related("schedule__timetable__clinician", "schedule__institution", "visit_type", "appointment")


def one_waiting(patient: Patient, waiting: UUID) -> Waiting | None:
    """Return one of them, or None."""
    return waiting_of(patient).select_related("patient__user").filter(pk=waiting).first()


def offers_to(patient: Patient, at: datetime) -> QuerySet[Offer]:
    """Return the earlier times that are offered to a patient now."""
    rows = Offer.objects.filter(waiting__patient=patient, outcome=Offer.Outcome.OPEN, lapses_at__gt=at)
    return rows.select_related(
        "waiting__schedule__timetable__clinician__user", "waiting__patient__user", "waiting__visit_type", "hold"
    )


def one_offer(patient: Patient, offer: UUID) -> Offer | None:
    """Return an earlier time that was offered to a patient, answered or over as it may be."""
    rows = Offer.objects.filter(waiting__patient=patient, pk=offer)
    return rows.select_related(
        "waiting__schedule__timetable__clinician__user", "waiting__patient__user", "waiting__visit_type", "hold"
    ).first()


def hold_of(user: User, hold: UUID) -> Hold | None:
    """Return what somebody keeps while they fill in a page, over or not."""
    rows = Hold.objects.filter(pk=hold, by=user)
    return rows.select_related(
        "schedule__timetable__clinician__user", "schedule__institution", "schedule__place", "visit_type", "timetable"
    ).first()


def ends_of(visit_type: VisitType, starts: datetime) -> datetime:
    """Return when a visit of this kind that starts then is over."""
    return starts + minutes.lasting(visit_type)


@dataclass(frozen=True)
class Bookable:
    """Somebody who can be booked, where, and for what."""

    schedule: Schedule
    visit_types: tuple[VisitType, ...]

    @property
    def name(self) -> str:
        return self.schedule.timetable.clinician.full_name


def bookable(words: str, at: datetime, *, institution: UUID | None = None) -> list[Bookable]:
    """Return who can be booked now and is found under these words: a name, an institution, a place, a kind of visit.

    Whether there is free time is another question. By name; at most 50.
    """
    rows = Schedule.objects.filter(
        Q(place=None) | Q(place__closed_at=None),
        retired_at=None,
        visit_types__retired_at=None,
        visit_types__isnull=False,
    )
    if institution is not None:
        rows = rows.filter(institution=institution)
    for word in words.split():
        rows = rows.filter(
            Q(timetable__clinician__professional_name__icontains=word)
            | Q(institution__name__icontains=word)
            | Q(place__name__icontains=word)
            | Q(place__address__icontains=word)
            | Q(visit_types__name__icontains=word)
        )
    rows = rows.select_related("timetable__clinician__user", "institution", "place").prefetch_related("visit_types")
    found = list(rows.order_by("timetable__clinician__professional_name", "pk").distinct()[: MOST_FOUND * 2])
    return _in_standing(found, at)[:MOST_FOUND]


def _in_standing(found: Iterable[Schedule], at: datetime) -> list[Bookable]:
    found = list(found)
    seen = standings({one.timetable.clinician.user_id for one in found}, at) if found else {}
    here = [
        Bookable(one, tuple(k for k in one.visit_types.all() if k.retired_at is None and video.can_be_held(k)))
        for one in found
        if one.institution_id in seen[one.timetable.clinician.user_id].clinical_at
    ]
    return [one for one in here if one.visit_types]


def one_bookable(schedule: UUID, visit_type: UUID, at: datetime) -> tuple[Schedule, VisitType] | None:
    """Return a schedule and one of its kinds of visit, where that can be booked now."""
    rows = Schedule.objects.filter(pk=schedule, retired_at=None)
    rows = rows.select_related("timetable__clinician__user", "institution", "place").prefetch_related("visit_types")
    for one in _in_standing(rows, at):
        for kind in one.visit_types:
            if kind.pk == visit_type:
                return one.schedule, kind
    return None


@dataclass(frozen=True)
class FreeDay:
    """One local day of a schedule with its free times."""

    on: date
    slots: list[Slot]


def free_days(
    schedule: Schedule, visit_type: VisitType, *, first: date, at: datetime, days: int
) -> tuple[list[FreeDay], date | None]:
    """Return the days from `first` on with free time, within so many days, and the day after them that may be asked.

    Where a fortnight holds nothing, the next free day is looked for up to the horizon.
    """
    today = zones.local_day(at, schedule.time_zone)
    first = max(first, today)
    beyond = today + timedelta(days=schedule.horizon_days)
    last = min(first + timedelta(days=days - 1), beyond)
    found = free([schedule], visit_type, first=first, last=last, at=at)
    if not found and last < beyond:
        nearest = free([schedule], visit_type, first=last + timedelta(days=1), last=beyond, at=at, limit=1)
        if nearest:
            first = zones.local_day(nearest[0].starts, schedule.time_zone)
            last = min(first + timedelta(days=days - 1), beyond)
            found = free([schedule], visit_type, first=first, last=last, at=at)
    by_day: dict[date, list[Slot]] = {}
    for slot in found:
        by_day.setdefault(zones.local_day(slot.starts, schedule.time_zone), []).append(slot)
    listed: list[FreeDay] = []
    for on, slots in sorted(by_day.items()):
        if listed and sum(len(one.slots) for one in listed) + len(slots) > MOST_TIMES:
            last = on - timedelta(days=1)
            break
        listed.append(FreeDay(on, slots))
    after = last + timedelta(days=1)
    return listed, after if found and after <= beyond else None


def referrals_to(patient: Patient, schedule: Schedule) -> list[Referral]:
    """Return the referrals to a clinician that a patient agreed to and that carry no visit yet, newest first."""
    rows = Referral.objects.filter(
        patient=patient,
        state=Referral.State.APPROVED,
        to__user=schedule.timetable.clinician.user_id,
    )
    return list(rows.exclude(appointments__status__in=LIVE).select_related("referrer").order_by("-made_at"))


# --- Where people are seen -------------------------------------------------------------------------
def _with_confirmation(rows: QuerySet[Appointment]) -> QuerySet[Appointment]:
    """Say of each visit, as `confirmed`, whether its patient said by a reminder's link that they come."""
    return rows.annotate(
        confirmed=Exists(Reminder.objects.filter(appointment=OuterRef("pk")).exclude(confirmed_at=None))
    )


def is_confirmed(visit: Appointment) -> bool:
    """Tell whether a visit out of a list of staff's is one whose patient said that they come."""
    return bool(getattr(visit, "confirmed", False))


def of_day(rows: QuerySet[Appointment], on: date) -> list[Appointment]:
    """Return those of these visits that are on a day, each by the clocks of its own place, soonest first."""
    begin = datetime.combine(on, datetime.min.time(), UTC)
    near = rows.filter(starts__gte=begin - timedelta(hours=14), starts__lt=begin + timedelta(hours=38))
    near = near.prefetch_related("changes")
    return [one for one in near.order_by("starts", "pk") if zones.local_day(one.starts, one.time_zone) == on]


def today(rows: QuerySet[Appointment], at: datetime, *, elsewhere: date) -> date:
    """Return which day it is where the next of these visits is, or the last. `elsewhere`, the day where whoever looks
    is, counts only where there is none within a day: their own clocks may show tomorrow while people wait.
    """
    near = rows.filter(ends__gt=at - timedelta(days=1), starts__lt=at + timedelta(days=1))
    found = list(near.order_by("starts", "pk").values_list("ends", "time_zone"))
    ahead = [zone for ends, zone in found if ends > at]
    zone = ahead[0] if ahead else found[-1][1] if found else ""
    return zones.local_day(at, zone) if zone else elsewhere


def at_institutions(institutions: Iterable[UUID]) -> QuerySet[Appointment]:
    """Return the visits at some institutions; what was moved stands where it was moved to."""
    rows = Appointment.objects.filter(schedule__institution__in=list(institutions), moved_to=None)
    return _with_confirmation(rows.exclude(status=Status.MISTAKE).select_related(*FULL, "invoice"))


def with_clinician(user: User, at: datetime) -> QuerySet[Appointment]:
    """Return the visits with a clinician where they may be let in to clinical text now; elsewhere they see nobody."""
    rows = Appointment.objects.filter(timetable__clinician__user=user, moved_to=None)
    rows = rows.filter(schedule__institution__in=standing(user, at).clinical_at)
    return _with_confirmation(rows.exclude(status=Status.MISTAKE).select_related(*FULL))


def one_at(institutions: Iterable[UUID], appointment: UUID) -> Appointment | None:
    """Return one visit at one of these institutions, or None."""
    rows = Appointment.objects.filter(schedule__institution__in=list(institutions), pk=appointment)
    return _with_confirmation(rows.select_related(*FULL)).first()


def one_with(user: User, appointment: UUID, at: datetime) -> Appointment | None:
    """Return one of these visits, or None."""
    return with_clinician(user, at).filter(pk=appointment).first()


def seen_at(institutions: Iterable[UUID], patient: UUID) -> Patient | None:
    """Return a patient who has or had a visit at one of these institutions."""
    rows = Patient.objects.filter(appointments__schedule__institution__in=list(institutions), pk=patient)
    return rows.select_related("user").distinct().first()


def open_disputes(institutions: Iterable[UUID]) -> QuerySet[Dispute]:
    """Return what patients say against no-shows there and nobody answered yet, oldest first."""
    rows = Dispute.objects.filter(
        outcome=Dispute.Outcome.OPEN, change__appointment__schedule__institution__in=list(institutions)
    )
    return rows.select_related(
        "change__appointment__patient__user",
        "change__appointment__schedule",
        "change__appointment__timetable__clinician__user",
        "change__appointment__visit_type",
        "change__appointment__place",
    )
