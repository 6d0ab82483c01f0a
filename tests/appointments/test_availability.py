"""What can be booked: hours less absences less what is taken, in the clocks of the place."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine

from appointments import availability
from appointments.availability import NotFree, check, free
from appointments.models import Absence, Taken
from ehr import clock
from providers.models import Credential
from tests import people
from tests.appointments import clinics

pytestmark = pytest.mark.django_db

TORONTO = ZoneInfo("America/Toronto")
MONDAY = date(2026, 6, 1)
SUNDAY_BEFORE = datetime(2026, 5, 31, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _on_a_sunday():
    with time_machine.travel(SUNDAY_BEFORE, tick=False):
        yield


@pytest.fixture
def lee():
    people.prepare_ground()
    return people.clinician("Mei Lee").user.clinician


@pytest.fixture
def kind():
    return clinics.visit_type(minutes=30)


@pytest.fixture
def mornings(lee, kind):
    """Dr Lee's hours from nine to eleven on Mondays."""
    made = clinics.schedule(lee, kind)
    clinics.open_on(made, [0], "09:00", "11:00")
    return made


def shown(slots) -> list[str]:
    """Return starts as the clocks of the place show them."""
    return [one.starts.astimezone(ZoneInfo(one.time_zone)).strftime("%H:%M") for one in slots]


def on(day: date, schedule, kind, **more) -> list[str]:
    return shown(free([schedule], kind, first=day, last=day, at=clock.now(), **more))


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=TORONTO).astimezone(UTC)


def test_the_hours_of_a_morning_are_filled_with_visits(mornings, kind):
    assert on(MONDAY, mornings, kind) == ["09:00", "09:30", "10:00", "10:30"]


def test_a_slot_says_where_it_belongs_and_when_it_ends(mornings, kind):
    slot = free([mornings], kind, first=MONDAY, last=MONDAY, at=clock.now())[0]
    assert slot == (mornings.pk, kind.pk, local("2026-06-01T09:00"), local("2026-06-01T09:30"), "America/Toronto")


def test_minutes_kept_free_separate_visits_and_may_lie_outside_the_hours(lee):
    kind = clinics.visit_type(minutes=30, before=5, after=10)
    made = clinics.schedule(lee, kind)
    clinics.open_on(made, [0], "09:00", "10:15")
    assert on(MONDAY, made, kind) == ["09:00", "09:45"]


def test_what_is_taken_counts_at_every_place_of_a_clinician(mornings, kind, lee):
    elsewhere = clinics.schedule(lee, kind, where=clinics.place(zone="America/Halifax"))
    clinics.hold(elsewhere, kind, local("2026-06-01T09:30"), until=clock.now() + timedelta(minutes=10))
    assert on(MONDAY, mornings, kind) == ["09:00", "10:00", "10:30"]


def test_a_hold_that_lapsed_takes_nothing(mornings, kind):
    clinics.hold(mornings, kind, local("2026-06-01T09:30"), until=clock.now())
    assert "09:30" in on(MONDAY, mornings, kind)


def test_a_closure_of_one_place_leaves_the_other_open(mornings, kind, lee):
    other = clinics.schedule(lee, kind)
    clinics.open_on(other, [0], "09:00", "11:00")
    span = {"starts": local("2026-06-01T00:00"), "ends": local("2026-06-02T00:00")}
    Absence.objects.create(timetable=mornings.timetable, schedule=mornings, **span)
    assert on(MONDAY, mornings, kind) == []
    assert on(MONDAY, other, kind) == ["09:00", "09:30", "10:00", "10:30"]


def test_an_absence_holds_wherever_a_clinician_works(mornings, kind, lee):
    other = clinics.schedule(lee, kind)
    clinics.open_on(other, [0], "09:00", "11:00")
    Absence.objects.create(
        timetable=mornings.timetable,
        kind=Absence.Kind.BUSY,
        starts=local("2026-06-01T09:02"),
        ends=local("2026-06-01T09:57"),
    )
    assert on(MONDAY, mornings, kind) == on(MONDAY, other, kind) == ["10:00", "10:30"]


def test_extra_hours_are_open_as_well(mornings, kind):
    Absence.objects.create(
        timetable=mornings.timetable,
        schedule=mornings,
        kind=Absence.Kind.EXTRA,
        starts=local("2026-06-01T11:00"),
        ends=local("2026-06-01T11:30"),
    )
    assert on(MONDAY, mornings, kind)[-1] == "11:00"


def test_hours_that_end_at_midnight_end_the_day(lee, kind):
    made = clinics.schedule(lee, kind)
    clinics.open_on(made, [0], "23:00", "00:00")
    assert on(MONDAY, made, kind) == ["23:00", "23:30"]


def test_an_hour_that_clocks_skip_is_not_offered(lee, kind):
    made = clinics.schedule(lee, kind)
    clinics.open_on(made, [6], "01:00", "04:00")
    assert on(date(2027, 3, 14), made, kind) == ["01:00", "01:30", "03:00", "03:30"]


def test_an_hour_that_clocks_show_twice_is_offered_once(lee, kind):
    made = clinics.schedule(lee, kind)
    clinics.open_on(made, [6], "00:30", "03:00")
    found = free([made], kind, first=date(2026, 11, 1), last=date(2026, 11, 1), at=clock.now())
    assert shown(found) == ["00:30", "01:00", "01:30", "02:00", "02:30"]
    assert found[3].starts - found[2].starts == timedelta(minutes=90)


def test_half_an_hour_of_daylight_saving_is_half_an_hour(lee, kind):
    made = clinics.schedule(lee, kind, where=clinics.place(zone="Australia/Lord_Howe"))
    clinics.open_on(made, [6], "01:00", "03:30")
    assert on(date(2026, 10, 4), made, kind) == ["01:00", "01:30", "02:30", "03:00"]


def test_notice_leaves_the_other_starts_where_they_were(mornings, kind):
    mornings.notice_minutes = 60
    with time_machine.travel(local("2026-06-01T08:10"), tick=False):
        assert on(MONDAY, mornings, kind) == ["09:30", "10:00", "10:30"]


def test_the_horizon_is_a_day_at_the_place(mornings, kind):
    mornings.horizon_days = 1
    assert on(MONDAY, mornings, kind)
    assert not on(MONDAY + timedelta(days=7), mornings, kind)


def test_who_is_not_in_good_standing_offers_nothing(mornings, kind):
    Credential.objects.update(status=Credential.Status.REVOKED)
    assert on(MONDAY, mornings, kind) == []


def test_a_closed_place_and_a_retired_kind_of_visit_offer_nothing(mornings, kind):
    mornings.place.closed_at = clock.now()
    mornings.place.save()
    assert on(MONDAY, mornings, kind) == []
    mornings.place.closed_at = None
    mornings.place.save()
    kind.retired_at = clock.now()
    kind.save()
    assert on(MONDAY, mornings, kind) == []


def test_the_first_few_are_found_without_looking_at_every_day(mornings, kind, django_assert_num_queries):
    with django_assert_num_queries(6):
        found = free([mornings], kind, first=MONDAY, last=MONDAY + timedelta(days=80), at=clock.now(), limit=3)
    assert shown(found) == ["09:00", "09:30", "10:00"]


def test_many_schedules_take_no_more_queries_than_one(mornings, kind, lee, django_assert_num_queries):
    others = [clinics.schedule(lee, kind) for _ in range(5)]
    for other in others:
        clinics.open_on(other, [0], "09:00", "11:00")
    with django_assert_num_queries(6):
        found = free([mornings, *others], kind, first=MONDAY, last=MONDAY + timedelta(days=80), at=clock.now())
    assert len(found) == 12 * 6 * 4


def test_a_visit_takes_its_five_minutes_and_those_around_it():
    kind = clinics.visit_type(minutes=10, before=5, after=5)
    marks = availability.steps(kind, local("2026-06-01T09:00"))
    assert [one.astimezone(TORONTO).strftime("%H:%M") for one in marks] == ["08:55", "09:00", "09:05", "09:10"]


def test_a_time_between_the_ones_on_offer_can_be_booked(mornings, kind):
    check(mornings, kind, local("2026-06-01T09:10"), at=clock.now())


@pytest.mark.parametrize("starts", ["2026-06-01T08:55", "2026-06-01T10:35", "2026-06-01T09:02", "2026-06-02T09:00"])
def test_a_time_that_does_not_fit_is_refused_with_the_next_ones(mornings, kind, starts):
    with pytest.raises(NotFree) as refused:
        check(mornings, kind, local(starts), at=clock.now())
    assert str(refused.value)
    assert len(refused.value.instead) == 5


def test_a_time_that_is_gone_is_refused_but_not_to_whoever_holds_it(mornings, kind):
    held = clinics.hold(mornings, kind, local("2026-06-01T09:30"), until=clock.now() + timedelta(minutes=10))
    with pytest.raises(NotFree, match="no longer free"):
        check(mornings, kind, held.starts, at=clock.now())
    check(mornings, kind, held.starts, at=clock.now(), besides=held)


def test_a_hold_made_in_time_is_booked_when_its_notice_has_passed(mornings, kind):
    mornings.notice_minutes = 60
    held = clinics.hold(mornings, kind, local("2026-06-01T09:30"), until=local("2026-06-01T08:40"))
    with time_machine.travel(local("2026-06-01T08:35"), tick=False):
        check(mornings, kind, held.starts, at=clock.now(), besides=held)
        with pytest.raises(NotFree, match="too late"):
            check(mornings, kind, held.starts, at=clock.now())


def test_a_visit_that_moves_does_not_stand_in_its_own_way(mornings, kind):
    visit = clinics.booked(mornings, kind, local("2026-06-01T09:30"), people.patient())
    with pytest.raises(NotFree):
        check(mornings, kind, local("2026-06-01T09:40"), at=clock.now())
    check(mornings, kind, local("2026-06-01T09:40"), at=clock.now(), besides=visit)
    assert Taken.objects.filter(appointment=visit).count() == 6
