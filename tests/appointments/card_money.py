"""A small Stripe for tests to pay at: fixtures to import by name, and what a patient and Stripe do with it."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from django.urls import reverse

from appointments import payments
from appointments.models import Payment
from appointments.payments import delivering, ledger, paying
from ehr import clock
from tests import people
from tests.appointments import money, stripe_server

BACK = "https://chartseal.example/patient/money/"


@pytest.fixture(scope="module")
def server():
    with stripe_server.running() as running:
        yield running


@pytest.fixture
def stripe(server, settings, db, time_machine):
    time_machine.move_to(money.STARTS - timedelta(days=3), tick=False)
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
def visit(stripe):
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
