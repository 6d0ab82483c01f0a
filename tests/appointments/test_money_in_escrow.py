"""A prepayment that is locked on chain: contract and ledger agree to the cent, whatever becomes of the visit."""

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from uuid import uuid4

import pytest
from eth_utils.crypto import keccak
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appointments import payments
from appointments.models import Invoice, Movement, Payment, PaymentParcel
from appointments.payments import delivering, escrow, ledger, staff
from appointments.payments.escrow import Stands
from ehr import clock
from ehr.chain import signing
from ehr.chain.models import Transaction
from providers.roles import Role
from tests import people
from tests.appointments import money, money_story
from tests.appointments.money_story import WITHOUT_SHRINKING, Story
from tests.chain.embedded import bare_chain, chain, chain_server  # noqa: F401 - fixtures

pytestmark = [pytest.mark.django_db, pytest.mark.contracts]
Kind, State = Movement.Kind, Invoice.State
UNIT = 10**9


@pytest.fixture
def in_time(time_machine):
    time_machine.move_to(money.STARTS - timedelta(days=3), tick=False)
    return time_machine


@pytest.fixture
def on_chain(in_time, chain, settings):  # noqa: F811 - fixtures
    people.prepare_ground()
    settings.PAYMENTS = replace(settings.PAYMENTS, way="escrow")
    return chain


@pytest.fixture
def visit(on_chain):
    return money.visit()


@pytest.fixture
def invoice(visit):
    return payments.open_invoice(visit)


@pytest.fixture
def clerk(visit):
    return people.clinician(role=Role.FRONT_DESK, place=visit.schedule.institution).user


@pytest.fixture
def run(on_chain, in_time):
    """Deliver, mine and look, until nothing is to be done or only much more time helps."""

    def running(rounds=12):
        for _ in range(rounds):
            delivering.deliver()
            on_chain.settle()
            in_time.shift(timedelta(seconds=11))
            soon = PaymentParcel.objects.filter(delivered_at=None, gave_up_at=None)
            if not soon.filter(due_at__lte=clock.now() + timedelta(minutes=5)).exists():
                return

    return running


@pytest.fixture
def locked(invoice, clerk, run):
    """A payment that is in the contract."""
    payment = staff.pay_at_desk(invoice, amount=10_000, means="card", by=clerk, once=uuid4())
    run()
    return payment


def told(payment):
    """Return (stands, kept, given back) as the contract says, in cents."""
    found = escrow.deposit_of(payment)
    return found.stands, found.kept // UNIT, found.repaid // UNIT


def test_what_is_paid_at_the_desk_is_locked_on_chain(invoice, locked):
    assert escrow.deposit_of(locked).amount == 10_000 * UNIT
    assert money.fresh(invoice).state == State.RESERVED
    assert money.sums(invoice) == {Kind.AUTHORISED: 10_000}


@pytest.mark.privacy
def test_nothing_on_chain_leads_to_a_person_or_a_visit(visit, locked):
    calls = b"".join(
        bytes(one.calldata) for one in Transaction.objects.filter(contract=escrow.CONTRACT).exclude(method="")
    )
    for secret in (visit.pk, visit.patient_id, visit.patient.user_id, locked.pk, locked.invoice_id, visit.schedule_id):
        assert secret.bytes not in calls
        assert keccak(secret.bytes) not in calls
    assert escrow.commitment(locked) in calls
    twin = Payment(pk=locked.pk, salt=bytes(32))
    assert escrow.commitment(twin) != escrow.commitment(locked)


def test_a_visit_that_took_place_releases_it(visit, invoice, locked, in_time, run):
    in_time.move_to(money.STARTS + timedelta(minutes=30), tick=False)
    payments.on_fulfilled(visit)
    run()
    assert told(locked) == (Stands.SETTLED, 10_000, 0)
    assert money.sums(money.fresh(invoice))[Kind.EARNED] == 10_000


def test_cancelling_in_time_sends_all_of_it_back(visit, invoice, locked, run):
    payments.on_cancelled(visit)
    run()
    assert told(locked) == (Stands.SETTLED, 0, 0)
    assert money.sums(money.fresh(invoice)) == {Kind.AUTHORISED: 10_000, Kind.VOIDED: 10_000}


def test_cancelling_late_keeps_the_fee(visit, invoice, locked, in_time, run):
    in_time.move_to(money.STARTS - timedelta(hours=3), tick=False)
    payments.on_cancelled(visit)
    run()
    assert told(locked) == (Stands.SETTLED, 5_000, 0)
    assert money.sums(money.fresh(invoice))[Kind.FEE_KEPT] == 5_000


def test_what_was_cancelled_in_time_is_sent_back_however_late_the_chain_hears_of_it(
    visit, invoice, locked, in_time, run, on_chain
):
    with on_chain.down():
        payments.on_cancelled(visit)
        delivering.deliver()
        in_time.move_to(money.STARTS - timedelta(hours=1), tick=False)
    run()
    assert told(locked) == (Stands.SETTLED, 0, 0)


def test_a_no_show_fee_is_kept_after_a_day(visit, invoice, locked, in_time, run):
    in_time.move_to(money.STARTS + timedelta(minutes=20), tick=False)
    payments.on_no_show(visit)
    run()
    assert told(locked)[0] == Stands.MISSED
    in_time.shift(timedelta(hours=25))
    run()
    assert told(locked) == (Stands.SETTLED, 8_000, 0)
    assert money.sums(money.fresh(invoice))[Kind.FEE_KEPT] == 8_000


def test_an_undone_no_show_is_taken_back_on_chain(visit, invoice, locked, in_time, run):
    in_time.move_to(money.STARTS + timedelta(minutes=20), tick=False)
    payments.on_no_show(visit)
    run(2)
    payments.on_no_show_undone(visit)
    payments.on_fulfilled(visit)
    run()
    assert told(locked) == (Stands.SETTLED, 10_000, 0)


@pytest.mark.parametrize(("stands", "kept"), [(True, 8_000), (False, 0)])
def test_a_dispute_waits_for_the_arbiter(visit, invoice, locked, in_time, run, stands, kept):
    in_time.move_to(money.STARTS + timedelta(minutes=20), tick=False)
    payments.on_no_show(visit)
    run(2)
    payments.on_disputed(visit)
    in_time.shift(timedelta(hours=30))
    run(2)
    assert told(locked)[0] == Stands.DISPUTED
    payments.on_dispute_answered(visit, stands=stands)
    run()
    assert told(locked) == (Stands.SETTLED, kept, 0)
    assert ledger.check(money.fresh(invoice)).held == kept


def test_a_dispute_that_is_right_is_ended_without_the_arbiter(visit, invoice, locked, in_time, run, monkeypatch):
    monkeypatch.setattr(escrow, "_arbiter_is_the_relayer", lambda: False)
    in_time.move_to(money.STARTS + timedelta(minutes=20), tick=False)
    payments.on_no_show(visit)
    run(2)
    payments.on_disputed(visit)
    run(2)
    payments.on_dispute_answered(visit, stands=False)
    payments.on_fulfilled(visit)
    run()
    assert told(locked) == (Stands.SETTLED, 10_000, 0)
    assert ledger.check(money.fresh(invoice)).held == 10_000


def test_a_dispute_that_stands_waits_for_an_arbiter_who_is_somebody_else(
    visit, invoice, locked, in_time, run, on_chain, monkeypatch
):
    monkeypatch.setattr(escrow, "_arbiter_is_the_relayer", lambda: False)
    in_time.move_to(money.STARTS + timedelta(minutes=20), tick=False)
    payments.on_no_show(visit)
    run(2)
    payments.on_disputed(visit)
    run(2)
    payments.on_dispute_answered(visit, stands=True)
    in_time.shift(timedelta(hours=25))
    run(3)
    assert told(locked)[0] == Stands.DISPUTED
    assert ledger.check(money.fresh(invoice)).held == 0
    deed = keccak(text="the arbiter's own transaction")
    escrow.transactions.queue(
        deed, contract=escrow.CONTRACT, method="resolve", args=[escrow.commitment(locked), 8_000 * UNIT]
    )
    on_chain.settle()
    in_time.shift(timedelta(hours=2))
    run(4)
    assert ledger.check(money.fresh(invoice)).held == 8_000


def test_nobody_here_ends_a_dispute_for_another_arbiter(visit, invoice, locked, in_time, run, monkeypatch):
    monkeypatch.setattr(signing, "relayer", lambda: "0x" + "11" * 20)
    assert not escrow._arbiter_is_the_relayer()


def test_what_is_forgiven_afterwards_is_given_back_on_chain(visit, invoice, locked, clerk, in_time, run):
    in_time.move_to(money.STARTS + timedelta(hours=1), tick=False)
    payments.on_fulfilled(visit)
    run()
    staff.concede(invoice, amount=1_234, because="our-fault", by=clerk, once=uuid4())
    run()
    assert told(locked) == (Stands.SETTLED, 10_000, 1_234)
    assert ledger.check(money.fresh(invoice)).held == 8_766


def test_a_visit_that_is_moved_keeps_the_terms_of_its_deposit(visit, invoice, locked, in_time, run):
    later = money.visit(starts=money.STARTS + timedelta(days=7))
    payments.on_moved(visit, later)
    in_time.move_to(later.starts + timedelta(hours=1), tick=False)
    payments.on_fulfilled(later)
    run()
    assert told(locked) == (Stands.SETTLED, 10_000, 0)


def test_a_deposit_that_anyone_sent_back_after_its_last_moment_is_noticed(visit, invoice, locked, in_time, run):
    in_time.move_to(money.STARTS + timedelta(days=62), tick=False)
    escrow.transactions.queue(
        keccak(text="anyone"), contract=escrow.CONTRACT, method="expire", args=[escrow.commitment(locked)]
    )
    run(1)
    payments.on_fulfilled(visit)
    run()
    assert told(locked) == (Stands.SETTLED, 0, 0)
    assert ledger.check(money.fresh(invoice)).to_pay == 10_000


def test_two_deposits_keep_one_fee_between_them(visit, invoice, clerk, in_time, run):
    parts = [staff.pay_at_desk(invoice, amount=part, means="cash", by=clerk, once=uuid4()) for part in (4_000, 6_000)]
    run()
    in_time.move_to(money.STARTS - timedelta(hours=3), tick=False)
    payments.on_cancelled(visit)
    run(20)
    assert sum(told(part)[1] for part in parts) == 5_000
    assert all(told(part)[0] == Stands.SETTLED for part in parts)
    assert ledger.check(money.fresh(invoice)).held == 5_000


ACTS = st.lists(
    st.tuples(st.sampled_from([*money_story.ACTS, "desk", "run", "run"]), st.integers(0, 10**4)), max_size=10
)


class EscrowStory(Story):
    """A visit whose price is locked on chain."""

    def __init__(self, run, *about, **more):
        self.running = run
        super().__init__(*about, **more)

    def run(self, _number):
        self.running(3)

    def come_to_rest(self):
        self.ends()
        for _ in range(5):
            self.traveller.shift(timedelta(days=3))
            self.running(8)
            ledger.settle_decided()
            self.invoice.refresh_from_db()
        self.hands_back()


@settings(max_examples=12, phases=WITHOUT_SHRINKING, suppress_health_check=list(HealthCheck))
@given(acts=ACTS, price=st.sampled_from([100, 9_999, 33_333]))
def test_no_cent_is_lost_or_made_on_chain(on_chain, in_time, run, visit, clerk, acts, price):
    tell((visit, clerk, run, in_time), acts, price)


def tell(around, acts, price):
    """Tell one story from its booking to its rest, and see that its sums agree."""
    visit, clerk, run, traveller = around
    ground = (SimpleNamespace(patient=visit.patient, user=visit.patient.user), visit.schedule, clerk)
    story = EscrowStory(run, ground, traveller, price, money.POLICY, starts=clock.now() + timedelta(days=3))
    for act, number in acts:
        story.happens(act, number)
    story.come_to_rest()
    agree(story)


def agree(story):
    """Hold the ledger against the contract, and what is held against what is owed."""
    story.nothing_is_lost()
    invoice = story.invoice
    deposits = [escrow.deposit_of(payment) for payment in Payment.objects.filter(invoice=invoice, way="escrow")]
    moved = Movement.objects.filter(invoice=invoice, payment__way="escrow")

    def total(kind):
        return sum(moved.filter(kind=kind).values_list("amount", flat=True)) * UNIT

    assert total(Kind.AUTHORISED) == sum(one.amount for one in deposits)
    assert total(Kind.CAPTURED) == sum(one.kept for one in deposits)
    assert total(Kind.REFUNDED) == sum(one.repaid for one in deposits)
    assert total(Kind.VOIDED) == sum(one.amount - one.kept for one in deposits)
    assert all(one.stands == Stands.SETTLED for one in deposits)
