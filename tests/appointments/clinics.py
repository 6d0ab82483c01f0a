"""Places, kinds of visit and hours that tests introduce, and time that is taken in them."""

import uuid
from datetime import UTC, date, datetime, time, timedelta

from appointments.availability import free, steps
from appointments.models import Appointment, Hold, Hours, Place, Schedule, Taken, Timetable, VisitType
from ehr import clock
from tests import people

LONG_AGO = date(2020, 1, 1)
WEEKDAYS = range(5)


def place(institution=None, *, zone: str = "America/Toronto", name: str = "") -> Place:
    """Return a place of an institution."""
    return Place.objects.create(
        institution=institution or people.institution(),
        name=name or f"House {uuid.uuid4().hex[:6]}",
        address="1 Water Street, Halifax",
        time_zone=zone,
    )


def visit_type(institution=None, *, minutes: int = 30, before: int = 0, after: int = 0, **more) -> VisitType:
    """Return a kind of visit."""
    return VisitType.objects.create(
        institution=institution or people.institution(),
        name=more.pop("name", f"Visit {uuid.uuid4().hex[:6]}"),
        minutes=minutes,
        before_minutes=before,
        after_minutes=after,
        **more,
    )


def schedule(clinician, *types: VisitType, where: Place | None = None, **more) -> Schedule:
    """Return a clinician's schedule, without hours, without notice, and bookable a year ahead."""
    where = where or place()
    made = Schedule.objects.create(
        timetable=Timetable.objects.get_or_create(clinician=clinician)[0],
        institution=where.institution,
        place=where,
        time_zone=where.time_zone,
        **{"notice_minutes": 0, "horizon_days": 365} | more,
    )
    made.visit_types.set(types)
    return made


def open_on(made: Schedule, weekdays, begins: str, ends: str, **more) -> None:
    """Open a schedule on some weekdays from one time to another."""
    for weekday in weekdays:
        Hours.objects.create(
            schedule=made,
            weekday=weekday,
            begins=time.fromisoformat(begins),
            ends=time.fromisoformat(ends),
            **{"since": LONG_AGO} | more,
        )


def hold(made: Schedule, kind: VisitType, starts: datetime, *, until: datetime) -> Hold:
    """Keep a time, with its rows."""
    kept = Hold.objects.create(
        timetable=made.timetable, schedule=made, visit_type=kind, starts=starts, expires_at=until, made_at=LONG_BEFORE
    )
    Taken.objects.bulk_create(Taken(timetable=made.timetable, at=at, hold=kept) for at in steps(kind, starts))
    return kept


def booked(made: Schedule, kind: VisitType, starts: datetime, patient: people.Person) -> Appointment:
    """Book a time, with its rows."""
    visit = Appointment.objects.create(
        patient=patient.patient,
        timetable=made.timetable,
        schedule=made,
        place=made.place,
        visit_type=kind,
        starts=starts,
        ends=starts + timedelta(minutes=kind.minutes),
        time_zone=made.time_zone,
        price=kind.price,
        currency=kind.currency,
        policy={},
        booked_by=patient.user,
    )
    Taken.objects.bulk_create(Taken(timetable=made.timetable, at=at, appointment=visit) for at in steps(kind, starts))
    return visit


LONG_BEFORE = datetime(2020, 1, 1, tzinfo=UTC)


def free_starts(made: Schedule, kind: VisitType, day: date) -> list[datetime]:
    """Return when visits may start on a day, in UTC."""
    return [one.starts for one in free([made], kind, first=day, last=day, at=clock.now())]
