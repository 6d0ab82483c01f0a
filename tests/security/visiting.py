"""What belongs to time with a clinician in the world of the doors: their place, hours and own time."""

from datetime import timedelta
from uuid import UUID

from appointments import schedules
from appointments.calendars import busy
from appointments.models import Payer, Schedule
from ehr import clock
from tests import people
from tests.appointments import clinics

CALENDARS = "https://calendars.example.org/private/basic.ics"


def rows(reader: people.Person) -> dict[str, object]:
    """Return the desk's rows for a clinician who can be booked."""
    made = Schedule.objects.filter(timetable__clinician__user=reader.user).first()
    if made is None:
        made = clinics.schedule(reader.user.clinician, clinics.visit_type())
        clinics.open_on(made, clinics.WEEKDAYS, "09:00", "12:00")
    return {
        "appointments_place": made.place,
        "appointments_visittype": made.visit_types.get(),
        "appointments_schedule": made,
        "appointments_payer": payer(made),
    }


def payer(made: Schedule) -> Payer:
    """Return whom an institution asks about insurance."""
    facts = {"name": "Lakeside Mutual", "our_number": "1234567893", "url": "https://payer.example.org/"}
    return Payer.objects.get_or_create(institution=made.institution, number="LAKE01", defaults=facts)[0]


def own_time(reader: people.Person) -> dict[str, UUID]:
    """Return when a clinician is away, and a calendar of theirs that is read."""
    starts = clock.now() + timedelta(days=9)
    who = reader.user.clinician
    absence, _visits = schedules.be_away(who, by=reader.user, starts=starts, ends=starts + timedelta(days=1))
    calendar = busy.connect(who, by=reader.user, name="University", address=CALENDARS)
    return {"absence": absence.pk, "calendar": calendar.pk}
