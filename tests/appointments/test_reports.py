"""Reports on an institution's time: minutes by the clocks of each place, counts beside shares, nobody else's visits."""

from datetime import date, timedelta

import pytest

from appointments import booking, reports, waitlist
from appointments.models import Absence
from appointments.reports import Period, Share
from tests import people
from tests.appointments import clinics
from tests.appointments.visiting_hours import clinic, on

WEEK_ONE = Period(date(2026, 11, 23), date(2026, 11, 29))
DAY = timedelta(days=1)


def of(harbour, period=WEEK_ONE):
    return reports.report(harbour.schedule.institution, period)


def test_booked_minutes_are_told_of_those_that_were_offered(harbour, ana, ben):
    harbour.book(on(1, "09:00"), ana)
    booking.cancel(harbour.book(on(2, "09:00"), ben), by=ben.user)
    told = of(harbour)
    assert told.by_clinician == [Share("Dr Mei Lee", 30, 5 * 8 * 60)]
    assert [one.used for one in told.weeks] == [Share("", 30, 5 * 8 * 60)]
    assert [(one.part, one.whole) for one in told.by_place] == [(30, 5 * 8 * 60)]


def test_closures_are_not_offered_and_hours_of_two_schedules_at_once_count_once(harbour, ana):
    other = clinics.schedule(harbour.lee.user.clinician, harbour.kind, where=clinics.place(name="Second House"))
    clinics.open_on(other, clinics.WEEKDAYS, "16:00", "18:00")
    Absence.objects.create(
        timetable=harbour.schedule.timetable, kind=Absence.Kind.CLOSED, starts=on(0, "09:00"), ends=on(0, "12:00")
    )
    told = of(harbour)
    assert [one.whole for one in told.by_clinician] == [5 * 9 * 60 - 180]
    assert sorted(one.whole for one in told.by_place) == [5 * 2 * 60, 5 * 8 * 60 - 180]


@pytest.mark.parametrize(("day", "hours"), [(date(2027, 3, 14), 23), (date(2026, 11, 1), 24)])
def test_a_day_on_which_clocks_are_set_has_the_hours_that_can_be_booked(harbour, day, hours):
    night = clinics.schedule(people.clinician("Ann Night").user.clinician, harbour.kind)
    clinics.open_on(night, range(7), "00:00", "00:00")
    told = of(harbour, Period(day, day))
    assert [one.whole for one in told.by_clinician if one.name == "Dr Ann Night"] == [hours * 60]


def test_a_visit_counts_on_the_day_of_its_place(harbour, ana):
    late = clinics.schedule(people.clinician("Ann Night").user.clinician, harbour.kind)
    clinics.open_on(late, range(7), "22:00", "00:00")
    visit = clinics.booked(late, harbour.kind, on(6, "23:30"), ana)
    assert visit.starts.date() == date(2026, 11, 30)
    assert [one.part for one in of(harbour).by_clinician if one.name == "Dr Ann Night"] == [30]
    assert [one.used.part for one in of(harbour, Period(date(2026, 11, 30), date(2026, 12, 6))).weeks] == [0]


def test_days_ahead_are_told_by_their_middle_and_by_nine_tenths(harbour):
    for number in range(10):
        harbour.book(on(number % 5 + 7 * (number // 5), "10:00"), harbour.patient())
    told = of(harbour, Period(date(2026, 11, 23), date(2026, 12, 6)))
    assert (told.ahead.visits, told.ahead.median, told.ahead.ninetieth) == (10, 5.5, 10)


def test_who_did_not_come_is_told_with_the_number_of_visits(harbour, ana, ben, monday):
    seen, missed = harbour.book(on(0, "09:00"), ana), harbour.book(on(0, "10:00"), ben)
    harbour.book(on(1, "10:00"), ben)
    monday.move_to(on(0, "10:30"))
    booking.begin(seen, by=harbour.lee.user)
    booking.fulfil(seen, by=harbour.lee.user)
    booking.no_show(missed, by=harbour.lee.user)
    told = of(harbour)
    assert [(one.part, one.whole, one.is_few) for one in told.missed_by_place] == [(1, 2, True)]
    assert [one.name for one in told.missed_by_kind] == [harbour.kind.name]
    assert (told.missed.missed, told.missed.kept) == (1, 1)


def test_days_that_waiting_won_are_told_by_week(harbour, ana, ben, monday):
    early, late = harbour.book(on(2, "09:00"), ana), harbour.book(on(4, "09:00"), ben)
    waitlist.join(
        harbour.schedule, harbour.kind, patient=ben.patient, by=ben.user, appointment=late,
        first_day=on(0, "09:00").date(), last_day=on(4, "09:00").date(), once=early.pk,
    )  # fmt: skip
    booking.cancel(early, by=ana.user)
    waitlist.take(ben.patient.waiting.get().offers.get(), by=ben.user)
    told = of(harbour)
    assert [(one.taken, one.won) for one in told.weeks] == [(1, 2)]
    assert told.won.days == 2


def test_nothing_of_another_institution_is_told(harbour, ana):
    elsewhere = people.institution("Elsewhere Clinic")
    harbour.book(on(1, "09:00"), ana)
    told = reports.report(elsewhere, WEEK_ONE)
    assert told.by_clinician == told.by_place == []
    assert told.ahead is None
    assert told.missed.share is None


def test_many_schedules_take_few_queries(harbour, django_assert_max_num_queries):
    for number in range(8):
        clinic(f"Doctor {number}")
    with django_assert_max_num_queries(10):
        assert len(of(harbour, Period(date(2026, 9, 1), date(2026, 11, 29))).by_clinician) == 9


@pytest.mark.parametrize("days", [-1, 366])
def test_no_days_and_more_than_a_year_are_no_report(harbour, days):
    with pytest.raises(ValueError, match="a year at most"):
        of(harbour, Period(WEEK_ONE.first, WEEK_ONE.first + days * DAY))
