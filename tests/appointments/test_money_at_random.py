"""Money is conserved to the cent, whatever happens to a visit and in whatever order it is heard of.

Random sequences of paying, moving, cancelling, missing, undoing, disputing, events that come twice, late, out of order
or forged, answers that are lost, and jumps of the clock; then time passes, and the sums must agree: those of the ledger
with those of the provider, and what is held with what is owed.
"""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
import time_machine
from django.db import transaction
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appointments.models import Invoice, Movement, Payment, ProviderEvent, Way
from appointments.payments import delivering, ledger, paying, stuck
from appointments.refusals import NotPossible
from ehr import clock
from providers.roles import Role
from tests import people
from tests.appointments import clinics, money, money_story, stripe_server
from tests.appointments.money_story import WITHOUT_SHRINKING, Story

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
                *money_story.ACTS,
                *["page", "page", "pay", "pay", "deliver", "deliver", "ring", "ring twice", "forge", "lose", "lapse"],
                *["refuse", "again", "let go", "take up"],
            ]
        ),
        st.integers(0, 10**4),
    ),
    max_size=24,
)


@pytest.fixture(scope="module")
def server():
    with stripe_server.running() as running:
        yield running


@pytest.fixture
def ground(db):
    with time_machine.travel(BEGIN, tick=False):
        people.prepare_ground()
        patient, clinician = people.patient(), people.clinician()
        kind = clinics.visit_type(price=1)
        schedule = clinics.schedule(clinician.user.clinician, kind)
        clerk = people.clinician("Rosa Diaz", role=Role.FRONT_DESK, place=schedule.institution).user
    return patient, schedule, clerk


class CardStory(Story):
    """A visit that is paid by card."""

    def __init__(self, stripe, client, *about):
        self.stripe, self.client = stripe, client
        super().__init__(*about)

    def page(self, _number):
        with suppress(NotPossible):
            paying.begin(self.invoice, by=self.patient.user, back_to="https://chartseal.example/")

    def pay(self, number):
        sessions = sorted(self.stripe.sessions)
        if sessions:
            self.stripe.pay(sessions[number % len(sessions)])

    def deliver(self, _number):
        disputed, (taken, _back) = self.disputed, self.stripe.charged
        delivering.deliver()
        assert not disputed or self.stripe.charged[0] == taken

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

    def refuse(self, _number):
        self.stripe.failing.append("refused")

    def again(self, _number):
        stuck.try_again(self.invoice, by=self.clerk)

    def let_go(self, number):
        if payment := self.invoice.payments.order_by("-number").first():
            with suppress(NotPossible):
                stuck.let_go(payment, because=["refused", "closed", "asked"][number % 3], by=self.clerk)

    def take_up(self, _number):
        if payment := self.invoice.payments.order_by("-number").first():
            with suppress(NotPossible):
                stuck.take_up(payment, by=self.clerk)

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
        self.ends()
        stuck.try_again(self.invoice, by=self.clerk)
        for _ in range(8):
            self.traveller.shift(timedelta(hours=13))
            for body in self.stripe.events:
                assert self._post(body).status_code == 200
            ledger.settle_decided()
            while delivering.deliver():
                pass
            self.invoice.refresh_from_db()
        self.hands_back()


# How far a story has come before chance takes over: most of what goes wrong with money happens once it has moved.
RESERVED = ["page", "pay", "ring", "deliver"]
BEGINNINGS = [
    [],
    RESERVED,
    [*RESERVED, "seen", "deliver"],
    [*RESERVED, "cancel", "deliver", "undo"],
    [*RESERVED, "seen", "lose", "deliver", "mistake", "lose", "deliver"],
    ["jump", *RESERVED, "missed", "jump", "deliver", "dispute"],
    [*RESERVED, "seen", "deliver", "mistake", "refuse", "deliver", "let go"],
    [*RESERVED, "seen", "refuse", "deliver", "let go"],
    # The answer that names the page is lost, and the page is paid on.
    ["lose", "page", "pay", "cancel"],
]


@settings(max_examples=60, phases=WITHOUT_SHRINKING, suppress_health_check=list(HealthCheck))
@given(beginning=st.sampled_from(BEGINNINGS), acts=ACTS, price=PRICES, policy=POLICIES)
def test_no_cent_is_lost_or_made_by_card(server, client, ground, settings, beginning, acts, price, policy):
    told((server, client, ground, settings), [*((act, 1) for act in beginning), *acts], price, policy)


def told(around, acts, price, policy):
    """Tell one story from its booking to its rest, and see that its sums agree."""
    server, client, ground, settings = around
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
        story = CardStory(stripe, client, ground, traveller, price, policy)
        for act, number in acts:
            story.happens(act, number)
        story.come_to_rest()
        agree(story)
        transaction.set_rollback(True)


def agree(story):
    """Hold the ledger against the provider, and what is held against what is owed."""
    story.nothing_is_lost()
    here, stripe = ledger.check(story.invoice), story.stripe
    cards = Movement.objects.filter(invoice=story.invoice, payment__way=Way.STRIPE)

    def by_card(kind):
        return sum(cards.filter(kind=kind).values_list("amount", flat=True))

    assert (by_card(Kind.CAPTURED), by_card(Kind.REFUNDED)) == stripe.charged
    assert by_card(Kind.AUTHORISED) == sum(one["amount"] for one in stripe.intents.values())
    assert stripe.reserved == sum(one.locked for one in here.payments if one.let_go)
    assert story.invoice.stuck_at is None
    assert story.invoice.state == (Invoice.State.OPEN if here.to_pay else story.invoice.state)
    # One receipt for each charge, and one row for each event.
    charges = Movement.objects.filter(invoice=story.invoice, kind=Kind.CAPTURED)
    assert charges.values("payment").distinct().count() == charges.count()
    assert ProviderEvent.objects.count() <= len(stripe.events)
    assert Payment.objects.filter(invoice=story.invoice).count() >= charges.count()
