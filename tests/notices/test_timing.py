"""Quiet hours hold on the wall clock of whoever is told, across midnight and when the clocks change."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as some

from ehr.notices import timing
from ehr.notices.timing import Pace, Wishes

pytestmark = pytest.mark.point(10)
NIGHT = (time(22), time(7))
ZONES = ["UTC", "America/Toronto", "Europe/Lisbon", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kolkata"]
MINUTES = some.integers(0, 24 * 60 - 1).map(lambda minute: time(minute // 60, minute % 60))


def wishes(quiet=NIGHT, pace=Pace.INSTANT, zone="America/Toronto") -> Wishes:
    return Wishes(pace, *quiet, zone)


def there(text: str, *, fold: int = 0, zone: str = "America/Toronto") -> datetime:
    """The moment when the wall clock over there shows this; fold 1 is the second time it does."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


@pytest.mark.parametrize(
    ("at", "leaves"),
    [
        ("2026-11-21T12:00", "2026-11-21T12:00"),
        ("2026-11-21T21:59:59", "2026-11-21T21:59:59"),
        ("2026-11-21T22:00", "2026-11-22T07:00"),
        ("2026-11-22T00:00", "2026-11-22T07:00"),
        ("2026-11-22T06:59:59", "2026-11-22T07:00"),
        ("2026-11-22T07:00", "2026-11-22T07:00"),
    ],
)
def test_what_comes_in_the_night_leaves_in_the_morning(at, leaves):
    assert timing.after_quiet(wishes(), there(at)) == there(leaves)


@pytest.mark.parametrize(
    ("quiet", "at", "hours"),
    [
        (NIGHT, "2026-03-07T23:00", 7),  # clocks go forward at 02:00 on 8 March: this night is an hour shorter
        (NIGHT, "2026-10-31T23:00", 9),  # back at 02:00 on 1 November: an hour longer
        (NIGHT, "2026-11-21T23:00", 8),
    ],
)
def test_the_night_in_which_the_clocks_change_ends_at_the_same_hour_on_the_wall(quiet, at, hours):
    assert timing.after_quiet(wishes(quiet), there(at)) - there(at) == timedelta(hours=hours)


def test_an_end_that_the_clock_jumps_over_is_an_hour_later():
    asked = wishes((time(1), time(2, 30)))
    assert timing.after_quiet(asked, there("2026-03-08T01:30")) == there("2026-03-08T03:30")


def test_an_hour_that_comes_twice_is_quiet_twice():
    asked = wishes((time(1), time(1, 30)))
    assert timing.after_quiet(asked, there("2026-11-01T01:10")) == there("2026-11-01T01:30")
    assert timing.after_quiet(asked, there("2026-11-01T01:10", fold=1)) == there("2026-11-01T01:30", fold=1)


def test_without_quiet_hours_nothing_waits():
    at = there("2026-11-21T03:00")
    assert timing.due(Wishes(), since=at, emergency=False) == at


def test_a_zone_that_this_machine_does_not_know_counts_as_utc():
    at = datetime(2026, 11, 21, 23, tzinfo=UTC)
    assert timing.after_quiet(wishes(zone="Mars/Olympus"), at) == datetime(2026, 11, 22, 7, tzinfo=UTC)


@given(
    zone=some.sampled_from(ZONES),
    quiet=some.tuples(MINUTES, MINUTES).filter(lambda pair: pair[0] != pair[1]),
    at=some.integers(0, 20 * 365 * 86_400).map(
        lambda seconds: datetime(2011, 1, 1, tzinfo=UTC) + timedelta(0, seconds)
    ),
)
def test_nothing_leaves_in_quiet_hours_and_nothing_waits_outside_them(zone, quiet, at):
    asked = wishes(quiet, zone=zone)
    leaves = timing.after_quiet(asked, at)
    wall = leaves.astimezone(ZoneInfo(zone)).time()
    inside = quiet[0] <= wall < quiet[1] if quiet[0] < quiet[1] else wall >= quiet[0] or wall < quiet[1]
    assert not inside
    assert (leaves == at) is not timing.is_quiet(asked, at)
    assert timedelta(0) <= leaves - at <= timedelta(hours=26)


@pytest.mark.parametrize(
    ("pace", "after", "made"),
    [
        (Pace.DAILY, "2026-11-21T07:59", "2026-11-21T08:00"),
        (Pace.DAILY, "2026-11-21T08:00", "2026-11-22T08:00"),
        (Pace.WEEKLY, "2026-11-21T07:59", "2026-11-23T08:00"),  # a Saturday, then Monday
        (Pace.WEEKLY, "2026-11-23T08:00", "2026-11-30T08:00"),
    ],
)
def test_digests_are_made_at_eight_in_the_morning_each_day_or_on_mondays(pace, after, made):
    assert timing.next_digest(wishes(pace=pace), there(after)) == there(made)


def test_a_digest_waits_for_quiet_hours_to_end():
    late = wishes((time(23), time(10)), Pace.DAILY)
    assert timing.next_digest(late, there("2026-11-21T12:00")) == there("2026-11-22T10:00")


@pytest.mark.parametrize("pace", Pace)
def test_an_emergency_waits_for_nothing(pace):
    at = there("2026-11-21T23:00")
    assert timing.due(wishes(pace=pace), since=at, emergency=True) == at
