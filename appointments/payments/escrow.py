"""Deposits in the AppointmentEscrow contract. What was paid at the desk is locked there, in units that stand for it.

The chain is the provider: what it says of a deposit, in its last final block, is what happened. Nothing that leads to a
patient, a clinician or a reason is on it; without the payment's salt nobody tells whose deposit one is. ADR 0054 says
what this proves and what it does not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from django.conf import settings
from eth_abi.abi import encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from appointments.models import Ground, Invoice, Movement, Payment, Way
from appointments.payments import policy
from appointments.payments.position import Seen
from appointments.payments.providing import Refused
from appointments.rules import UNDO
from ehr import clock
from ehr.chain import answers, artifacts, client, deployments, indexer, signing, transactions
from ehr.chain.models import Status, Transaction
from ehr.outbox.delivery import NotYet

CONTRACT = "AppointmentEscrow"
# After a visit, until everything goes back by itself.
PATIENCE = timedelta(days=60)
ASK_AGAIN = timedelta(seconds=10)
ARBITER_MAY_TAKE = timedelta(hours=1)
_DEPOSIT = "(uint8,uint64,uint128,uint128,uint128,(uint64,uint64,uint64,uint128,uint128))"


class Stands(IntEnum):
    """What the contract says of a deposit."""

    NONE = 0
    HELD = 1
    MISSED = 2
    DISPUTED = 3
    SETTLED = 4


_IN_QUESTION = frozenset({Stands.MISSED, Stands.DISPUTED})


@dataclass(frozen=True)
class Deposit:
    """A deposit as of the last final block; amounts in wei."""

    stands: Stands
    amount: int = 0
    kept: int = 0
    repaid: int = 0
    free_until: int = 0  # Unix seconds
    late_fee: int = 0
    missed_fee: int = 0

    def most(self, method: str, at: datetime) -> int:
        """Return how much may be kept by a method of the contract at a moment."""
        match method:
            case "cancel":
                return self.late_fee if at.timestamp() > self.free_until else 0
            case "collectMissed" | "resolve":
                return self.missed_fee
        return self.amount


def commitment(payment: Payment) -> bytes:
    """Return under which 32 bytes a payment is deposited: salted, so that nobody finds it by guessing."""
    return keccak(encode(["bytes16", "bytes32"], [payment.pk.bytes, bytes(payment.salt)]))


def deposit_of(payment: Payment) -> Deposit:
    """Ask the chain for a deposit, as of its last final block. Raises Unavailable."""
    place = deployments.address(CONTRACT)
    if place is None:
        raise client.Unavailable(f"{CONTRACT} was not deployed")
    data = artifacts.load(CONTRACT).calldata("depositOf", [commitment(payment)])
    raw = client.ask_bytes("eth_call", {"to": place, "data": f"0x{data.hex()}"}, hex(indexer.heights().final))
    if not raw:  # the contract is younger than that block
        return Deposit(Stands.NONE)
    (found,) = answers.decoded([_DEPOSIT], raw)
    stands, _missed_at, amount, kept, repaid, terms = found
    return Deposit(Stands(stands), amount, kept, repaid, terms[0], terms[3], terms[4])


class Escrow:
    """Has the relayer report to the contract what became of a visit, and reads what it made of that."""

    def authorise(self, payment: Payment, *, key: str) -> Seen:
        """Lock the payment's amount under its visit's policy. The relayer sends the units along."""
        visit = payment.invoice.appointment
        owed = [policy.owed(payment.invoice.amount, visit.policy, ground) for ground in (Ground.LATE, Ground.MISSED)]
        terms = (
            _seconds(min(policy.free_until(visit.starts, visit.policy), visit.starts)),
            _seconds(visit.starts),
            _seconds(visit.ends + PATIENCE),
            *[_wei(min(fee, payment.amount)) for fee in owed],
        )
        args = [commitment(payment), terms]
        return self._told(payment, key, "deposit", args, value=_wei(payment.amount))

    def capture(self, payment: Payment, amount: int, *, key: str) -> Seen:
        """Keep an amount, on the ground the invoice stands on."""
        return self._settle(payment, amount, key)

    def void(self, payment: Payment, *, key: str) -> Seen:
        """Send all of it back."""
        return self._settle(payment, 0, key)

    def refund(self, payment: Payment, amount: int, *, key: str) -> Seen:
        """Give back some of what was kept. The relayer sends the units along."""
        return self._told(payment, key, "repay", [commitment(payment)], value=_wei(amount))

    def look(self, payment: Payment) -> Seen:
        """Return the contract's sums. What the chain rounds, it cannot: amounts are whole units."""
        found = deposit_of(payment)
        settled = found.stands == Stands.SETTLED
        return Seen(
            authorised=_units(found.amount),
            voided=_units(found.amount - found.kept) if settled else 0,
            captured=_units(found.kept),
            refunded=_units(found.repaid),
        )

    def _settle(self, payment: Payment, kept: int, key: str) -> Seen:
        """Keep an amount, or what the deposit's own terms allow of it: after a move they may be another visit's."""
        found, invoice = deposit_of(payment), payment.invoice
        method = "cancel"
        if found.stands in _IN_QUESTION and invoice.ground != Ground.MISSED:
            # They had come, or are not to pay for it: the operator says so itself, and needs no arbiter for that.
            _take_back(payment)
            raise NotYet(clock.now() + ASK_AGAIN)
        if found.stands == Stands.DISPUTED:
            if not _arbiter_is_the_relayer():
                raise NotYet(clock.now() + ARBITER_MAY_TAKE)
            method = "resolve"
        elif kept and invoice.ground == Ground.MISSED:
            tell(invoice, "reportMissed", invoice.decided_at - UNDO)
            method = "collectMissed"
        elif kept and invoice.ground != Ground.LATE:
            method = "release"
        return self._told(payment, key, method, [commitment(payment), min(_wei(kept), found.most(method, clock.now()))])

    def _told(self, payment: Payment, key: str, method: str, args: Sequence[object], *, value: int = 0) -> Seen:
        """Queue a call once and return the sums once it is final. Raises NotYet before, Refused if it never will be."""
        digest = keccak(text=f"payment:{key}")
        told = transactions.find(digest)
        if told is None:
            transactions.queue(digest, contract=CONTRACT, method=method, args=args, value=value)
            raise NotYet(clock.now() + ASK_AGAIN)
        if told.status == Status.FAILED:
            raise Refused(f"the chain refused {told.method}")
        if told.status != Status.FINAL:
            raise NotYet(clock.now() + ASK_AGAIN)
        return self.look(payment)


def tell(invoice: Invoice, word: str, at: datetime) -> None:
    """Tell the contract of a no-show, its taking back or a dispute, for each deposit of an invoice that it still keeps.

    Joins the caller's transaction; needs no chain. The same word of the same moment is told once.
    """
    for payment in invoice.payments.filter(way=Way.ESCROW):
        kinds = set(payment.movements.values_list("kind", flat=True))
        if kinds == {Movement.Kind.AUTHORISED}:
            digest = keccak(text=f"payment:{payment.pk}:{word}:{at.isoformat()}")
            transactions.queue(digest, contract=CONTRACT, method=word, args=[commitment(payment)])


def _take_back(payment: Payment) -> None:
    """Tell the contract that nobody missed the visit, unless that is on its way."""
    calldata = artifacts.load(CONTRACT).calldata("withdrawMissed", [commitment(payment)])
    told = Transaction.objects.filter(contract=CONTRACT, method="withdrawMissed", calldata=calldata)
    if not told.exclude(status__in=[Status.FINAL, Status.FAILED]).exists():
        digest = keccak(text=f"payment:{payment.pk}:withdrawMissed:{told.count() + 1}")
        transactions.queue(digest, contract=CONTRACT, method="withdrawMissed", args=[commitment(payment)])


def _arbiter_is_the_relayer() -> bool:
    """Tell whether this installation decides disputes on chain itself, as on a development chain."""
    place = deployments.address(CONTRACT)
    data = artifacts.load(CONTRACT).calldata("parties", [])
    raw = client.ask_bytes("eth_call", {"to": place, "data": f"0x{data.hex()}"}, "latest")
    _operator, arbiter, _payee = answers.decoded(["address", "address", "address"], raw)
    return to_checksum_address(arbiter) == signing.relayer()


def _seconds(at: datetime) -> int:
    return int(at.timestamp())


def _wei(amount: int) -> int:
    return amount * settings.PAYMENTS.escrow_unit


def _units(wei: int) -> int:
    return wei // settings.PAYMENTS.escrow_unit
