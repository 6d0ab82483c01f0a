"""The random stories would notice: with a fault planted in the product, an ordinary story no longer agrees.

Each fault is one that people fear: money that never comes back, or a cent less of it; a webhook that counts twice; a
reminder that comes twice; two visits in the same minutes. Without the fault the very same story does agree.
"""

import uuid
from contextlib import suppress
from datetime import timedelta

import pytest
from django.db import IntegrityError
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from appointments import minutes, reminders
from appointments.booking import holding as booking_holding
from appointments.booking import visits as booking_visits
from appointments.models import Appointment, Movement, Taken
from appointments.payments import escrow, hearing, ledger, policy, position, telling
from appointments.payments.cards import Cards
from appointments.payments.ledger import Unbalanced
from ehr.outbox import delivery
from tests.appointments import test_money_at_random as by_card
from tests.appointments import test_money_in_escrow as in_escrow
from tests.appointments import test_reminders_at_random as reminding
from tests.appointments.at_once import crowd
from tests.appointments.test_booking_at_random import PEOPLE, Clinic
from tests.appointments.test_money_at_random import ground, server  # noqa: F401 - fixtures
from tests.appointments.test_money_in_escrow import (  # noqa: F401 - fixtures
    clerk,
    in_time,
    on_chain,
    run,
    visit,
)
from tests.chain.embedded import bare_chain, chain, chain_server  # noqa: F401 - fixtures

pytestmark = pytest.mark.django_db
NOTICED = (AssertionError, Unbalanced)
PRICE, POLICY = 10_001, {"free_cancel_hours": 24, "late_fee_percent": 50, "no_show_percent": 80}
RESERVED = by_card.RESERVED
GIVEN_BACK = [*RESERVED, "seen", "deliver", "mistake", "deliver"]
LATE = ["jump a week", *RESERVED, "jump a day", "cancel", "deliver"]


def acts(*words):
    """Return a story's acts with the numbers that chance would have given them."""
    known = {"jump a week": ("jump", 4), "jump a day": ("jump", 2), "pay all": ("desk", PRICE - 1)}
    return [known.get(word, (word, 0)) for word in words]


# --- What is planted -------------------------------------------------------------------------------
def never_gives_back(monkeypatch):
    monkeypatch.setattr(position, "_give_back", lambda _position: None)


def gives_back_a_cent_less(monkeypatch):
    less = property(lambda self: max(0, self.held - self.due - 1))
    monkeypatch.setattr(position.Position, "excess", less)


def never_frees_what_was_set_aside(monkeypatch):
    monkeypatch.setattr(position, "_free", lambda _position: None)


def takes_what_nobody_is_sure_of(monkeypatch):
    """What is disputed is taken all the same."""
    real = ledger.position

    def unpaused(invoice):
        invoice.disputed_at = None
        return real(invoice)

    monkeypatch.setattr(ledger, "position", unpaused)


def counts_each_answer_anew(monkeypatch):
    """A webhook that is played again charges again, in the books."""
    real = ledger.note

    def note(invoice, payment, seen, *, by=None):
        if seen.captured and not real(invoice, payment, seen, by=by):
            ledger.add(invoice, Movement.Kind.CAPTURED, seen.captured, key=str(uuid.uuid4()), payment=payment)
        return []

    monkeypatch.setattr(ledger, "note", note)
    forgets_which_events_came(monkeypatch)


def forgets_which_events_came(monkeypatch):
    real = ledger.look
    monkeypatch.setattr(
        ledger, "look", lambda payment, *, key, page="": real(payment, key=f"{key}:{uuid.uuid4()}"[:200], page=page)
    )
    heard = hearing.ProviderEvent.objects.get_or_create
    monkeypatch.setattr(
        hearing.ProviderEvent.objects, "get_or_create", lambda **facts: (heard(**facts)[0], True), raising=False
    )


def gives_back_twice(monkeypatch):
    """A refund is asked for once more under another key."""
    real = Cards.refund

    def refund(self, payment, amount, *, key):
        real(self, payment, amount, key=key)
        return real(self, payment, amount, key=f"{key}:again")

    monkeypatch.setattr(Cards, "refund", refund)


def believes_whoever_rings(monkeypatch):
    monkeypatch.setattr(hearing, "_signs", lambda *_: True)


def hears_nothing(monkeypatch):
    monkeypatch.setattr(ledger, "look", lambda *_args, **_more: None)


def calls_every_cancellation_late(monkeypatch):
    monkeypatch.setattr(policy, "cancelled", lambda *_: "late")


def rounds_against_the_patient(monkeypatch):
    monkeypatch.setattr(policy, "share", lambda price, percent: -(-price * percent // 100))


def tells_of_each_payment_twice(monkeypatch):
    real = telling.moved

    def moved(invoice, movement):
        real(invoice, movement)
        telling._tell(invoice, "payment-taken", key=str(uuid.uuid4()))

    monkeypatch.setattr(telling, "moved", moved)


def sends_back_twice(monkeypatch):
    """The chain is told to give back, and told so again under another key."""
    real = escrow.Escrow.refund

    def refund(self, payment, amount, *, key):
        with suppress(delivery.NotYet):
            real(self, payment, amount, key=f"{key}:again")
        return real(self, payment, amount, key=key)

    monkeypatch.setattr(escrow.Escrow, "refund", refund)


def never_sends_a_deposit_back(monkeypatch):
    monkeypatch.setattr(escrow.Escrow, "void", escrow.Escrow.look)


def keeps_a_deposit_whose_fee_is_less(monkeypatch):
    """Late, all that the deposit's terms allow is kept, and a unit of it named as nobody's."""
    monkeypatch.setattr(escrow, "_units", lambda wei: max(0, wei // escrow.settings.PAYMENTS.escrow_unit - 1))


# --- Cards -----------------------------------------------------------------------------------------
CARD_FAULTS = [
    (never_gives_back, GIVEN_BACK),
    (gives_back_a_cent_less, GIVEN_BACK),
    (gives_back_twice, [*RESERVED, "seen", "deliver", "concede", "deliver"]),
    (never_frees_what_was_set_aside, [*RESERVED, "cancel", "deliver"]),
    (takes_what_nobody_is_sure_of, ["jump a week", *RESERVED, *["jump a day"] * 3, "missed", "dispute", "jump a day"]),
    (counts_each_answer_anew, [*RESERVED, "seen", "deliver", "ring twice", "deliver"]),
    (believes_whoever_rings, [*RESERVED, "forge"]),
    (hears_nothing, RESERVED),
    (calls_every_cancellation_late, [*RESERVED, "cancel"]),
    (rounds_against_the_patient, LATE),
    (tells_of_each_payment_twice, [*RESERVED, "seen", "deliver"]),
]


@pytest.mark.parametrize(("plant", "story"), CARD_FAULTS, ids=[plant.__name__ for plant, _ in CARD_FAULTS])
def test_a_story_by_card_notices(plant, story, server, client, ground, settings, monkeypatch):  # noqa: F811
    around = server, client, ground, settings
    by_card.told(around, acts(*story, "deliver"), PRICE, POLICY)
    plant(monkeypatch)
    with pytest.raises(NOTICED):
        by_card.told(around, acts(*story, "deliver"), PRICE, POLICY)


# --- Escrow ----------------------------------------------------------------------------------------
LOCKED = ["pay all", "run"]
ESCROW_FAULTS = [
    (never_gives_back, [*LOCKED, "seen", "run", "mistake"]),
    (gives_back_a_cent_less, [*LOCKED, "seen", "run", "mistake"]),
    (sends_back_twice, [*LOCKED, "seen", "run", "concede", "run"]),
    (never_sends_a_deposit_back, [*LOCKED, "cancel"]),
    (keeps_a_deposit_whose_fee_is_less, [*LOCKED, "jump a day", "jump a day", "cancel"]),
    (rounds_against_the_patient, [*LOCKED, "jump a day", "jump a day", "cancel"]),
    (tells_of_each_payment_twice, [*LOCKED, "seen"]),
]


@pytest.mark.contracts
@pytest.mark.parametrize(("plant", "story"), ESCROW_FAULTS, ids=[plant.__name__ for plant, _ in ESCROW_FAULTS])
def test_a_story_in_escrow_notices(plant, story, visit, clerk, run, in_time, monkeypatch):  # noqa: F811
    plant(monkeypatch)
    with pytest.raises(NOTICED):
        in_escrow.tell((visit, clerk, run, in_time), acts(*story), PRICE)


@pytest.mark.contracts
@pytest.mark.parametrize("story", [story for _plant, story in ESCROW_FAULTS[2:5]])
def test_without_a_fault_it_agrees(story, visit, clerk, run, in_time):  # noqa: F811
    in_escrow.tell((visit, clerk, run, in_time), acts(*story), PRICE)


# --- Reminders -------------------------------------------------------------------------------------
def reminds_twice(monkeypatch):
    """What was sent is forgotten, and sent again."""
    real = delivery.deliver

    def deliver(model, send, *, limit=50):
        model.objects.filter(delivered_at__isnull=False).update(delivered_at=None)
        return real(model, send, limit=limit)

    monkeypatch.setattr(delivery, "deliver", deliver)


def reminds_of_what_was_called_off(monkeypatch):
    monkeypatch.setattr(reminders, "send", lambda _reminder: None)


def never_reminds(monkeypatch):
    monkeypatch.setattr(reminders, "write_due", lambda: 0)


REMINDER_ACTS = [
    ("passes", timedelta(hours=49), True),
    ("due", 72, False),
    ("passes", timedelta(minutes=1), True),
    ("due", 24, True),
    ("passes", timedelta(minutes=1), True),
]


@pytest.mark.parametrize("plant", [reminds_twice, reminds_of_what_was_called_off, never_reminds])
def test_a_story_of_reminders_notices(plant, harbour, ana, monday, monkeypatch):
    monday.move_to(reminding.BEGINNINGS[0])
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        reminding.live(harbour, ana, monday, REMINDER_ACTS)


def test_without_a_fault_each_reminder_comes_once(harbour, ana, monday):
    monday.move_to(reminding.BEGINNINGS[0])
    reminding.live(harbour, ana, monday, REMINDER_ACTS)


# --- Bookings --------------------------------------------------------------------------------------
def books_what_is_taken(monkeypatch):
    """Nobody looks whether minutes are free, and the database is not let refuse them."""
    nothing = lambda *_args, **_more: None  # noqa: E731
    for module in (booking_holding, booking_visits):
        monkeypatch.setattr(module, "check", nothing)

    def take(marks, *, of):
        owner = {"appointment": of} if isinstance(of, Appointment) else {"hold": of}
        rows = [Taken(timetable_id=of.timetable_id, at=mark, **owner) for mark in marks]
        Taken.objects.bulk_create(rows, ignore_conflicts=True)

    monkeypatch.setattr(minutes, "take", take)


def loses_minutes(monkeypatch):
    """A visit that is called off keeps its minutes."""
    monkeypatch.setattr(minutes, "give_back", lambda _visit: None)


@pytest.mark.parametrize("plant", [books_what_is_taken, loses_minutes])
def test_the_random_story_of_bookings_notices(plant, harbour, monday, monkeypatch):
    plant(monkeypatch)
    monkeypatch.setattr(Clinic, "world", (harbour, crowd(PEOPLE), monday))
    how = settings(
        max_examples=25,
        stateful_step_count=30,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    with pytest.raises((AssertionError, IntegrityError)):
        run_state_machine_as_test(Clinic, settings=how)
