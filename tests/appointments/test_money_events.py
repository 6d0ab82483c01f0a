"""What Stripe tells by webhook only rings: it may come twice, late, out of order or from a stranger."""

import json
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from django.urls import reverse

from appointments import payments
from appointments.models import Invoice, Movement, Payment, PaymentParcel, ProviderEvent
from appointments.refusals import NotPossible
from ehr.notices.models import Notice
from tests.appointments import money, stripe_server
from tests.appointments.card_money import begin, deliver, invoice, post, reserve, server, stripe, visit  # noqa: F401

# Fixtures are imported by name, and taken by name.
# ruff: noqa: F811
pytestmark = pytest.mark.django_db
Kind, State = Movement.Kind, Invoice.State


@pytest.fixture
def events(invoice, stripe):
    begin(invoice)
    stripe.pay(Payment.objects.get(invoice=invoice).reference)
    return list(stripe.events)


@pytest.mark.security
def test_j8_4_events_that_come_twice_and_in_any_order_charge_once(client, visit, invoice, stripe, events):
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
def test_j8_4_a_forged_or_old_signature_is_refused_and_changes_nothing(client, invoice, stripe, events, how, caplog):
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


@pytest.fixture
def unnamed(invoice, stripe):
    """A payment whose page was made, while the answer that named it was lost."""
    stripe.failing.append("after")
    with pytest.raises(NotPossible):
        begin(invoice)
    (page,) = stripe.sessions
    assert not Payment.objects.get(invoice=invoice).reference
    return page


def test_what_is_paid_on_a_page_whose_name_was_lost_is_heard_of_and_counts(client, visit, invoice, stripe, unnamed):
    assert stripe.pay(unnamed)
    for body in stripe.events:
        assert post(client, stripe, body).status_code == 200
    deliver()
    assert Payment.objects.get(invoice=invoice).reference == unnamed
    payments.on_fulfilled(visit)
    deliver()
    assert stripe.charged == (10_000, 0)
    assert money.sums(money.fresh(invoice))[Kind.CAPTURED] == 10_000


@pytest.mark.security
@pytest.mark.parametrize("whose", ["nobody's", "another's"])
def test_a_page_that_is_not_this_payment_s_is_not_taken_for_it(client, invoice, stripe, unnamed, whose):
    page = "cs_made_up"
    if whose == "another's":
        other = payments.open_invoice(money.visit(starts=money.STARTS + timedelta(days=1)))
        begin(other)
        page = Payment.objects.get(invoice=other).reference
    payment = Payment.objects.get(invoice=invoice)
    about = {"object": "checkout.session", "id": page, "metadata": {"payment": str(payment.pk)}}
    event = {"id": "evt_1", "object": "event", "type": "checkout.session.completed", "data": {"object": about}}
    assert post(client, stripe, json.dumps(event).encode()).status_code == 200
    deliver()
    payment.refresh_from_db()
    assert not payment.reference
    assert not Movement.objects.filter(invoice=invoice).exists()
    assert not PaymentParcel.objects.filter(delivered_at=None).exists()


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
