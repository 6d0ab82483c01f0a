"""Turns queued transactions into signed ones: nonces under a row lock, the raw bytes stored before anything is sent."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db import transaction as database
from django.db.models import Q
from eth_account import Account as EthAccount
from eth_utils.crypto import keccak

from ehr import clock
from ehr.chain import answers, client, deployments, typed_data
from ehr.chain.models import Account, Deployment, SignedForm, Status, Transaction

logger = logging.getLogger(__name__)
# A trial run that fails may only mean that its time has not come; about a day passes until it is given up.
MOST_TRIES = 30
LONGEST_WAIT = timedelta(hours=1)
BUMP_AFTER = timedelta(seconds=90)
# So often more is offered unasked. Then only what the chain itself asks for, and less often: one that stands still must
# not drive up what is paid.
MOST_FORMS = 12
BUMP_LATER = timedelta(minutes=15)
# Room above the estimate: other transactions may run first and change what this one costs.
GAS_ROOM_PERCENT = 125
# How the contracts say that a delay is not over; the moment it ends comes first.
_TOO_EARLY = "0x" + keccak(b"TooEarly(uint64,uint256)").hex()[:8]
_SOON = timedelta(seconds=15)
# Until a node that is busy, or an account without funds, is tried again.
_LATER = timedelta(minutes=1)


class AnotherChain(client.Unavailable):
    """The node serves a chain with the same id and another beginning. Nothing is sent there unasked."""


@dataclass(frozen=True)
class Fees:
    """Wei for each unit of gas."""

    max_fee: int
    priority_fee: int


def relayer() -> str:
    """Return the address of the account that pays. It relays; it cannot consent."""
    return typed_data.address_of(settings.CHAIN_RELAYER_KEY)


def account() -> Account:
    """Return the relayer's row for the chain that answers. Raises AnotherChain, Unavailable."""
    chain_id, block, count = client.post(
        [
            ("eth_chainId", []),
            ("eth_getBlockByNumber", ["0x0", False]),
            ("eth_getTransactionCount", [relayer(), "latest"]),
        ]
    )
    first = block.header()
    if first is None:
        raise client.Unavailable("no first block")
    row, _ = Account.objects.get_or_create(
        chain_id=chain_id.quantity(),
        address=relayer(),
        defaults={"genesis": first.hash, "next_nonce": count.quantity()},
    )
    if bytes(row.genesis) != first.hash:
        raise AnotherChain(
            f"Chain {row.chain_id} began anew. Run `manage.py deploy_contracts` to put the contracts there."
        )
    return row


def fees() -> Fees:
    """Return what to offer now: the chain's tip, and room for the base fee to double. Raises Unavailable."""
    block, tip = client.post([("eth_getBlockByNumber", ["latest", False]), ("eth_maxPriorityFeePerGas", [])])
    latest = block.header()
    if latest is None:
        raise client.Unavailable("no latest block")
    priority = tip.quantity() if not tip.refused else 10**9
    return Fees(2 * latest.base_fee + priority, priority)


def sign_queued(*, limit: int = 50) -> int:
    """Sign what is queued and due, in order; return how many. Each is signed once, whoever else runs this."""
    waiting = Transaction.objects.to_sign(clock.now())
    if not waiting.exists():
        return 0
    payer, offer = account(), fees()
    # What calls a contract that is not there yet must not stand before its creation.
    standing = Deployment.objects.filter(chain_id=payer.chain_id).values("name")
    signable = waiting.filter(Q(method="") | Q(contract__in=standing))
    return sum(_sign(transaction, payer, offer) for transaction in signable[:limit])


def _sign(transaction: Transaction, payer: Account, offer: Fees) -> bool:
    place = deployments.address_on(payer.chain_id, transaction.contract) if transaction.method else ""
    if place is None:
        return False
    gas = _try(transaction, payer, place)
    if gas is None:
        return False
    with database.atomic():
        row = Account.objects.select_for_update().get(pk=payer.pk)
        mine = Transaction.objects.select_for_update().get(pk=transaction.pk)
        if mine.status != Status.QUEUED:
            return False
        mine.payer, mine.nonce, mine.gas = payer.address, row.next_nonce, gas
        mine.status, mine.problem = Status.SIGNED, ""
        mine.save(update_fields=["payer", "nonce", "gas", "status", "problem"])
        row.next_nonce += 1
        row.save(update_fields=["next_nonce"])
        _store(mine, chain_id=payer.chain_id, place=place, offer=offer)
    return True


def _store(transaction: Transaction, *, chain_id: int, place: str, offer: Fees) -> SignedForm:
    signed = EthAccount.sign_transaction(
        {
            "type": 2,
            "chainId": chain_id,
            "nonce": transaction.nonce,
            "to": place,
            "data": bytes(transaction.calldata),
            "value": int(transaction.value),
            "gas": transaction.gas,
            "maxFeePerGas": offer.max_fee,
            "maxPriorityFeePerGas": offer.priority_fee,
        },
        settings.CHAIN_RELAYER_KEY,
    )
    return SignedForm.objects.create(
        transaction=transaction,
        hash=bytes(signed.hash),
        raw=bytes(signed.raw_transaction),
        max_fee=Decimal(offer.max_fee),
        priority_fee=Decimal(offer.priority_fee),
        signed_at=clock.now(),
    )


def _try(transaction: Transaction, payer: Account, place: str) -> int | None:
    """Return the gas limit to sign with, or None where the contract would refuse it now: nobody pays for a revert."""
    call = {"from": payer.address, "data": f"0x{bytes(transaction.calldata).hex()}"} | ({"to": place} if place else {})
    if transaction.value:
        call["value"] = hex(int(transaction.value))
    answer = client.post([("eth_estimateGas", [call])])[0]
    if not answer.refused:
        return answer.quantity() * GAS_ROOM_PERCENT // 100
    _refused(transaction, answer)
    return None


def _refused(transaction: Transaction, answer: client.Answer) -> None:
    """Wait, and count a failed try where it was the contract that said no."""
    problem = f"{answer.message} {answer.data[:10]}".strip()
    if not answer.reverted:
        _wait_for_node(transaction, problem)
        return
    # What it needs may be on its way: a revocation comes after its attestation, a head after the head before it.
    if Transaction.objects.outstanding().filter(contract=transaction.contract).exists():
        return
    if answer.data.startswith(_TOO_EARLY):
        _wait_until(transaction, _moment_in(answer.data))
    else:
        _put_off(transaction, problem)


def _moment_in(data: str) -> datetime:
    """Return the first argument of an error, a moment in Unix seconds. Raises Unavailable where there is none."""
    return answers.moment(int.from_bytes(answers.octets(data)[4:36], "big"))


def _wait_until(transaction: Transaction, due: datetime) -> None:
    """Wait out a delay of the contract's. That is no failed try: it may take days."""
    due = max(due, clock.now() + _SOON)
    Transaction.objects.filter(pk=transaction.pk, status=Status.QUEUED).update(due_at=due)


def _wait_for_node(transaction: Transaction, problem: str) -> None:
    """Wait while the node has no time or the account no funds: however long that takes, the contract refused nothing.

    Said once, and again when the node says something else.
    """
    queued = Transaction.objects.filter(pk=transaction.pk, status=Status.QUEUED)
    queued.update(problem=problem[:200], due_at=clock.now() + _LATER)
    if problem[:200] != transaction.problem:
        logger.warning("Transaction %d of %s waits: %s", transaction.pk, transaction.contract, problem[:80])


def _put_off(transaction: Transaction, problem: str) -> None:
    tries = transaction.tries + 1
    wait = min(timedelta(seconds=2**tries), LONGEST_WAIT)
    failed = tries >= MOST_TRIES
    Transaction.objects.filter(pk=transaction.pk, status=Status.QUEUED).update(
        tries=tries,
        problem=problem[:200],
        due_at=clock.now() + wait,
        status=Status.FAILED if failed else Status.QUEUED,
    )
    if failed or tries == 1:
        logger.warning("Transaction %d of %s was refused: %s", transaction.pk, transaction.contract, problem[:80])


def bump_slow() -> int:
    """Sign again, for more and with the same nonce, what no block took for 90 s; return how many."""
    mine = Transaction.objects.outstanding().filter(payer=relayer())
    slow = [transaction for transaction in mine if _is_slow(transaction, clock.now())]
    if not slow:
        return 0
    payer, offer = account(), fees()
    for transaction in slow:
        with database.atomic():
            Account.objects.select_for_update().get(pk=payer.pk)
            forms = list(SignedForm.objects.filter(transaction=transaction).order_by("pk"))
            fresh = Transaction.objects.get(pk=transaction.pk)
            if fresh.status in {Status.SIGNED, Status.SENT} and _is_slow(fresh, clock.now()) and _is_due(forms, offer):
                _outbid(fresh, forms[-1], payer, offer)
    return len(slow)


def _outbid(transaction: Transaction, form: SignedForm, payer: Account, offer: Fees) -> None:
    """Store a form that pays at least an eighth more: less, and nodes keep the old one."""
    place = deployments.address_on(payer.chain_id, transaction.contract) if transaction.method else ""
    more = Fees(
        max(offer.max_fee, int(form.max_fee) * 9 // 8 + 1), max(offer.priority_fee, int(form.priority_fee) * 9 // 8 + 1)
    )
    if place is not None:
        _store(transaction, chain_id=payer.chain_id, place=place, offer=more)


def _is_slow(transaction: Transaction, at: datetime) -> bool:
    forms: Sequence[datetime] = list(transaction.forms.order_by("-pk").values_list("signed_at", flat=True))
    return bool(forms) and forms[0] < at - (BUMP_AFTER if len(forms) < MOST_FORMS else BUMP_LATER)


def _is_due(forms: Sequence[SignedForm], offer: Fees) -> bool:
    """Tell whether to offer more: at first always, later where the chain asks for more than was offered last."""
    last = forms[-1]
    return len(forms) < MOST_FORMS or offer.max_fee > last.max_fee or offer.priority_fee > last.priority_fee
