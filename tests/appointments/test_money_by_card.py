"""Paying by card: reserved on Stripe's page, taken by the policy, told by events that come twice, late or forged."""

import json
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from django.urls import reverse

from appointments import payments
from appointments.models import Invoice, Movement, Payment, PaymentParcel, ProviderEvent
from appointments.payments import delivering, ledger, paying, staff
from appointments.refusals import NotPossible
from ehr import clock
from ehr.notices.models import Notice
from providers.roles import Role
from tests import people
from tests.appointments import money, stripe_server

pytestmark = pytest.mark.django_db
Kind, State = Movement.Kind, Invoice.State
BACK = "https://chartseal.example/patient/money/"


@pytest.fixture(scope="module")
def server():
    with stripe_server.running() as running:
        yield running


@pytest.fixture
def stripe(server, settings, db):
    people.prepare_ground()
    server.stripe = stripe_server.Stripe(now=lambda: clock.now().timestamp())
    settings.PAYMENTS = replace(
        settings.PAYMENTS,
        way="stripe",
        stripe_key=stripe_server.KEY,
        stripe_webhook_secrets=(stripe_server.SECRET,),
        stripe_api=server.url,
    )
    return server.stripe


@pytest.fixture
def visit(stripe, time_machine):
    time_machine.move_to(money.STARTS - timedelta(days=3), tick=False)
    return money.visit()


@pytest.fixture
def invoice(visit):
    return payments.open_invoice(visit)


def begin(invoice):
    return paying.begin(invoice, by=invoice.appointment.patient.user, back_to=BACK)


def reserve(invoice, stripe):
    """Have the patient pay on Stripe's page, and hear of it."""
    begin(invoice)
    assert stripe.pay(Payment.objects.filter(invoice=invoice).latest("number").reference)
    ledger.look(Payment.objects.filter(invoice=invoice).latest("number"), key=f"look:{uuid4()}")
    deliver()


def deliver(rounds=6):
    for _ in range(rounds):
        if not delivering.deliver():
            return


def post(client, stripe, body, **how):
    return client.post(
        reverse("api:stripe"),
        body,
        content_type="application/json",
        headers={"Stripe-Signature": stripe.signed(body, **how)},
    )


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
    time_machine.move_to(money.STARTS - timedelta(days=30), tick=False)
    visit = money.visit()
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
    staff.try_again(invoice, by=clerk)
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


# --- Events ---------------------------------------------------------------------------------------
@pytest.fixture
def events(invoice, stripe):
    begin(invoice)
    stripe.pay(Payment.objects.get(invoice=invoice).reference)
    return list(stripe.events)


@pytest.mark.security
def test_events_that_come_twice_and_in_any_order_charge_once(client, visit, invoice, stripe, events):
    for body in (*events[::-1], *events, *events):
        assert post(client, stripe, body).status_code == 200
    deliver()
    payments.on_fulfilled(visit)
    deliver()
    for body in stripe.events[::-1] * 2:
        assert post(client, stripe, body).status_code == 200
    deliver()
    assert stripe.charged == (10_000, 0)
    assert money.sums(money.fresh(invoice))[Kind.CAPTURED] == 10_000
    assert Notice.objects.filter(kind="payment-taken").count() == 1
    assert ProviderEvent.objects.count() == len(stripe.events)


@pytest.mark.security
@pytest.mark.parametrize("how", [{"secret": "whsec_of_somebody_else"}, {"at": 1_000_000_000}])
def test_a_forged_or_old_signature_is_refused_and_changes_nothing(client, invoice, stripe, events, how, caplog):
    response = post(client, stripe, events[0], **how)
    assert response.status_code == 400
    assert not ProviderEvent.objects.exists()
    assert not PaymentParcel.objects.exists()
    assert "without a good signature" in caplog.text
    assert "evt_" not in caplog.text


@pytest.mark.security
@pytest.mark.parametrize("header", ["", "t=1", "v1=00", "t=x,v1=00", "\xff", "t=1,v1=" + "0" * 64])
def test_nonsense_for_a_signature_is_refused(client, stripe, events, header):
    response = client.post(
        reverse("api:stripe"), events[0], content_type="application/json", headers={"Stripe-Signature": header}
    )
    assert response.status_code == 400


@pytest.mark.security
@pytest.mark.parametrize(
    "body", [b"", b"\xff\xfe", b"[]", b"{}", b'{"id": 1}', b'"x"', b'{"object": "event", "type": "x"}']
)
def test_nonsense_that_is_signed_is_never_a_fault_here(client, stripe, body):
    assert post(client, stripe, body).status_code in {200, 400}
    assert not PaymentParcel.objects.exists()


@pytest.mark.security
def test_a_signed_event_is_not_believed_about_money(client, visit, invoice, stripe):
    begin(invoice)
    payment = Payment.objects.get(invoice=invoice)
    about = {"object": "payment_intent", "id": "pi_made_up", "status": "succeeded", "amount_received": 10_000}
    event = {"id": "evt_made_up", "object": "event", "type": "payment_intent.succeeded"}
    body = json.dumps(event | {"data": {"object": about | {"metadata": {"payment": str(payment.pk)}}}}).encode()
    assert post(client, stripe, body).status_code == 200
    deliver()
    assert not Movement.objects.filter(invoice=invoice).exists()


@pytest.mark.security
def test_a_body_larger_than_any_event_is_refused_unread(client, stripe):
    assert post(client, stripe, b"x" * (256 * 1024 + 1)).status_code == 413


def test_events_of_no_use_are_acknowledged(client, invoice, stripe, events):
    for change in ({"type": "customer.created"}, {"data": {"object": {"object": "payment_intent", "metadata": {}}}}):
        body = json.dumps(json.loads(events[0]) | change | {"id": "evt_other"}).encode()
        assert post(client, stripe, body).status_code == 200
    strange = json.loads(events[0]) | {"id": "evt_strange"}
    strange["data"]["object"]["metadata"] = {"payment": str(uuid4())}
    assert post(client, stripe, json.dumps(strange).encode()).status_code == 200
    assert not ProviderEvent.objects.exists()


def test_a_new_secret_takes_the_old_ones_place_without_a_gap(client, stripe, events, settings):
    settings.PAYMENTS = replace(settings.PAYMENTS, stripe_webhook_secrets=("whsec_new", stripe_server.SECRET))
    assert post(client, stripe, events[0]).status_code == 200
    assert post(client, stripe, events[1], secret="whsec_new").status_code == 200


def test_without_an_account_there_is_no_such_address(client, stripe, events, settings):
    settings.PAYMENTS = replace(settings.PAYMENTS, stripe_webhook_secrets=())
    assert post(client, stripe, events[0]).status_code == 404


def test_only_a_post_is_heard(client, stripe):
    assert client.get(reverse("api:stripe")).status_code == 405
