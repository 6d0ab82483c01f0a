"""The access that comes with a visit (J8 (9)): a day before to a week after, signed by the patient, gone when it is."""

import uuid
from datetime import timedelta

import pytest
import time_machine

from appointments import booking, visiting
from appointments.models import Appointment, Status
from consent.access import AccessDenied, KeysLocked, open_chart
from consent.models import Ending, Grant
from ehr import clock
from ehr.words import Category, Purpose
from tests import people
from tests.appointments import clinics

pytestmark = pytest.mark.django_db
NEEDS = ["labs", "mental-health", "treatment"]


@pytest.fixture
def ana():
    people.prepare_ground()
    return people.patient("Ana Costa")


@pytest.fixture
def lee():
    return people.clinician("Mei Lee")


@pytest.fixture
def visit(ana, lee) -> Appointment:
    made = clinics.schedule(lee.user.clinician, kind := clinics.visit_type(needs=NEEDS))
    starts = (clock.now() + timedelta(days=10)).replace(minute=0, second=0, microsecond=0)
    visit = clinics.booked(made, kind, starts, ana)
    visit.policy = {"free_cancel_hours": 24, "late_fee_percent": 0, "no_show_percent": 0}
    visit.save()
    return visit


def given(visit, ana, *parts, once=None) -> Grant:
    at = clock.now()
    parts = parts or ("labs", "treatment")
    read = visiting.proposal(visit, parts, at=at).sentence
    return visiting.give(visit, parts, keyring=ana.keyring, once=once or uuid.uuid4(), sentence=read, at=at)


def may_read(ana, lee) -> bool:
    try:
        open_chart(ana.patient, reader=lee.user, keyring=lee.keyring, purpose=Purpose.TREAT, categories=[Category.LABS])
    except AccessDenied:
        return False
    return True


def test_what_the_visit_needs_is_offered_and_sensitive_parts_apart(visit):
    found = visiting.offered(visit, clock.now())
    assert (found.ordinary, found.sensitive) == (("labs", "treatment"), ("mental-health",))


def test_a_visit_that_needs_nothing_offers_nothing(visit):
    visit.visit_type.needs = []
    assert visiting.offered(visit, clock.now()) is None


def test_it_runs_from_a_day_before_to_a_week_after(visit, ana):
    made = given(visit, ana)
    assert made.starts == visit.starts - timedelta(hours=24)
    assert made.ends == visit.ends + timedelta(days=7)


@pytest.mark.parametrize(
    ("moment", "open_then"),
    [
        (lambda visit: visit.starts - timedelta(hours=24, seconds=1), False),
        (lambda visit: visit.starts - timedelta(hours=24), True),
        (lambda visit: visit.ends + timedelta(days=7) - timedelta(seconds=1), True),
        (lambda visit: visit.ends + timedelta(days=7), False),
    ],
)
def test_the_clinician_reads_within_these_days_and_not_outside(visit, ana, lee, moment, open_then):
    given(visit, ana)
    with time_machine.travel(moment(visit), tick=False):
        assert may_read(ana, lee) is open_then


def test_a_sensitive_part_is_let_in_only_where_it_was_chosen(visit, ana):
    assert given(visit, ana).categories == ["labs", "treatment"]


def test_no_part_that_the_visit_needs_not_comes_with_it(visit, ana):
    with pytest.raises(visiting.CannotGive):
        visiting.proposal(visit, ["labs", "genetic"], at=clock.now())


def test_staff_cannot_sign_it(visit, ana, lee):
    read = visiting.proposal(visit, ["labs"], at=clock.now()).sentence
    with pytest.raises(KeysLocked):
        visiting.give(visit, ["labs"], keyring=lee.keyring, once=uuid.uuid4(), sentence=read, at=clock.now())


def test_a_second_press_signs_once(visit, ana):
    once = uuid.uuid4()
    given(visit, ana, once=once)
    visit.refresh_from_db()
    at = clock.now()
    assert visiting.give(visit, ["labs"], keyring=ana.keyring, once=once, sentence="", at=at).pk == once
    assert Grant.objects.count() == 1


def test_a_visit_with_its_permission_is_offered_no_other(visit, ana):
    given(visit, ana)
    visit.refresh_from_db()
    assert visiting.offered(visit, clock.now()) is None


def test_it_dies_with_the_visit(visit, ana, lee):
    made = given(visit, ana)
    booking.cancel(visit, by=ana.user, because="cannot-come")
    assert Ending.objects.get(grant=made).cause == Ending.Cause.VISIT
    with time_machine.travel(visit.starts, tick=False):
        assert not may_read(ana, lee)


def test_when_the_clinic_cancels_it_dies_as_well(visit, ana, lee):
    given(visit, ana)
    booking.cancel(visit, by=lee.user, because="clinician-away")
    assert Ending.objects.count() == 1


def test_a_visit_that_moved_offers_anew_for_its_new_time(visit, ana):
    old = given(visit, ana)
    clinics.open_on(visit.schedule, range(7), "00:00", "00:00")
    kept = clinics.hold(
        visit.schedule, visit.visit_type, visit.starts + timedelta(days=3), until=clock.now() + timedelta(minutes=9)
    )
    kept.by = ana.user
    kept.save()
    visit.refresh_from_db()
    moved = booking.move(visit, kept, by=ana.user, once=uuid.uuid4())
    assert Ending.objects.filter(grant=old).exists()
    assert visiting.offered(moved, clock.now()).ends == moved.ends + timedelta(days=7)


def test_a_cancelled_visit_offers_nothing(visit):
    visit.status = Status.CANCELLED
    assert visiting.offered(visit, clock.now()) is None


def test_a_time_that_was_only_proposed_offers_nothing_yet(visit):
    visit.status = Status.PROPOSED
    assert visiting.offered(visit, clock.now()) is None
