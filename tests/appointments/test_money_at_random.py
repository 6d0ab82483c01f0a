"""Money is conserved to the cent, whatever happens to a visit and in whatever order it is heard of.

Random sequences of paying, moving, cancelling, missing, undoing, disputing, events that come twice, late, out of order
or forged, answers that are lost, and jumps of the clock; then time passes, and the sums must agree: those of the ledger
with those of the provider, and what is held with what is owed.
"""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from django.db import transaction
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stripe import StripeError

from appointments import payments
from appointments.models import Ground, Invoice, Movement, Payment, ProviderEvent, Way
from appointments.payments import delivering, ledger, paying, staff
from appointments.refusals import NotPossible
from ehr import clock
from ehr.notices.models import Notice
from providers.roles import Role
from tests import people
from tests.appointments import clinics, money, stripe_server

pytestmark = pytest.mark.django_db
Kind = Movement.Kind
BEGIN = money.STARTS - timedelta(days=9)
PRICES = st.sampled_from([100, 9_999, 10_001, 33_333])
POLICIES = st.fixed_dictionaries(
    {
        "free_cancel_hours": st.just(24),
        "late_fee_percent": st.sampled_from([0, 33, 50, 100]),
        "no_show_percent": st.sampled_from([0, 1, 80, 100]),
    }
)
ACTS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *["page", "pay", "desk", "cancel", "missed", "undo", "dispute", "answer", "seen", "mistake", "move"],
                *["deliver", "deliver", "ring", "ring twice", "forge", "lose", "jump", "jump", "lapse", "concede"],
                "give back",
            ]
        ),
        st.integers(0, 10**4),
    ),
    max_size=24,
)
JUMPS = [timedelta(minutes=1), timedelta(hours=5), timedelta(hours=25), timedelta(days=3), timedelta(days=7)]
ENDED = {Ground.SEEN, Ground.CANCELLED, Ground.LATE, Ground.MISSED, Ground.LIFTED, Ground.MISTAKE}


@pytest.fixture(scope="module")
def server():
    with stripe_server.running() as running:
        yield running


@pytest.fixture
def ground(db):
    people.prepare_ground()
    with time_machine.travel(BEGIN, tick=False):
        patient, clinician = people.patient(), people.clinician()
        kind = clinics.visit_type(price=1)
        schedule = clinics.schedule(clinician.user.clinician, kind)
        clerk = people.clinician("Rosa Diaz", role=Role.FRONT_DESK, place=schedule.institution).user
    return patient, schedule, clerk


class Story:
    """One visit, from its booking on; each method is something that may happen, if it can."""

    def __init__(self, stripe, client, ground, traveller, price, policy):
        self.stripe, self.client, self.traveller = stripe, client, traveller
        self.patient, self.schedule, self.clerk = ground
        self.terms = {"price": price, "policy": policy, "patient": self.patient, "schedule": self.schedule}
        self.visit = money.visit(**self.terms)
        self.invoice = payments.open_invoice(self.visit)

    def happens(self, act, number):
        getattr(self, act.replace(" ", "_"))(number)
        self.invoice.refresh_from_db()
        ledger.check(self.invoice)

    @property
    def over(self):
        return self.invoice.ground in ENDED

    def page(self, _number):
        try:
            paying.begin(self.invoice, by=self.patient.user, back_to="https://chartseal.example/")
        except (NotPossible, StripeError):
            return

    def pay(self, number):
        sessions = sorted(self.stripe.sessions)
        if sessions:
            self.stripe.pay(sessions[number % len(sessions)])

    def desk(self, number):
        try:
            staff.pay_at_desk(self.invoice, amount=1 + number, means="cash", by=self.clerk, once=uuid4())
        except NotPossible:
            return

    def give_back(self, number):
        try:
            staff.hand_back(self.invoice, amount=1 + number, by=self.clerk, once=uuid4())
        except NotPossible:
            return

    def concede(self, number):
        try:
            staff.concede(self.invoice, amount=1 + number, because="goodwill", by=self.clerk, once=uuid4())
        except NotPossible:
            return

    def cancel(self, _number):
        if not self.over:
            payments.on_cancelled(self.visit)

    def missed(self, _number):
        if not self.over:
            payments.on_no_show(self.visit)

    def undo(self, _number):
        if self.over:
            payments.on_undone(self.visit)

    def dispute(self, _number):
        payments.on_disputed(self.visit)

    def answer(self, number):
        payments.on_dispute_answered(self.visit, stands=bool(number % 2))

    def seen(self, _number):
        if not self.over:
            payments.on_fulfilled(self.visit)

    def mistake(self, _number):
        payments.on_mistake(self.visit)

    def move(self, number):
        if not self.over:
            price = [1, self.terms["price"], self.terms["price"] + 500][number % 3]
            later = money.visit(**self.terms | {"price": price}, starts=self.visit.starts + timedelta(days=number % 4))
            payments.on_moved(self.visit, later)
            self.visit = later

    def deliver(self, _number):
        delivering.deliver()

    def ring(self, number):
        if self.stripe.events:
            self._post(self.stripe.events[number % len(self.stripe.events)])

    def ring_twice(self, number):
        self.ring(number)
        self.ring(number)

    def forge(self, number):
        if self.stripe.events:
            body = self.stripe.events[number % len(self.stripe.events)]
            assert self._post(body.replace(b"10000", b"99999"), secret="whsec_of_somebody_else").status_code == 400

    def lose(self, number):
        self.stripe.failing.append(["before", "after"][number % 2])

    def jump(self, number):
        self.traveller.shift(JUMPS[number % len(JUMPS)])

    def lapse(self, number):
        intents = sorted(self.stripe.intents)
        if intents:
            self.stripe.lapse(intents[number % len(intents)])

    def _post(self, body, **how):
        return self.client.post(
            reverse("api:stripe"),
            body,
            content_type="application/json",
            headers={"Stripe-Signature": self.stripe.signed(body, **how)},
        )

    def come_to_rest(self):
        """Decide what is open, let time pass, hear all events, deliver until nothing is left, and hand back by hand."""
        self.stripe.failing.clear()
        if self.invoice.disputed_at:
            payments.on_dispute_answered(self.visit, stands=True)
        if not self.over:
            payments.on_fulfilled(self.visit)
        for _ in range(8):
            self.traveller.shift(timedelta(hours=13))
            for body in self.stripe.events:
                assert self._post(body).status_code == 200
            ledger.settle_decided()
            while delivering.deliver():
                pass
            self.invoice.refresh_from_db()
        if back := staff.by_hand(self.invoice):
            staff.hand_back(self.invoice, amount=back, by=self.clerk, once=uuid4())
        self.invoice.refresh_from_db()


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(acts=ACTS, price=PRICES, policy=POLICIES)
def test_no_cent_is_lost_or_made_by_card(server, client, ground, settings, acts, price, policy):
    server.stripe = stripe = stripe_server.Stripe(now=lambda: clock.now().timestamp())
    settings.PAYMENTS = replace(
        settings.PAYMENTS,
        way="stripe",
        stripe_key=stripe_server.KEY,
        stripe_webhook_secrets=(stripe_server.SECRET,),
        stripe_api=server.url,
    )
    clock.watch.forget()  # each story begins on the same day
    with time_machine.travel(BEGIN, tick=False) as traveller, transaction.atomic():
        story = Story(stripe, client, ground, traveller, price, policy)
        for act, number in acts:
            story.happens(act, number)
        story.come_to_rest()
        agree(story)
        transaction.set_rollback(True)


def agree(story):
    """Hold the ledger against the provider, and what is held against what is owed."""
    here, sums, stripe = ledger.check(story.invoice), money.sums(story.invoice), story.stripe
    cards = Movement.objects.filter(invoice=story.invoice, payment__way=Way.STRIPE)

    def by_card(kind):
        return sum(cards.filter(kind=kind).values_list("amount", flat=True))

    assert (by_card(Kind.CAPTURED), by_card(Kind.REFUNDED)) == stripe.charged
    assert by_card(Kind.AUTHORISED) == sum(one["amount"] for one in stripe.intents.values())
    assert stripe.reserved == here.reserved == 0
    assert here.excess == 0
    assert here.held + here.to_pay == here.due
    assert here.held == sums.get(Kind.CAPTURED, 0) - sums.get(Kind.REFUNDED, 0)
    assert here.earned + here.fees == here.held
    assert story.invoice.stuck_at is None
    assert story.invoice.state == (Invoice.State.OPEN if here.to_pay else story.invoice.state)
    # One receipt and one notice for each charge, and one row for each event.
    charges = Movement.objects.filter(invoice=story.invoice, kind=Kind.CAPTURED)
    assert charges.values("payment").distinct().count() == charges.count()
    assert Notice.objects.filter(kind="payment-taken", about=story.invoice.pk).count() == charges.count()
    assert ProviderEvent.objects.count() <= len(stripe.events)
    assert Payment.objects.filter(invoice=story.invoice).count() >= charges.count()
