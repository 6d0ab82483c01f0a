"""When clinicians may be seen: schedules, their weekly hours, closures and extra hours.

An institution's administrators arrange its schedules; clinicians say when they are away. What is booked already stays:
whoever would close over it is told which visits these are, and may go on only by saying so.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from appointments import minutes, offering, zones
from appointments.models import Absence, Appointment, Closure, Hours, Place, Schedule, Timetable, VisitType
from appointments.models.availability import STEP_MINUTES
from appointments.places import must_administer, note
from appointments.rules import LIVE
from appointments.told import StillBooked, told
from audit import log
from ehr import clock
from ehr.accounts.models import User
from providers import queries
from providers.models import Clinician, Institution
from providers.rules import NotPossible

LONGEST_ABSENCE = timedelta(days=400)
LONGEST_NOTICE = 60 * 24 * 60  # minutes
LONGEST_HORIZON = 366  # days


class Weekly(NamedTuple):
    """Open from one time to another on a weekday, 0 being Monday. Midnight ends a day as 00:00."""

    weekday: int
    begins: time
    ends: time


def open_schedule(
    clinician: Clinician,
    *,
    by: User,
    institution: Institution,
    visit_types: Sequence[VisitType],
    place: Place | None = None,
    notice_minutes: int = 120,
    horizon_days: int = 90,
) -> Schedule:
    """Return a schedule of a clinician, without hours yet: at a place, or by video, then in the institution's zone.

    Raises NotPossible for somebody who does not work there, and for kinds of visit that are another institution's.
    """
    must_administer(by, institution)
    if not queries.members(institution).filter(pk=clinician.user_id).exists():
        raise NotPossible(_("They do not work at this institution. Confirm their place here first."))
    if place is not None and (place.institution_id != institution.pk or place.closed_at is not None):
        raise NotPossible(_("Choose a place of this institution that is open."))
    schedule = Schedule(
        institution=institution,
        place=place,
        time_zone=place.time_zone if place else institution.time_zone,
    )
    _set_rules(schedule, visit_types, notice_minutes, horizon_days)
    with transaction.atomic():
        closed = _closures(place)
        schedule.timetable, _new = Timetable.objects.get_or_create(clinician=clinician)
        schedule.save(force_insert=True)
        schedule.visit_types.set(visit_types)
        for one in closed:
            close_with_place(schedule, one)
        note("institution.schedule-opened", institution, by=by, schedule=str(schedule.pk))
    return schedule


def _closures(place: Place | None) -> list[Closure]:
    """Hold a place's row, and return when the whole of it is closed from now on."""
    if place is None:
        return []
    Place.objects.select_for_update().get(pk=place.pk)
    return list(place.closures.filter(ends__gt=clock.now()))


def close_with_place(schedule: Schedule, closure: Closure) -> None:
    """Close a schedule for as long as its whole place is. Call it with the place's row held."""
    Absence.objects.create(
        timetable_id=schedule.timetable_id,
        schedule=schedule,
        starts=closure.starts,
        ends=closure.ends,
        closure=closure,
    )


def change_schedule(
    schedule: Schedule, *, by: User, visit_types: Sequence[VisitType], notice_minutes: int, horizon_days: int
) -> Schedule:
    """Change what can be booked in a schedule, and how soon and how far ahead, for whoever books from now on."""
    must_administer(by, schedule.institution)
    _set_rules(schedule, visit_types, notice_minutes, horizon_days)
    with transaction.atomic():
        schedule.save(update_fields=["notice_minutes", "horizon_days"])
        schedule.visit_types.set(visit_types)
        note("institution.schedule-changed", schedule.institution, by=by, schedule=str(schedule.pk))
    return schedule


def _set_rules(schedule: Schedule, visit_types: Sequence[VisitType], notice_minutes: int, horizon_days: int) -> None:
    if not visit_types:
        raise NotPossible(_("Choose at least one kind of visit."))
    foreign = [one for one in visit_types if one.institution_id != schedule.institution_id or one.retired_at]
    if foreign:
        raise NotPossible(_("Choose kinds of visit that this institution offers."))
    if schedule.place is None and any(one.mode != VisitType.Mode.VIDEO for one in visit_types):
        raise NotPossible(_("A schedule without a place holds visits by video only. Choose a place, or other visits."))
    if not 0 <= notice_minutes <= LONGEST_NOTICE:
        raise NotPossible(_("Visits are booked between no time and 60 days ahead at the latest."))
    if not 1 <= horizon_days <= LONGEST_HORIZON:
        raise NotPossible(_("Visits are booked at most a year ahead."))
    schedule.notice_minutes, schedule.horizon_days = notice_minutes, horizon_days


def retire_schedule(schedule: Schedule, *, by: User) -> Schedule:
    """Use a schedule no longer. Raises StillBooked while visits of it lie ahead."""
    must_administer(by, schedule.institution)
    at = clock.now()
    with transaction.atomic():
        minutes.lock(schedule.timetable_id)
        if visits := list(Appointment.objects.filter(schedule=schedule, status__in=LIVE, ends__gt=at)):
            raise StillBooked(told(visits), visits)
        if not Schedule.objects.filter(pk=schedule.pk, retired_at__isnull=True).update(retired_at=at):
            raise NotPossible(_("This schedule is no longer used."))
        note("institution.schedule-retired", schedule.institution, by=by, schedule=str(schedule.pk))
    schedule.refresh_from_db()
    return schedule


def set_hours(
    schedule: Schedule, *, by: User, week: Iterable[Weekly], since: date, anyway: bool = False
) -> list[Appointment]:
    """Set the weekly hours from a day on; return the visits that are booked outside them, which stay.

    Raises StillBooked where there are such visits, unless `anyway`.
    """
    must_administer(by, schedule.institution)
    week = sorted(set(week))
    for rule in week:
        _check_rule(rule)
    if since < zones.local_day(clock.now(), schedule.time_zone):
        raise NotPossible(_("Hours change from today on, or from a later day."))
    with transaction.atomic(), offering.opening(schedule.timetable_id):
        extra = list(schedule.absences.filter(kind=Absence.Kind.EXTRA))
        outside = [one for one in _ahead(schedule, since) if not _within(one, week, extra)]
        if outside and not anyway:
            raise StillBooked(told(outside), outside)
        schedule.hours.filter(since__gte=since).delete()
        standing = schedule.hours.exclude(until__lt=since)
        standing.update(until=since - timedelta(days=1))
        Hours.objects.bulk_create(
            Hours(schedule=schedule, weekday=one.weekday, begins=one.begins, ends=one.ends, since=since) for one in week
        )
        note("institution.hours-set", schedule.institution, by=by, schedule=str(schedule.pk), since=since.isoformat())
    return outside


def _check_rule(rule: Weekly) -> None:
    if not 0 <= rule.weekday <= 6:
        raise NotPossible(_("A week has seven days."))
    if any(one.minute % STEP_MINUTES or one.second or one.microsecond for one in (rule.begins, rule.ends)):
        raise NotPossible(_("Hours begin and end at a full five minutes, such as 9:05."))
    if rule.ends != time(0) and rule.ends <= rule.begins:
        raise NotPossible(_("Hours end after they begin, on the same day. For a night, give two days."))


def _ahead(schedule: Schedule, since: date) -> list[Appointment]:
    """Return the visits of a schedule that lie ahead, from a local day on."""
    rows = Appointment.objects.filter(schedule=schedule, status__in=LIVE, ends__gt=clock.now())
    return [one for one in rows if zones.local_day(one.starts, schedule.time_zone) >= since]


def _within(visit: Appointment, week: Sequence[Weekly], extra: Sequence[Absence]) -> bool:
    """Tell whether weekly hours, or hours that are open as well, hold a visit, each of its steps."""
    day = zones.local_day(visit.starts, visit.time_zone)
    among = zones.spans(visit.time_zone, day, day + timedelta(days=1))
    open_steps: set[int] = set()
    for one in extra:
        if one.starts < visit.ends and visit.starts < one.ends:
            open_steps.update(range(zones.ceil_step(one.starts), zones.floor_step(one.ends)))
    for number in range(zones.day_number(day), zones.day_number(day) + 2):
        for rule in week:
            if rule.weekday == zones.day_of(number).weekday():
                begins, ends = zones.begin_of(rule.begins), zones.end_of(rule.ends)
                for low, high in zones.in_utc(number * zones.DAY + begins, number * zones.DAY + ends, among):
                    open_steps.update(range(low, high))
    return open_steps.issuperset(range(zones.floor_step(visit.starts), zones.ceil_step(visit.ends)))


def open_extra(schedule: Schedule, *, by: User, starts: datetime, ends: datetime) -> Absence:
    """Open a schedule between two moments although no weekly hours do."""
    must_administer(by, schedule.institution)
    check_time(starts, ends)
    if zones.moment(zones.floor_step(starts)) != starts or zones.moment(zones.floor_step(ends)) != ends:
        raise NotPossible(_("Hours begin and end at a full five minutes, such as 9:05."))
    with transaction.atomic(), offering.opening(schedule.timetable_id):
        made = Absence.objects.create(
            timetable_id=schedule.timetable_id, schedule=schedule, kind=Absence.Kind.EXTRA, starts=starts, ends=ends
        )
        note("institution.opened-as-well", schedule.institution, by=by, schedule=str(schedule.pk))
    return made


def close(
    schedule: Schedule, *, by: User, starts: datetime, ends: datetime, anyway: bool = False
) -> tuple[Absence, list[Appointment]]:
    """Close one schedule between two moments; return that, and the visits that are booked there, which stay.

    Raises StillBooked where there are such visits, unless `anyway`.
    """
    must_administer(by, schedule.institution)
    with transaction.atomic():
        made, visits = _close(schedule.timetable_id, schedule, starts, ends, anyway)
        note("institution.closed-for-a-time", schedule.institution, by=by, schedule=str(schedule.pk))
    return made, visits


def be_away(
    clinician: Clinician, *, by: User, starts: datetime, ends: datetime, anyway: bool = False
) -> tuple[Absence, list[Appointment]]:
    """Say that a clinician is away, wherever they work; they say so themselves, and nobody notes why.

    Returns and raises as `close` does.
    """
    if by.pk != clinician.user_id:
        raise NotPossible(_("Only the clinician says when they are away. Close the schedule instead."))
    with transaction.atomic():
        timetable, _new = Timetable.objects.get_or_create(clinician=clinician)
        made, visits = _close(timetable.pk, None, starts, ends, anyway)
        _note_own("clinician.away", by, absence=str(made.pk))
    return made, visits


def _close(
    timetable: int, schedule: Schedule | None, starts: datetime, ends: datetime, anyway: bool
) -> tuple[Absence, list[Appointment]]:
    check_time(starts, ends)
    minutes.lock(timetable)
    rows = Appointment.objects.filter(timetable=timetable, status__in=LIVE, starts__lt=ends, ends__gt=starts)
    visits = list(rows.filter(schedule=schedule) if schedule else rows)
    if visits and not anyway:
        raise StillBooked(told(visits), visits)
    made = Absence.objects.create(timetable_id=timetable, schedule=schedule, starts=starts, ends=ends)
    return made, visits


def end_absence(absence: Absence, *, by: User) -> None:
    """Take back a closure or extra hours: a clinician their own absence, an administrator that of a schedule.

    Raises StillBooked where visits are booked in extra hours, NotPossible for what was read from a calendar.
    """
    if absence.closure_id is not None:
        raise NotPossible(_("The whole place is closed then. Take that back where the place is."))
    if absence.kind == Absence.Kind.BUSY:
        raise NotPossible(_("This was read from a calendar. Change it there, or disconnect the calendar."))
    if absence.schedule is None:
        if absence.timetable.clinician.user_id != by.pk:
            raise NotPossible(_("Only the clinician says when they are away."))
    else:
        must_administer(by, absence.schedule.institution)
    with transaction.atomic(), offering.opening(absence.timetable_id):
        _check_extra_is_empty(absence)
        Absence.objects.filter(pk=absence.pk).delete()
        if absence.schedule is None:
            _note_own("clinician.back", by, absence=str(absence.pk))
        else:
            institution = absence.schedule.institution
            note("institution.closure-ended", institution, by=by, schedule=str(absence.schedule_id))


def away(clinician: Clinician, at: datetime) -> QuerySet[Absence]:
    """Return when a clinician says that they are away, from a moment on; what was read from calendars is not here."""
    rows = Absence.objects.filter(timetable=clinician.pk, schedule=None, kind=Absence.Kind.CLOSED, ends__gt=at)
    return rows.order_by("starts", "pk")


def _check_extra_is_empty(absence: Absence) -> None:
    if absence.kind == Absence.Kind.EXTRA:
        rows = Appointment.objects.filter(schedule=absence.schedule, status__in=LIVE)
        visits = list(rows.filter(starts__lt=absence.ends, ends__gt=absence.starts))
        if visits:
            raise StillBooked(told(visits), visits)


def check_time(starts: datetime, ends: datetime) -> None:
    """Raise NotPossible for a time that nobody closes or opens: over, the wrong way round, or longer than a year."""
    if ends <= starts:
        raise NotPossible(_("Give an end that comes after the beginning."))
    if ends <= clock.now():
        raise NotPossible(_("This time is over. Give one that lies ahead."))
    if ends - starts > LONGEST_ABSENCE:
        raise NotPossible(_("Give at most a year at once."))


def _note_own(action: str, by: User, **details: object) -> None:
    log.append(action, actor=queries.party(by), subject=None, outcome="done", details=details)
