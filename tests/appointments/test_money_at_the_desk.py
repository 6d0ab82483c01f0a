"""A bill that is paid over the desk: opened with the booking, owed by the policy, closed to the cent."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction

from appointments import payments
from appointments.models import Concession, Ground, Invoice, Movement
from appointments.payments import ledger, staff
from appointments.refusals import NotPossible, NotTheirs
from audit.models import Event
from ehr.notices.models import Notice
from providers.roles import Role
from tests import people
from tests.appointments import money

pytestmark = pytest.mark.django_db
Kind, State = Movement.Kind, Invoice.State


@pytest.fixture(autouse=True)
def _ground(db, time_machine):
    time_machine.move_to(money.STARTS - timedelta(days=100))
    people.prepare_ground()


@pytest.fixture
def visit():
    return money.visit()


@pytest.fixture
def invoice(visit):
    return payments.open_invoice(visit)


@pytest.fixture
def clerk(visit):
    return people.clinician("Rosa Diaz", role=Role.FRONT_DESK, place=visit.schedule.institution).user


@pytest.fixture
def second(visit):
    return people.clinician("Omar Said", role=Role.FRONT_DESK, place=visit.schedule.institution).user


def pay(invoice, clerk, amount=10_000, once=None):
    return staff.pay_at_desk(invoice, amount=amount, means="cash", by=clerk, once=once or uuid4())


def test_a_visit_that_costs_nothing_has_no_invoice():
    visit = money.visit(price=0)
    assert payments.open_invoice(visit) is None
    assert payments.on_cancelled(visit) is None


def test_a_visit_has_one_invoice(visit, invoice):
    assert payments.open_invoice(visit) == invoice
    assert (invoice.state, invoice.owed, invoice.way) == (State.OPEN, 10_000, "desk")


def test_invoices_are_counted_in_their_institution():
    numbers = [payments.open_invoice(money.visit()).number for _ in range(3)]
    assert numbers == [1, 2, 3]


def test_what_is_paid_at_the_desk_is_earned_once_the_visit_took_place(visit, invoice, clerk):
    pay(invoice, clerk)
    assert money.fresh(invoice).state == State.PAID
    payments.on_fulfilled(visit)
    assert money.sums(invoice) == {Kind.AUTHORISED: 10_000, Kind.CAPTURED: 10_000, Kind.EARNED: 10_000}


def test_paying_sent_twice_is_one_payment(invoice, clerk):
    once = uuid4()
    assert pay(invoice, clerk, once=once) == pay(invoice, clerk, once=once)
    assert money.sums(invoice)[Kind.CAPTURED] == 10_000


def test_nobody_pays_more_than_the_bill(invoice, clerk):
    with pytest.raises(NotPossible, match="more than is still to be paid"):
        pay(invoice, clerk, 10_001)
    pay(invoice, clerk, 4_000)
    with pytest.raises(NotPossible):
        pay(invoice, clerk, 6_001)
    assert money.fresh(invoice).state == State.OPEN
    pay(invoice, clerk, 6_000)
    assert money.fresh(invoice).state == State.PAID


@pytest.mark.security
def test_somebody_who_does_not_work_at_that_desk_finds_no_bill(invoice):
    elsewhere = people.clinician(role=Role.FRONT_DESK, place=people.institution("Elsewhere")).user
    for stranger in (elsewhere, people.clinician().user, people.account("Nobody").user):
        with pytest.raises(NotTheirs):
            pay(invoice, stranger)


def test_j8_6_cancelling_in_time_gives_everything_back(visit, invoice, clerk):
    pay(invoice, clerk)
    payments.on_cancelled(visit, money.STARTS - timedelta(hours=24))
    assert staff.by_hand(money.fresh(invoice)) == 10_000
    staff.hand_back(invoice, amount=10_000, by=clerk, once=uuid4())
    assert money.fresh(invoice).state == State.RETURNED
    assert ledger.check(invoice).held == 0


def test_j8_6_cancelling_late_keeps_the_fee_and_no_more(visit, invoice, clerk, time_machine):
    time_machine.move_to(money.STARTS - timedelta(hours=2))
    pay(invoice, clerk)
    payments.on_cancelled(visit)
    once = uuid4()
    with pytest.raises(NotPossible):
        staff.hand_back(invoice, amount=5_001, by=clerk, once=once)
    staff.hand_back(invoice, amount=5_000, by=clerk, once=once)
    staff.hand_back(invoice, amount=5_000, by=clerk, once=once)
    assert money.sums(money.fresh(invoice))[Kind.REFUNDED] == 5_000
    assert money.sums(invoice)[Kind.FEE_KEPT] == 5_000


def test_a_clinic_that_cancels_keeps_nothing(visit, invoice):
    payments.on_cancelled(visit, money.STARTS - timedelta(hours=1), by_clinic=True)
    assert money.fresh(invoice).owed == 0
    assert invoice.state == State.NOTHING


def test_a_no_show_fee_waits_until_it_cannot_be_undone(visit, invoice, clerk, time_machine):
    time_machine.move_to(money.STARTS + timedelta(hours=1), tick=False)
    pay(invoice, clerk)
    payments.on_no_show(visit)
    assert staff.by_hand(money.fresh(invoice)) == 0
    assert Kind.FEE_KEPT not in money.sums(invoice)
    time_machine.shift(timedelta(hours=24))
    assert ledger.settle_decided() == 1
    assert money.sums(invoice)[Kind.FEE_KEPT] == 8_000
    assert staff.by_hand(money.fresh(invoice)) == 2_000
    assert ledger.settle_decided() == 0


def test_an_undone_no_show_owes_the_price_again(visit, invoice, time_machine):
    time_machine.move_to(money.STARTS + timedelta(hours=1))
    payments.on_no_show(visit)
    payments.on_no_show_undone(visit)
    assert (money.fresh(invoice).owed, invoice.ground, invoice.decided_at) == (10_000, Ground.AHEAD, None)


def test_j8_8_a_dispute_pauses_the_fee_until_it_is_answered(visit, invoice, clerk, time_machine):
    time_machine.move_to(money.STARTS + timedelta(hours=1), tick=False)
    pay(invoice, clerk)
    payments.on_no_show(visit)
    time_machine.shift(timedelta(hours=25))
    ledger.settle_decided()
    assert money.sums(invoice)[Kind.FEE_KEPT] == 8_000
    payments.on_disputed(visit)
    assert money.sums(invoice)[Kind.FEE_LIFTED] == 8_000
    payments.on_dispute_answered(visit, stands=False)
    assert staff.by_hand(money.fresh(invoice)) == 10_000
    assert invoice.ground == Ground.LIFTED


def test_a_fee_that_stands_is_kept(visit, invoice, clerk, time_machine):
    time_machine.move_to(money.STARTS + timedelta(hours=1), tick=False)
    pay(invoice, clerk)
    payments.on_no_show(visit)
    payments.on_disputed(visit)
    time_machine.shift(timedelta(days=3))
    assert ledger.settle_decided() in {0, 1}
    assert Kind.FEE_KEPT not in money.sums(invoice)
    payments.on_dispute_answered(visit, stands=True)
    assert money.sums(invoice)[Kind.FEE_KEPT] == 8_000


def test_an_invoice_follows_its_visit(visit, invoice):
    later = money.visit(price=12_000, patient=None, starts=money.STARTS + timedelta(days=7))
    moved = payments.on_moved(visit, later)
    assert moved == invoice
    assert payments.invoice_of(visit) is None
    assert (moved.amount, moved.owed, payments.invoice_of(later)) == (12_000, 12_000, invoice)


def test_a_small_concession_counts_at_once(visit, invoice, clerk):
    pay(invoice, clerk)
    staff.concede(invoice, amount=3_000, because="our-fault", by=clerk, once=uuid4())
    assert ledger.check(invoice).due == 7_000
    assert staff.by_hand(invoice) == 3_000


@pytest.mark.security
def test_a_large_concession_waits_for_somebody_else(visit, clerk, second, settings):
    invoice = payments.open_invoice(money.visit(price=50_000))
    made = staff.concede(invoice, amount=20_001, because="goodwill", by=clerk, once=uuid4())
    assert ledger.check(invoice).due == 50_000
    with pytest.raises(NotPossible, match="Somebody else"):
        staff.agree(made, by=clerk)
    staff.agree(made, by=second)
    assert ledger.check(invoice).due == 29_999
    with pytest.raises(NotPossible, match="answered"):
        staff.decline(made, by=second)


@pytest.mark.security
def test_a_large_concession_does_not_pass_in_pieces(visit, clerk):
    invoice = payments.open_invoice(money.visit(price=50_000))
    staff.concede(invoice, amount=20_000, because="goodwill", by=clerk, once=uuid4())
    again = staff.concede(invoice, amount=1, because="goodwill", by=clerk, once=uuid4())
    assert again.agreed_at is None
    assert ledger.check(invoice).due == 30_000


def test_a_declined_concession_changes_nothing(clerk, visit):
    invoice = payments.open_invoice(money.visit(price=50_000))
    made = staff.concede(invoice, amount=30_000, because="hardship", by=clerk, once=uuid4())
    assert staff.decline(made, by=clerk).declined_at
    assert Concession.objects.count() == 1
    assert ledger.check(invoice).due == 50_000


@pytest.mark.security
def test_the_database_refuses_to_change_or_lose_a_movement(invoice, clerk):
    pay(invoice, clerk)
    for change in (lambda rows: rows.update(amount=1), lambda rows: rows._raw_delete("default")):
        with pytest.raises(IntegrityError, match="only ever added"), transaction.atomic():
            change(Movement.objects.all())


def test_the_patient_is_told_of_each_payment_once(visit, invoice, clerk):
    once = uuid4()
    pay(invoice, clerk, once=once)
    pay(invoice, clerk, once=once)
    assert Notice.objects.filter(kind="payment-taken", user=visit.patient.user).count() == 1
    assert Event.objects.filter(subject=visit.patient_id).exists()
