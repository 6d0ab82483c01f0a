"""What the chain refuses for good is finished at the desk: what was handed over for a deposit is never lost."""

from datetime import timedelta
from uuid import uuid4

import pytest
from eth_utils.crypto import keccak

from appointments import payments
from appointments.models import Invoice, Movement, Payment
from appointments.payments import bills, escrow, ledger, staff, stuck, worklist
from appointments.payments.escrow import Stands
from appointments.refusals import NotPossible
from ehr.chain.models import Status, Transaction
from ehr.notices.models import Notice
from tests.appointments import money
from tests.appointments.test_money_in_escrow import (  # noqa: F401 - fixtures
    clerk,
    in_time,
    invoice,
    locked,
    on_chain,
    run,
    told,
    visit,
)
from tests.chain.embedded import bare_chain, chain, chain_server  # noqa: F401 - fixtures

pytestmark = [pytest.mark.django_db, pytest.mark.contracts]
Kind, State = Movement.Kind, Invoice.State


def refuse(monkeypatch, *methods):
    """Have the chain refuse some methods of the contract for good."""
    real = escrow.transactions.queue

    def queue(digest, *, method, **more):
        real(digest, method=method, **more)
        if method in methods:
            Transaction.objects.filter(digest=digest).update(status=Status.FAILED)

    monkeypatch.setattr(escrow.transactions, "queue", queue)


@pytest.fixture
def refused(invoice, clerk, run, monkeypatch):  # noqa: F811
    """A payment that was handed over at the desk, and that the chain does not lock."""
    with monkeypatch.context() as patch:
        refuse(patch, "deposit")
        payment = staff.pay_at_desk(invoice, amount=10_000, means="cash", by=clerk, once=uuid4())
        run(3)
    assert money.fresh(invoice).stuck_at
    return payment


def test_nobody_is_asked_again_for_what_they_handed_over(visit, invoice, refused, clerk):  # noqa: F811
    bill = bills.one(visit.patient, invoice.pk)
    assert (bill.to_pay, bill.state, bill.stuck) == ("", State.RESERVED, True)
    assert "100.00" in bill.on_its_way
    with pytest.raises(NotPossible):
        staff.pay_at_desk(invoice, amount=10_000, means="cash", by=clerk, once=uuid4())


def test_a_deposit_that_was_refused_is_tried_again(invoice, refused, clerk, run):  # noqa: F811
    stuck.try_again(invoice, by=clerk)
    run()
    assert told(refused) == (Stands.HELD, 0, 0)
    assert money.sums(money.fresh(invoice)) == {Kind.AUTHORISED: 10_000}


def test_a_deposit_that_is_refused_for_good_is_money_at_the_desk(visit, invoice, refused, clerk, run):  # noqa: F811
    for _ in range(2):
        stuck.let_go(refused, because="refused", by=clerk)
    run(3)
    stead = Payment.objects.get(instead_of=refused)
    assert (stead.way, stead.amount, stead.means) == ("desk", 10_000, "cash")
    assert (ledger.check(money.fresh(invoice)).held, invoice.state, invoice.stuck_at) == (10_000, State.PAID, None)
    payments.on_cancelled(visit)
    staff.hand_back(invoice, amount=10_000, by=clerk, once=uuid4())
    assert ledger.check(money.fresh(invoice)).held == 0
    assert escrow.deposit_of(refused).stands == Stands.NONE


def test_one_deposit_that_is_locked_does_not_hide_another_that_is_not(invoice, clerk, run, monkeypatch):  # noqa: F811
    with monkeypatch.context() as patch:
        refuse(patch, "deposit")
        first = staff.pay_at_desk(invoice, amount=4_000, means="cash", by=clerk, once=uuid4())
        run(3)
    second = staff.pay_at_desk(invoice, amount=6_000, means="cash", by=clerk, once=uuid4())
    run()
    assert [told(one)[0] for one in (first, second)] == [Stands.HELD, Stands.HELD]
    assert money.fresh(invoice).stuck_at is None


def test_a_deposit_that_is_not_released_is_money_at_the_desk(visit, invoice, locked, clerk, run, monkeypatch):  # noqa: F811
    refuse(monkeypatch, "release", "cancel")
    payments.on_fulfilled(visit)
    run(3)
    assert money.fresh(invoice).stuck_at
    stuck.let_go(locked, because="refused", by=clerk)
    run(3)
    here = ledger.check(money.fresh(invoice))
    assert (here.held, here.earned, here.to_pay, here.reserved) == (10_000, 10_000, 0, 0)
    assert told(locked)[0] == Stands.HELD


def test_what_the_chain_does_not_repay_is_given_back(visit, invoice, locked, clerk, run, in_time, monkeypatch):  # noqa: F811
    in_time.move_to(money.STARTS + timedelta(minutes=30), tick=False)
    payments.on_fulfilled(visit)
    run()
    refuse(monkeypatch, "repay")
    payments.on_mistake(visit)
    run(3)
    assert money.fresh(invoice).stuck_at
    stuck.let_go(locked, because="refused", by=clerk)
    staff.hand_back(invoice, amount=10_000, by=clerk, once=uuid4())
    run(3)
    here = ledger.check(money.fresh(invoice))
    assert (here.held, here.excess, invoice.state) == (0, 0, State.RETURNED)


def test_j8_6_what_comes_free_of_escrow_waits_at_the_desk_until_it_is_handed_out(visit, invoice, locked, clerk, run):  # noqa: F811
    payments.on_cancelled(visit)
    run()
    here = money.fresh(invoice).institution_id
    assert [(one, "100.00" in back) for one, back in worklist.of_desks([here]).to_hand_back] == [(invoice, True)]
    assert "100.00" in bills.one(visit.patient, invoice.pk).to_come_back
    assert Notice.objects.filter(kind="payment-free").count() == 1
    once = uuid4()
    for _ in range(2):
        staff.hand_back(invoice, amount=10_000, by=clerk, once=once)
    with pytest.raises(NotPossible):
        staff.hand_back(invoice, amount=1, by=clerk, once=uuid4())
    assert money.sums(invoice)[Kind.HANDED_OUT] == 10_000
    assert worklist.of_desks([here]).to_hand_back == []
    assert bills.one(visit.patient, invoice.pk).to_come_back == ""


def test_what_has_a_stead_does_not_come_free_too(visit, invoice, locked, clerk, run, in_time, monkeypatch):  # noqa: F811
    with monkeypatch.context() as patch:
        refuse(patch, "release")
        payments.on_fulfilled(visit)
        run(3)
    stuck.let_go(locked, because="refused", by=clerk)
    in_time.move_to(money.STARTS + timedelta(days=62), tick=False)
    call = [escrow.commitment(locked)]
    escrow.transactions.queue(keccak(text="anyone"), contract=escrow.CONTRACT, method="expire", args=call)
    ledger.look(locked, key="look:expired")
    run()
    ledger.look(locked, key="look:expired again")
    run()
    here = ledger.check(money.fresh(invoice))
    assert (told(locked)[0], here.free, here.held, staff.by_hand(invoice)) == (Stands.SETTLED, 0, 10_000, 0)
