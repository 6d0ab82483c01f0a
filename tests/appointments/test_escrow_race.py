"""Deposits at the same moment: however many workers tell the chain, it is told once."""

from datetime import timedelta
from uuid import uuid4

import pytest

from appointments import payments
from appointments.models import Invoice, Movement
from appointments.payments import delivering, ledger, staff
from ehr.chain.models import Transaction
from tests.appointments import money
from tests.appointments.at_once import Copy
from tests.appointments.test_money_in_escrow import clerk, in_time, invoice, on_chain, visit  # noqa: F401 - fixtures
from tests.appointments.test_money_race import becomes, none_failed
from tests.chain.embedded import bare_chain, chain, chain_server  # noqa: F401 - fixtures

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.contracts]
Kind = Movement.Kind
WORKERS = 6


def test_six_workers_lock_release_and_repay_one_deposit_once(visit, invoice, clerk, on_chain, in_time, tmp_path):  # noqa: F811
    staff.pay_at_desk(invoice, amount=10_000, means="cash", by=clerk, once=uuid4())
    copy = Copy(tmp_path)

    def look():
        on_chain.settle()
        in_time.shift(timedelta(seconds=11))
        delivering.deliver()
        return ledger.check(Invoice.objects.get(pk=invoice.pk))

    def at_once():
        none_failed(copy.at_once([delivering.deliver] * WORKERS))
        return copy.look(look)

    assert at_once().reserved == 10_000
    in_time.move_to(money.STARTS + timedelta(minutes=30), tick=False)
    copy.look(lambda: becomes(payments.on_fulfilled, visit))
    assert at_once().held == 10_000
    copy.look(lambda: becomes(payments.on_mistake, visit))
    here = at_once()
    assert (here.held, here.reserved, here.excess) == (0, 0, 0)

    def told():
        calls = Transaction.objects.filter(contract="AppointmentEscrow").exclude(method__in=["", "bind"])
        return sorted(calls.values_list("method", flat=True))

    assert copy.look(told) == ["deposit", "release", "repay"]
