"""A whole place is closed in one act: its times vanish; its visits are moved or called off, as the clinic's doing."""

import uuid
from datetime import timedelta

import pytest

from appointments import booking, closures, payments, schedules
from appointments.availability import NotFree
from appointments.booking import NotTheirs
from appointments.models import Absence, Appointment, Closure, Offer, Payment, Status, Waiting
from appointments.payments import staff
from ehr import clock
from ehr.notices.models import Mail, Notice
from providers.rules import NotPossible
from tests import people
from tests.appointments import clinics
from tests.appointments.visiting_hours import BEGUN, minutes_are_whose_they_should_be, on
from tests.teams import administrator


@pytest.fixture
def ida(harbour):
    return administrator("Ida Berg", harbour.schedule.institution)


@pytest.fixture
def other(harbour):
    """Another clinician at the same place."""
    made = clinics.schedule(people.clinician("Omar Haddad").user.clinician, harbour.kind, where=harbour.schedule.place)
    clinics.open_on(made, clinics.WEEKDAYS, "09:00", "17:00")
    return made


def close(harbour, ida, first=1, last=2) -> Closure:
    starts, ends = on(first, "00:00"), on(last, "00:00")
    return closures.close_for(harbour.schedule.place, by=ida, starts=starts, ends=ends)


def told(person, kind="visit-cancelled") -> int:
    return Notice.objects.filter(user=person.user, kind=kind).count()


def days_with_times(schedule, kind) -> list[int]:
    day = BEGUN.date()
    return [n for n in range(4) if clinics.free_starts(schedule, kind, day + timedelta(days=n))]


def test_nothing_can_be_booked_with_anybody_at_a_place_that_is_closed(harbour, ana, other, ida):
    close(harbour, ida)
    for schedule in (harbour.schedule, other):
        assert days_with_times(schedule, harbour.kind) == [0, 2, 3]
    with pytest.raises(NotFree):
        harbour.hold(on(1, "10:00"), ana)


def test_elsewhere_the_same_clinician_is_seen(harbour, ida):
    elsewhere = clinics.schedule(harbour.lee.user.clinician, harbour.kind)
    clinics.open_on(elsewhere, clinics.WEEKDAYS, "09:00", "17:00")
    close(harbour, ida)
    assert days_with_times(elsewhere, harbour.kind) == [0, 1, 2, 3]


def test_a_schedule_that_is_opened_later_is_closed_as_well(harbour, ida):
    close(harbour, ida)
    ben = people.clinician("Ben Late").user.clinician
    place, kinds = harbour.schedule.place, [harbour.kind]
    made = schedules.open_schedule(ben, by=ida, institution=place.institution, visit_types=kinds, place=place)
    assert Absence.objects.get(schedule=made).closure == Closure.objects.get()


def test_only_an_administrator_of_the_place_closes_it_and_opens_it_again(harbour, ida):
    closed = close(harbour, ida)
    for by in (harbour.desk.user, harbour.lee.user, administrator("Sol Else", people.institution("City Hospital"))):
        with pytest.raises(NotPossible, match="administrators"):
            close(harbour, by)
        with pytest.raises(NotPossible, match="administrators"):
            closures.take_back(closed, by=by)


def test_one_schedule_alone_is_not_opened_while_the_place_is_closed(harbour, ida):
    close(harbour, ida)
    with pytest.raises(NotPossible, match="whole place"):
        schedules.end_absence(Absence.objects.get(), by=ida)


def test_what_is_booked_stays_and_the_desk_hears_of_it_and_finds_it(harbour, ana, ida):
    visit = harbour.book(on(1, "10:00"), ana)
    harbour.book(on(2, "10:00"), ana)
    closed = close(harbour, ida)
    assert list(closures.visits_in(closed)) == [visit]
    found = closures.at_institutions([harbour.schedule.institution_id], clock.now()).get()
    assert (found, found.booked) == (closed, 1)
    assert told(harbour.desk, "clinic.place-closed") == 1
    assert told(ana) == 0


def test_where_nothing_is_booked_nobody_at_the_desk_is_bothered(harbour, ida):
    close(harbour, ida)
    assert told(harbour.desk, "clinic.place-closed") == 0


def test_all_are_called_off_with_one_reason_and_each_patient_is_told_once_of_however_many(harbour, ana, ben, ida):
    for person, hour in ((ana, "10:00"), (ana, "11:00"), (ben, "12:00")):
        harbour.book(on(1, hour), person)
    kept = harbour.book(on(2, "10:00"), ana)
    closed, once = close(harbour, ida), uuid.uuid4()
    assert closures.call_all_off(closed, by=harbour.desk.user, once=once) == (3, 0)
    assert closures.call_all_off(closed, by=harbour.desk.user, once=once) == (0, 0)
    gone = Appointment.objects.filter(status=Status.CANCELLED)
    assert {one.changes.latest("number").because for one in gone} == {"place-closed"}
    kept.refresh_from_db()
    assert (gone.count(), kept.status, told(ana), told(ben)) == (3, Status.BOOKED, 1, 1)
    assert Mail.objects.filter(notice__user=ana.user, kind="visit-cancelled").count() == 1
    minutes_are_whose_they_should_be()


def test_who_is_not_at_the_desk_calls_nothing_off(harbour, ana, ida):
    harbour.book(on(1, "10:00"), ana)
    with pytest.raises(NotTheirs):
        closures.call_all_off(close(harbour, ida), by=ida, once=uuid.uuid4())


def test_nobody_pays_for_a_place_that_is_closed_and_what_was_paid_goes_back_whole(harbour, ana, ida):
    harbour.kind.late_fee_percent = 100
    harbour.kind.save()
    visit = harbour.book(on(0, "10:00"), ana)
    invoice = payments.invoice_of(visit)
    paid = {"amount": 8000, "means": Payment.Means.CASH, "by": harbour.desk.user, "once": uuid.uuid4()}
    staff.pay_at_desk(invoice, **paid)
    closed = close(harbour, ida, 0, 1)
    closures.call_all_off(closed, by=harbour.desk.user, once=uuid.uuid4())
    invoice.refresh_from_db()
    here = payments.check(invoice)
    assert (here.owed, here.to_pay, staff.by_hand(invoice)) == (0, 0, 8000)


def test_a_visit_that_the_clinic_moves_is_cancelled_as_freely_as_before(harbour, ana, ida):
    visit = harbour.book(on(0, "10:00"), ana)
    close(harbour, ida, 0, 1)
    hold = harbour.hold(on(3, "10:00"), harbour.desk, besides=visit)
    made = booking.move(visit, hold, by=harbour.desk.user, once=uuid.uuid4(), because="place-closed")
    assert made.policy == visit.policy
    assert told(ana, "visit-moved") == 1


def test_freed_time_in_a_closed_place_is_offered_to_nobody_and_what_opens_again_is(harbour, ana, ben, ida):
    harbour.book(on(1, "09:00"), ana)
    Waiting.objects.create(
        patient=ben.patient, schedule=harbour.schedule, visit_type=harbour.kind,
        first_day=BEGUN.date(), last_day=BEGUN.date() + timedelta(days=9),
    )  # fmt: skip
    closed = close(harbour, ida)
    closures.call_all_off(closed, by=harbour.desk.user, once=uuid.uuid4())
    assert not Offer.objects.exists()
    closures.take_back(closed, by=ida)
    closures.take_back(closed, by=ida)
    assert Offer.objects.get().starts == on(1, "09:00")
    assert not Absence.objects.exists()
