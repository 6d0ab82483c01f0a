"""Looking for free time: fifty clinicians, ninety days, all of it, while what is near is mostly taken."""

import random
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from appointments import availability
from appointments.models import Absence, Schedule, Taken
from ehr import clock
from ehr.accounts.models import User
from providers.models import Clinician, Credential, Membership
from providers.roles import Role
from tests import people
from tests.appointments import clinics
from tests.bench.measuring import Row, wall_ms
from tests.people import LONG_AGO

CLINICIANS = 50
DAYS = 90
GOAL = 50.0  # milliseconds
HALIFAX = ZoneInfo("America/Halifax")


def measure() -> list[Row]:
    """Return how long a search takes: for all there is, and for the first fifty."""
    hospital = people.institution("Bench Clinic")
    kind = clinics.visit_type(hospital, minutes=30, after=10)
    place = clinics.place(hospital, zone="America/Halifax")
    patient = people.patient("Bench Patient")
    chance = random.Random(5)
    schedules = [_schedule(number, hospital, place, kind, patient, chance) for number in range(CLINICIANS)]
    at = clock.now()
    first = at.date()
    last = first + timedelta(days=DAYS)

    def search(limit: int | None = None) -> list[availability.Slot]:
        return availability.free(schedules, kind, first=first, last=last, at=at, limit=limit)

    everything = search()
    taken = Taken.objects.filter(timetable__in=[one.timetable_id for one in schedules]).count()
    whole, some = wall_ms(search), wall_ms(lambda: search(50))
    among = f"{CLINICIANS} clinicians × {DAYS} days"
    note = f"{len(everything):,} slots found among {taken:,} taken five minutes; nothing is kept between searches."
    return [
        Row(f"all free slots of {among}, p50", f"{whole:.0f} ms", f"≤ {GOAL:.0f} ms", whole <= GOAL, note),
        Row(f"the first 50 free slots of {among}, p50", f"{some:.0f} ms", f"≤ {GOAL:.0f} ms", some <= GOAL),
    ]


def _schedule(number: int, hospital, place, kind, patient, chance: random.Random) -> Schedule:
    doctor = _doctor(number, hospital, patient.user)
    made = clinics.schedule(doctor, kind, where=place, notice_minutes=120, horizon_days=DAYS)
    clinics.open_on(made, clinics.WEEKDAYS, "08:30", "12:00")
    clinics.open_on(made, clinics.WEEKDAYS, "13:00", "17:00")
    today = clock.now().date()
    for week in range(DAYS // 7):
        starts = datetime.combine(today + timedelta(days=7 * week + number % 7), time(13), HALIFAX)
        Absence.objects.create(timetable=made.timetable, starts=starts, ends=starts + timedelta(hours=2))
    _book(made, kind, patient, chance)
    return made


def _doctor(number: int, hospital, verifier: User) -> Clinician:
    """Return a clinician in good standing, without the keys that cost a second to make."""
    user = User.objects.create(email=f"doctor{number}@example.org", name=f"Doctor {number}", email_verified_at=LONG_AGO)
    doctor = Clinician.objects.create(user=user, title="Dr", professional_name=user.name)
    Membership.objects.create(
        clinician=doctor, institution=hospital, starts_at=LONG_AGO, confirmed_at=LONG_AGO, confirmed_by=user
    )
    Credential.objects.create(
        clinician=doctor,
        role=Role.PRIMARY_PHYSICIAN,
        licence_number=f"B-{number}",
        issuing_body="College of Physicians",
        country="CA",
        training="Medicine",
        expires_at=people.FAR_AHEAD,
        digest=number.to_bytes(32),
        status=Credential.Status.APPROVED,
        submitted_by=user,
        first_approver=verifier,
        decided_at=LONG_AGO,
        confirmed_at=clock.now(),
    )
    return doctor


def _book(made: Schedule, kind, patient, chance: random.Random) -> None:
    """Take most of what is near and little of what is far, as people do."""
    at = clock.now()
    today = at.date()
    every = availability.free([made], kind, first=today, last=today + timedelta(days=DAYS), at=at)
    for slot in every:
        ahead = (slot.starts - at).days
        if chance.random() < max(0.1, 0.9 - ahead / 60):
            clinics.booked(made, kind, slot.starts, patient)
