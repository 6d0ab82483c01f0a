"""What an institution's administrators arrange, and what a clinician says of their own time."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.db import IntegrityError

from appointments import places, schedules
from appointments.availability import free
from appointments.models import Absence, Schedule, VisitType
from appointments.places import Price
from appointments.schedules import Weekly
from appointments.told import StillBooked
from audit.models import EventBody
from ehr import clock
from ehr.words import Category
from providers.rules import NotPossible
from tests import people
from tests.appointments import clinics
from tests.teams import administrator

pytestmark = pytest.mark.django_db

TORONTO = ZoneInfo("America/Toronto")
MONDAY = date(2026, 6, 1)
MORNINGS = [Weekly(0, time(9), time(11))]


@pytest.fixture(autouse=True)
def _on_a_sunday():
    with time_machine.travel(datetime(2026, 5, 31, 12, tzinfo=UTC), tick=False):
        yield


@pytest.fixture
def harbour():
    people.prepare_ground()
    return people.institution()


@pytest.fixture
def ida(harbour):
    return administrator("Ida Berg", harbour)


@pytest.fixture
def lee(harbour):
    return people.clinician("Mei Lee").user.clinician


@pytest.fixture
def house(harbour, ida):
    return places.open_place(harbour, by=ida, name="House", address="1 Water Street", time_zone="America/Toronto")


@pytest.fixture
def kind(harbour, ida):
    return places.offer_visit_type(harbour, by=ida, name="First visit", minutes=30, price=Price(8000, "CAD"))


@pytest.fixture
def schedule(harbour, ida, lee, house, kind):
    made = schedules.open_schedule(lee, by=ida, institution=harbour, place=house, visit_types=[kind], notice_minutes=0)
    schedules.set_hours(made, by=ida, week=MORNINGS, since=MONDAY)
    return made


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=TORONTO).astimezone(UTC)


def shown(schedule, kind, day: date = MONDAY) -> list[str]:
    found = free([schedule], kind, first=day, last=day, at=clock.now())
    return [one.starts.astimezone(TORONTO).strftime("%H:%M") for one in found]


def logged() -> str:
    return " ".join(bytes(one.payload).decode() for one in EventBody.objects.all())


def test_a_schedule_with_hours_can_be_booked(schedule, kind):
    assert shown(schedule, kind) == ["09:00", "09:30", "10:00", "10:30"]


def test_only_administrators_of_the_institution_arrange_it(harbour, lee, house, kind, schedule):
    stranger = administrator("Sol Else", people.institution("City Hospital"))
    for by in (stranger, lee.user):
        with pytest.raises(NotPossible, match="administrators"):
            places.open_place(harbour, by=by, name="Cellar", address="1 Low Street")
        with pytest.raises(NotPossible, match="administrators"):
            places.change_visit_type(kind, by=by, about="", price=Price(), needs=[])
        with pytest.raises(NotPossible, match="administrators"):
            schedules.set_hours(schedule, by=by, week=[], since=MONDAY)
        with pytest.raises(NotPossible, match="administrators"):
            schedules.close(schedule, by=by, starts=at("2026-06-01T09:00"), ends=at("2026-06-01T10:00"))
        with pytest.raises(NotPossible, match="administrators"):
            places.close_place(house, by=by)


def test_each_change_is_on_the_log_without_the_kind_of_visit(schedule, kind, ida):
    places.retire_visit_type(kind, by=ida)
    told = logged()
    for action in ("place-opened", "visit-type-offered", "schedule-opened", "hours-set", "visit-type-retired"):
        assert f"institution.{action}" in told
    assert "First visit" not in told


def test_who_does_not_work_there_gets_no_schedule(harbour, ida, house, kind):
    stranger = people.clinician("Nils New", place=people.institution("City Hospital")).user.clinician
    with pytest.raises(NotPossible, match="do not work"):
        schedules.open_schedule(stranger, by=ida, institution=harbour, place=house, visit_types=[kind])


def test_a_schedule_without_a_place_is_for_video_only(harbour, ida, lee, kind):
    with pytest.raises(NotPossible, match="video"):
        schedules.open_schedule(lee, by=ida, institution=harbour, visit_types=[kind])
    video = places.offer_visit_type(harbour, by=ida, name="By video", minutes=20, mode=VisitType.Mode.VIDEO)
    assert schedules.open_schedule(lee, by=ida, institution=harbour, visit_types=[video]).place is None


def test_a_kind_of_visit_names_the_parts_it_needs_once_and_in_order(harbour, ida):
    needs = [Category.LABS, Category.BASIC, Category.LABS]
    made = places.offer_visit_type(harbour, by=ida, name="Check", minutes=15, needs=needs)
    assert made.needs == ["basic", "labs"]
    with pytest.raises(NotPossible, match="six parts"):
        places.change_visit_type(made, by=ida, about="", price=Price(), needs=["diary"])


@pytest.mark.parametrize("minutes", [32, 0, 1000])
def test_minutes_come_in_fives_and_end(harbour, ida, minutes):
    with pytest.raises((NotPossible, ValidationError)):
        places.offer_visit_type(harbour, by=ida, name="Odd", minutes=minutes)


@pytest.mark.parametrize("price", [Price(100, "cad"), Price(100, "$"), Price(100, "CAD", late_fee_percent=101)])
def test_a_price_has_a_currency_and_keeps_at_most_all_of_it(harbour, ida, price):
    with pytest.raises((NotPossible, ValidationError, IntegrityError)):
        places.offer_visit_type(harbour, by=ida, name="Odd", minutes=30, price=price)


def test_a_new_price_changes_no_visit_that_is_booked(schedule, kind, ida):
    visit = clinics.booked(schedule, kind, at("2026-06-01T09:00"), people.patient())
    places.change_visit_type(kind, by=ida, about="", price=Price(9900, "CAD"), needs=[])
    visit.refresh_from_db()
    assert (visit.price, VisitType.objects.get(pk=kind.pk).price) == (8000, 9900)


def test_new_hours_begin_on_a_day_and_the_old_ones_end_before_it(schedule, kind, ida):
    later = MONDAY + timedelta(days=7)
    schedules.set_hours(schedule, by=ida, week=[Weekly(0, time(14), time(15))], since=later)
    assert shown(schedule, kind)[0] == "09:00"
    assert shown(schedule, kind, later) == ["14:00", "14:30"]


def test_hours_set_twice_from_the_same_day_are_the_last_ones(schedule, kind, ida):
    schedules.set_hours(schedule, by=ida, week=[Weekly(0, time(14), time(15))], since=MONDAY)
    assert shown(schedule, kind) == ["14:00", "14:30"]


@pytest.mark.parametrize("rule", [Weekly(0, time(9, 2), time(10)), Weekly(0, time(22), time(6))])
def test_hours_that_make_no_sense_are_refused(schedule, ida, rule):
    with pytest.raises(NotPossible):
        schedules.set_hours(schedule, by=ida, week=[rule], since=MONDAY)


def test_a_visit_outside_the_new_hours_is_told_and_stays(schedule, kind, ida):
    visit = clinics.booked(schedule, kind, at("2026-06-01T10:30"), people.patient())
    shorter = [Weekly(0, time(9), time(10, 45))]
    with pytest.raises(StillBooked, match=r"1 visit is booked .* 1 Jun 2026, 10:30") as refused:
        schedules.set_hours(schedule, by=ida, week=shorter, since=MONDAY)
    assert refused.value.visits == [visit]
    assert schedules.set_hours(schedule, by=ida, week=shorter, since=MONDAY, anyway=True) == [visit]
    visit.refresh_from_db()
    assert visit.status == "booked"


def test_a_visit_in_extra_hours_is_outside_no_week(schedule, kind, ida):
    schedules.open_extra(schedule, by=ida, starts=at("2026-06-02T10:45"), ends=at("2026-06-02T12:00"))
    clinics.booked(schedule, kind, at("2026-06-02T11:00"), people.patient())
    assert schedules.set_hours(schedule, by=ida, week=MORNINGS, since=MONDAY) == []


def test_a_closure_over_visits_says_which_and_closes_the_rest_if_told_to(schedule, kind, ida):
    for starts in ("2026-06-01T09:00", "2026-06-01T09:30", "2026-06-01T10:00"):
        clinics.booked(schedule, kind, at(starts), people.patient())
    span = {"starts": at("2026-06-01T09:00"), "ends": at("2026-06-01T11:00")}
    with pytest.raises(StillBooked, match="3 visits are booked in this time: move them first"):
        schedules.close(schedule, by=ida, **span)
    assert shown(schedule, kind) == ["10:30"]
    _made, visits = schedules.close(schedule, by=ida, **span, anyway=True)
    assert len(visits) == 3
    assert shown(schedule, kind) == []


def test_extra_hours_open_and_are_taken_back_unless_booked(schedule, kind, ida):
    made = schedules.open_extra(schedule, by=ida, starts=at("2026-06-01T18:00"), ends=at("2026-06-01T18:30"))
    assert shown(schedule, kind)[-1] == "18:00"
    visit = clinics.booked(schedule, kind, at("2026-06-01T18:00"), people.patient())
    with pytest.raises(StillBooked):
        schedules.end_absence(made, by=ida)
    visit.status = "cancelled"
    visit.save()
    schedules.end_absence(made, by=ida)
    assert not Absence.objects.exists()


def test_a_clinician_says_when_they_are_away_and_nobody_else_does(schedule, kind, lee, ida):
    span = {"starts": at("2026-06-01T09:00"), "ends": at("2026-06-01T10:00")}
    with pytest.raises(NotPossible, match="Only the clinician"):
        schedules.be_away(lee, by=ida, **span)
    made, visits = schedules.be_away(lee, by=lee.user, **span)
    assert (shown(schedule, kind), visits) == (["10:00", "10:30"], [])
    with pytest.raises(NotPossible, match="Only the clinician"):
        schedules.end_absence(made, by=ida)
    schedules.end_absence(made, by=lee.user)
    assert len(shown(schedule, kind)) == 4


def test_a_place_with_visits_ahead_does_not_close_and_takes_its_schedules_along(schedule, kind, house, ida):
    visit = clinics.booked(schedule, kind, at("2026-06-01T09:00"), people.patient())
    with pytest.raises(StillBooked):
        places.close_place(house, by=ida)
    with pytest.raises(StillBooked):
        schedules.retire_schedule(schedule, by=ida)
    visit.status = "cancelled"
    visit.save()
    places.close_place(house, by=ida)
    assert Schedule.objects.get().retired_at is not None
    assert shown(schedule, kind) == []


def test_time_that_is_over_or_backwards_is_refused(schedule, ida):
    for starts, ends in (("2026-05-01T09:00", "2026-05-01T10:00"), ("2026-06-02T10:00", "2026-06-02T09:00")):
        with pytest.raises(NotPossible):
            schedules.close(schedule, by=ida, starts=at(starts), ends=at(ends))
