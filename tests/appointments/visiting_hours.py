"""Dr Lee's hours at the Harbour Medical Centre, and the people around them: patients, and who stands at the desk."""

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from appointments import booking
from appointments.minutes import of_visit
from appointments.models import Appointment, Hold, Schedule, Taken, VisitType
from appointments.rules import FREED
from ehr import clock
from providers.roles import Role
from tests import people
from tests.appointments import clinics
from tests.people import Person

TORONTO = ZoneInfo("America/Toronto")
# A Monday, at seven in the morning there.
BEGUN = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@dataclass
class Clinic:
    """One clinician's schedule from nine to five on weekdays, visits of half an hour, and the people around it."""

    lee: Person
    desk: Person
    schedule: Schedule
    kind: VisitType
    patients: list[Person] = field(default_factory=list)

    def patient(self, name: str = "Ana Costa") -> Person:
        made = people.patient(name)
        self.patients.append(made)
        return made

    def hold(self, starts: datetime, by: Person, *, once=None, **more) -> Hold:
        return booking.hold(self.schedule, self.kind, starts, by=by.user, once=once or uuid.uuid4(), **more)

    def book(self, starts: datetime, patient: Person, *, by: Person | None = None, **more) -> Appointment:
        by = by or patient
        kept = self.hold(starts, by)
        return booking.book(kept, patient=patient.patient, by=by.user, once=more.pop("once", uuid.uuid4()), **more)

    def propose(self, starts: datetime, patient: Person, *, by: Person | None = None) -> Appointment:
        by = by or self.lee
        return booking.propose(self.hold(starts, by), patient=patient.patient, by=by.user, once=uuid.uuid4())

    def move(self, visit: Appointment, starts: datetime, by: Person, *, once=None) -> Appointment:
        kept = self.hold(starts, by, besides=visit)
        return booking.move(visit, kept, by=by.user, once=once or uuid.uuid4())


def clinic(name: str = "Mei Lee", **more) -> Clinic:
    """Return a clinic with a clinician and somebody at its desk."""
    lee, desk = people.clinician(name), people.clinician("Fay Front", role=Role.FRONT_DESK)
    kind = clinics.visit_type(**{"minutes": 30, "price": 8000, "no_show_percent": 50} | more)
    made = clinics.schedule(lee.user.clinician, kind)
    clinics.open_on(made, clinics.WEEKDAYS, "09:00", "17:00")
    return Clinic(lee, desk, made, kind)


def on(day: int, at: str) -> datetime:
    """Return so many days after the Monday, at an hour in Toronto."""
    local = (BEGUN + timedelta(days=day)).astimezone(TORONTO).date()
    return datetime.combine(local, time.fromisoformat(at), tzinfo=TORONTO).astimezone(UTC)


def minutes_are_whose_they_should_be() -> None:
    """The rows of minutes are exactly those of visits that were not called off, and of holds that last."""
    wanted: set[tuple] = set()
    for visit in Appointment.objects.exclude(status__in=FREED).select_related("visit_type"):
        wanted |= {(visit.timetable_id, at, visit.pk, None) for at in of_visit(visit)}
    rows = Taken.objects.exclude(hold__expires_at__lte=clock.now())
    taken = set(rows.values_list("timetable", "at", "appointment", "hold"))
    assert {row for row in taken if row[2]} == wanted
    holds = set(Hold.objects.filter(expires_at__gt=clock.now()).values_list("pk", flat=True))
    assert {row[3] for row in taken if row[3]} == holds
    assert len({row[:2] for row in taken}) == len(taken)


def chains_are_whole() -> None:
    """Each visit's changes count up from one, each begins where the one before ended, the last is what the visit is."""
    for visit in Appointment.objects.all():
        made = list(visit.changes.order_by("number"))
        assert [one.number for one in made] == list(range(1, len(made) + 1))
        assert all(one.before == before.after for before, one in pairwise(made))
        assert made[-1].after == visit.status
