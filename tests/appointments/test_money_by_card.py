"""Paying by card: reserved on Stripe's page, taken by the policy, asked for again where an answer was lost."""

import json
from datetime import timedelta
from uuid import uuid4

import pytest

from appointments import payments
from appointments.models import Invoice, Movement, Payment, PaymentParcel
from appointments.payments import ledger, staff, stuck
from appointments.refusals import NotPossible
from ehr import clock
from ehr.notices.models import Notice
from providers.roles import Role
from tests import people
from tests.appointments import money, stripe_server
from tests.appointments.card_money import begin, deliver, invoice, post, reserve, server, stripe, visit  # noqa: F401

# Fixtures are imported by name, and taken by name.
# ruff: noqa: F811
pytestmark = pytest.mark.django_db
Kind, State = Movement.Kind, Invoice.State


def test_a_card_is_asked_for_on_stripes_page_and_told_nothing_of_the_visit(invoice, stripe):
    address = begin(invoice)
    assert address.startswith("https://checkout.stripe.com/")
    told = json.dumps([sent for _method, _path, sent in stripe.asked])
    visit = invoice.appointment
    for secret in (visit.visit_type.name, visit.patient.user.name, visit.patient.user.email, str(visit.pk)):
        assert secret not in told


def test_asking_twice_is_one_page(invoice, stripe):
    assert begin(invoice) == begin(invoice)
    assert len(stripe.sessions) == 1


def test_a_page_whose_making_was_never_answered_is_made_once(invoice, stripe):
    stripe.failing = ["after"]
    with pytest.raises(NotPossible, match="does not open just now"):
        begin(invoice)
    begin(invoice)
    assert len(stripe.sessions) == 1


def test_money_is_reserved_and_taken_once_the_visit_took_place(visit, invoice, stripe):
    reserve(invoice, stripe)
    assert money.fresh(invoice).state == State.RESERVED
    assert stripe.charged == (0, 0)
    payments.on_fulfilled(visit)
    deliver()
    assert stripe.charged == (10_000, 0)
    assert money.fresh(invoice).state == State.PAID
    assert money.sums(invoice)[Kind.EARNED] == 10_000


def test_cancelling_in_time_takes_nothing(visit, invoice, stripe):
    reserve(invoice, stripe)
    payments.on_cancelled(visit)
    deliver()
    assert (stripe.charged, stripe.reserved) == ((0, 0), 0)
    assert money.fresh(invoice).state == State.NOTHING


def test_cancelling_late_takes_the_fee_and_frees_the_rest(visit, invoice, stripe, time_machine):
    reserve(invoice, stripe)
    time_machine.move_to(money.STARTS - timedelta(hours=3), tick=False)
    payments.on_cancelled(visit)
    deliver()
    assert (stripe.charged, stripe.reserved) == ((5_000, 0), 0)
    assert money.sums(money.fresh(invoice)) == {
        Kind.AUTHORISED: 10_000, Kind.CAPTURED: 5_000, Kind.VOIDED: 5_000, Kind.FEE_KEPT: 5_000,
    }  # fmt: skip


def test_a_no_show_fee_is_taken_after_a_day_and_not_before(visit, invoice, stripe, time_machine):
    reserve(invoice, stripe)
    time_machine.move_to(money.STARTS + timedelta(minutes=20), tick=False)
    payments.on_no_show(visit)
    deliver()
    assert stripe.charged == (0, 0)
    time_machine.shift(timedelta(hours=24))
    deliver()
    assert stripe.charged == (8_000, 0)
    assert money.sums(money.fresh(invoice))[Kind.FEE_KEPT] == 8_000


def test_an_undone_no_show_takes_nothing(visit, invoice, stripe, time_machine):
    reserve(invoice, stripe)
    time_machine.move_to(money.STARTS + timedelta(minutes=20), tick=False)
    payments.on_no_show(visit)
    time_machine.shift(timedelta(hours=5))
    payments.on_no_show_undone(visit)
    time_machine.shift(timedelta(hours=30))
    deliver()
    assert stripe.charged == (0, 0)
    assert stripe.reserved == 10_000


def test_a_dispute_stops_the_fee_that_was_about_to_be_taken(visit, invoice, stripe, time_machine):
    reserve(invoice, stripe)
    time_machine.move_to(money.STARTS + timedelta(minutes=20), tick=False)
    payments.on_no_show(visit)
    time_machine.shift(timedelta(hours=5))
    payments.on_disputed(visit)
    time_machine.shift(timedelta(hours=30))
    deliver()
    assert stripe.charged == (0, 0)
    payments.on_dispute_answered(visit, stands=False)
    deliver()
    assert (stripe.charged, stripe.reserved) == ((0, 0), 0)


def test_a_reservation_is_taken_before_it_lapses_and_given_back_by_the_policy(stripe, time_machine):
    visit = money.visit(starts=clock.now() + timedelta(days=30))
    invoice = payments.open_invoice(visit)
    reserve(invoice, stripe)
    time_machine.shift(timedelta(days=5, hours=23))
    deliver()
    assert stripe.charged == (0, 0)
    time_machine.shift(timedelta(hours=2))
    deliver()
    assert stripe.charged == (10_000, 0)
    assert Kind.EARNED not in money.sums(money.fresh(invoice))
    payments.on_cancelled(visit)
    deliver()
    assert stripe.charged == (10_000, 10_000)
    assert money.fresh(invoice).state == State.RETURNED


def test_a_reservation_that_lapsed_leaves_the_bill_open(visit, invoice, stripe):
    reserve(invoice, stripe)
    (intent,) = stripe.intents
    stripe.lapse(intent)
    payments.on_fulfilled(visit)
    deliver()
    assert stripe.charged == (0, 0)
    assert money.fresh(invoice).state == State.OPEN
    assert ledger.check(invoice).to_pay == 10_000


@pytest.mark.parametrize("failing", [["before"], ["after"], ["after", "after"], ["before", "after", "before"]])
def test_a_capture_whose_answer_is_lost_charges_once(visit, invoice, stripe, failing, time_machine):
    reserve(invoice, stripe)
    payments.on_fulfilled(visit)
    stripe.failing = list(failing)
    for _ in range(6):
        deliver()
        time_machine.shift(timedelta(minutes=10))
    assert stripe.charged == (10_000, 0)
    assert money.sums(money.fresh(invoice))[Kind.CAPTURED] == 10_000


@pytest.mark.parametrize("failing", [["before"], ["after"], ["after", "before"]])
def test_a_refund_whose_answer_is_lost_is_made_once(visit, invoice, stripe, failing, time_machine):
    reserve(invoice, stripe)
    payments.on_fulfilled(visit)
    deliver()
    payments.on_mistake(visit)
    stripe.failing = list(failing)
    for _ in range(6):
        deliver()
        time_machine.shift(timedelta(minutes=10))
    assert stripe.charged == (10_000, 10_000)
    assert money.sums(money.fresh(invoice))[Kind.REFUNDED] == 10_000


def test_a_refund_whose_answer_is_lost_is_noted_though_the_visit_counts_again(visit, invoice, stripe, time_machine):
    reserve(invoice, stripe)
    payments.on_fulfilled(visit)
    deliver()
    payments.on_mistake(visit)
    stripe.failing = ["after"]
    deliver()
    payments.on_undone(visit)
    payments.on_fulfilled(visit)
    time_machine.shift(timedelta(minutes=10))
    deliver()
    here = ledger.check(money.fresh(invoice))
    assert (here.held, here.earned, here.to_pay, invoice.stuck_at) == (0, 0, 10_000, None)


def test_a_refund_that_comes_back_is_not_sent_again_by_itself_for_ever(visit, invoice, stripe):
    reserve(invoice, stripe)
    payments.on_fulfilled(visit)
    deliver()
    payments.on_mistake(visit)
    deliver()
    (refund,) = stripe.refunds
    stripe.bounce(refund)
    ledger.look(Payment.objects.get(invoice=invoice), key="look:bounced")
    deliver()
    assert money.sums(money.fresh(invoice))[Kind.BOUNCED] == 10_000
    assert ledger.check(invoice).held == ledger.check(invoice).excess == 10_000
    assert invoice.stuck_at
    assert Notice.objects.filter(kind="payment-stuck").exists()


def test_who_pays_at_the_desk_as_well_gets_their_reservation_back(visit, invoice, stripe):
    begin(invoice)
    clerk = people.clinician(role=Role.FRONT_DESK, place=visit.schedule.institution).user
    staff.pay_at_desk(invoice, amount=10_000, means="cash", by=clerk, once=uuid4())
    payment = Payment.objects.get(invoice=invoice, way="stripe")
    stripe.pay(payment.reference)
    ledger.look(payment, key="look:both")
    deliver()
    payments.on_fulfilled(visit)
    deliver()
    assert (stripe.charged, stripe.reserved) == ((0, 0), 0)
    assert ledger.check(invoice).held == 10_000


def test_a_page_for_another_amount_is_closed_first(visit, invoice, stripe):
    begin(invoice)
    clerk = people.clinician(role=Role.FRONT_DESK, place=visit.schedule.institution).user
    staff.pay_at_desk(invoice, amount=4_000, means="card", by=clerk, once=uuid4())
    begin(invoice)
    assert [one["status"] for one in stripe.sessions.values()] == ["expired", "open"]
    assert [one["amount_total"] for one in stripe.sessions.values()] == [10_000, 6_000]


def test_what_was_paid_on_a_page_just_before_it_closes_counts(visit, invoice, stripe):
    begin(invoice)
    clerk = people.clinician(role=Role.FRONT_DESK, place=visit.schedule.institution).user
    staff.pay_at_desk(invoice, amount=4_000, means="card", by=clerk, once=uuid4())
    stripe.pay(Payment.objects.get(invoice=invoice, way="stripe").reference)
    with pytest.raises(NotPossible):
        begin(invoice)
    payments.on_fulfilled(visit)
    deliver()
    assert stripe.charged == (6_000, 0)
    assert ledger.check(invoice).held == 10_000


def test_nothing_is_paid_twice(visit, invoice, stripe):
    reserve(invoice, stripe)
    with pytest.raises(NotPossible):
        begin(invoice)


def test_what_stripe_refuses_for_good_waits_for_a_person(visit, invoice, stripe):
    reserve(invoice, stripe)
    payments.on_fulfilled(visit)
    stripe._capture = lambda *_: (_ for _ in ()).throw(stripe_server.Says(400, "capture_charge_authorization_expired"))
    deliver()
    assert money.fresh(invoice).stuck_at
    assert PaymentParcel.objects.filter(invoice=invoice, last_problem="GivenUp").count() == 1
    deliver()
    del stripe._capture
    clerk = people.clinician(role=Role.FRONT_DESK, place=visit.schedule.institution).user
    stuck.try_again(invoice, by=clerk)
    deliver()
    assert stripe.charged == (10_000, 0)


def test_a_page_that_was_left_open_is_made_anew_and_the_old_one_closed(invoice, stripe, time_machine):
    begin(invoice)
    time_machine.shift(timedelta(hours=1))
    address = begin(invoice)
    first, second = stripe.sessions.values()
    assert first["status"] == "expired"
    assert address == second["url"]


def test_a_bill_that_does_not_add_up_holds_up_no_visit(visit, invoice, caplog):
    Movement.objects.create(invoice=invoice, kind=Kind.EARNED, amount=5, key="made by hand")
    payments.on_cancelled(visit)
    invoice.refresh_from_db()
    assert invoice.stuck_at
    assert "does not add up" in caplog.text
    with pytest.raises(ledger.Unbalanced):
        ledger.check(invoice)
