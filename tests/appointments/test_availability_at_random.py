"""The search against a scan of every minute, over hours, absences, buffers, bookings and clocks drawn at random."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appointments import availability
from appointments.models import Absence, Hours, Place, Schedule, Taken, VisitType
from tests import people
from tests.appointments import clinics, slow_search

pytestmark = pytest.mark.django_db

# Days around which clocks change there, or just days.
AROUND = {
    "America/Toronto": (date(2027, 3, 14), date(2026, 11, 1)),
    "Europe/Berlin": (date(2027, 3, 28), date(2026, 10, 25)),
    # Half an hour of daylight saving.
    "Australia/Lord_Howe": (date(2027, 4, 4), date(2026, 10, 4)),
    # A quarter of an hour and no change; the change falls on midnight; clocks go back at midnight to the day before.
    "Asia/Kathmandu": (date(2027, 1, 1),),
    "Asia/Kolkata": (date(2026, 12, 31),),
    "Africa/Cairo": (date(2027, 4, 30), date(2026, 10, 30)),
    "America/Havana": (date(2027, 3, 14), date(2026, 11, 1)),
    "Pacific/Auckland": (date(2027, 4, 4), date(2026, 9, 27)),
}
ZONES = sorted(AROUND)
FIVE = timedelta(minutes=5)


@dataclass
class Two:
    """Two clinicians, one of whom works at two places."""

    one: object
    other: object
    patient: people.Person


@pytest.fixture
def two() -> Two:
    people.prepare_ground()
    one, other = people.clinician("Mei Lee"), people.clinician("Sam Roy")
    return Two(one.user.clinician, other.user.clinician, people.patient())


clock_time = st.builds(time, st.integers(0, 23), st.sampled_from(range(0, 60, 5)))
rules = st.lists(st.tuples(st.integers(0, 6), clock_time, clock_time, st.booleans()), min_size=1, max_size=8)
shape = st.tuples(
    st.sampled_from([5, 10, 15, 20, 30, 45, 60, 90]), st.sampled_from([0, 5, 15]), st.sampled_from([0, 10])
)
# An offset in steps from the beginning of the days, a length in minutes, a kind, and which schedule.
absences = st.lists(
    st.tuples(
        st.integers(-200, 900), st.integers(1, 500), st.sampled_from(["closed", "busy", "extra"]), st.integers(0, 3)
    ),
    max_size=6,
)
bookings = st.lists(st.tuples(st.integers(-50, 900), st.integers(0, 2), st.booleans()), max_size=12)


@given(
    data=st.data(),
    zones=st.tuples(*[st.sampled_from(ZONES)] * 3),
    hours=st.tuples(rules, rules, rules),
    shape=shape,
    absences=absences,
    bookings=bookings,
    notice=st.sampled_from([0, 45, 600]),
    horizon=st.sampled_from([0, 1, 2, 90]),
    ahead=st.integers(-1500, 3000),
)
@settings(max_examples=30, suppress_health_check=list(HealthCheck))
def test_what_is_offered_is_what_a_scan_of_every_minute_finds(
    two, data, zones, hours, shape, absences, bookings, notice, horizon, ahead
):
    centre = data.draw(st.sampled_from(AROUND[zones[0]]))
    first, last = centre - timedelta(days=1), centre + timedelta(days=1)
    begin = datetime.combine(first, time(0), UTC)
    at = begin + timedelta(minutes=ahead)
    with transaction.atomic():
        kind = clinics.visit_type(minutes=shape[0], before=shape[1], after=shape[2])
        other = clinics.visit_type(minutes=25)
        clinicians = (two.one, two.one, two.other)
        schedules = [
            clinics.schedule(
                who, kind, other, where=clinics.place(zone=zone), notice_minutes=notice, horizon_days=horizon
            )
            for who, zone in zip(clinicians, zones, strict=True)
        ]
        for schedule, rows in zip(schedules, hours, strict=True):
            _open(schedule, rows, centre)
        _absent(schedules, begin, absences)
        _book(schedules, other, two.patient, begin, at, bookings)
        found = availability.free(schedules, kind, first=first, last=last, at=at)
        slow = slow_search.search(schedules, kind, first=first, last=last, at=at)
        assert [(one.starts, one.schedule_id) for one in found] == slow
        some = availability.free(schedules, kind, first=first, last=last, at=at, limit=3)
        assert some == found[:3]
        _check_agrees(schedules, kind, begin, at, data)
        transaction.set_rollback(True)


def _place(zone: str) -> Place:
    return clinics.place(zone=zone)


def _open(schedule: Schedule, rows, centre: date) -> None:
    for weekday, begins, ends, only_until in rows:
        until = centre if only_until else None
        Hours.objects.create(
            schedule=schedule, weekday=weekday, begins=begins, ends=ends, since=clinics.LONG_AGO, until=until
        )


def _absent(schedules: list[Schedule], begin: datetime, rows) -> None:
    for offset, minutes, kind, which in rows:
        schedule = schedules[which] if which < 3 else None
        length = timedelta(minutes=minutes)
        starts = begin + offset * FIVE + timedelta(minutes=0 if kind == "extra" else minutes % 5)
        if kind == "extra":
            schedule, length = schedule or schedules[0], timedelta(minutes=-(-minutes // 5) * 5)
        timetable = (schedule or schedules[0]).timetable
        Absence.objects.create(timetable=timetable, schedule=schedule, kind=kind, starts=starts, ends=starts + length)


def _book(schedules: list[Schedule], kind: VisitType, patient, begin: datetime, at: datetime, rows) -> None:
    for offset, which, held in rows:
        starts = begin + offset * FIVE
        steps = availability.steps(kind, starts)
        if Taken.objects.filter(timetable=schedules[which].timetable, at__in=steps).exists():
            continue
        if held:
            until = at + timedelta(minutes=5 if offset % 2 else 0)
            clinics.hold(schedules[which], kind, starts, until=until)
        else:
            clinics.booked(schedules[which], kind, starts, patient)


def _check_agrees(schedules: list[Schedule], kind: VisitType, begin: datetime, at: datetime, data) -> None:
    """A single start is judged as the scan judges it, also between those that are offered."""
    scan = slow_search.Scan(schedules[0], at)
    for offset in data.draw(st.lists(st.integers(0, 860), max_size=10)):
        starts = begin + offset * FIVE
        fits = scan.fits(kind, starts) and scan.bookable(starts)
        try:
            availability.check(schedules[0], kind, starts, at=at)
        except availability.NotFree:
            assert not fits
        else:
            assert fits
