"""What is to happen on chain: queue it once, ask later what became of it.

Queueing needs no chain and joins the caller's database transaction, so that a consent and its token are written
together or not at all. `ehr.chain.tasks.relay` does the rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ehr import clock
from ehr.chain import artifacts
from ehr.chain.models import Block, Status, Transaction


@dataclass(frozen=True)
class Outcome:
    """What became of a transaction. `block` and `logs` (as JSON-RPC gives them) stand from `confirmed` on."""

    status: str
    block: int | None = None
    transaction_hash: str = ""
    logs: list[dict[str, Any]] = field(default_factory=list)
    problem: str = ""

    @property
    def confirmed(self) -> bool:
        """In a block, final or not."""
        return self.status in {Status.CONFIRMED, Status.FINAL}


def queue(
    digest: bytes,
    *,
    contract: str,
    method: str,
    args: Sequence[object],
    after: Transaction | None = None,
    value: int = 0,
    due: datetime | None = None,
) -> Transaction:
    """Queue one call of a contract; the same digest again returns what was queued first.

    `value` are wei that the relayer sends along. Before `due` it does not leave.
    It is not signed before `after` is in a block. `args` are what eth_abi encodes: bytes as bytes, structs as tuples.
    Raises ValueError for a digest that is not 32 bytes or that stands for another call, and eth_abi's EncodingError
    for arguments that do not fit.
    """
    return _queue(digest, contract, method, artifacts.load(contract).calldata(method, args), after, value, due)


def queue_creation(digest: bytes, *, contract: str, args: Sequence[object]) -> Transaction:
    """Queue the creation of a contract; the same digest again returns what was queued first."""
    return _queue(digest, contract, "", artifacts.load(contract).deployment(args))


def find(digest: bytes) -> Transaction | None:
    """Return what was queued under a digest, or None."""
    return Transaction.objects.filter(digest=digest).first()


def is_over(transaction: Transaction) -> bool:
    """Tell whether nothing changes any more: it is final, or was refused, unsent or in a block that is final."""
    if transaction.status != Status.FAILED:
        return transaction.status == Status.FINAL
    if transaction.block_number is None:
        return True
    block_hash = bytes(transaction.block_hash or b"")
    return Block.objects.filter(number=transaction.block_number, hash=block_hash, confirmed=True).exists()


def failed(contract: str) -> list[Transaction]:
    """Return the calls of a contract that the chain did not take, and never will."""
    return list(Transaction.objects.filter(contract=contract, status=Status.FAILED).order_by("pk"))


def _queue(
    digest: bytes,
    contract: str,
    method: str,
    calldata: bytes,
    after: Transaction | None = None,
    value: int = 0,
    due: datetime | None = None,
) -> Transaction:
    if len(digest) != 32:
        raise ValueError(f"A digest has 32 bytes, not {len(digest)}.")
    now = clock.now()
    transaction, new = Transaction.objects.get_or_create(
        digest=digest,
        defaults={
            "contract": contract,
            "method": method,
            "calldata": calldata,
            "value": value,
            "after": after,
            "queued_at": now,
            "due_at": due or now,
        },
    )
    if not new and (transaction.contract, bytes(transaction.calldata), int(transaction.value)) != (
        contract,
        calldata,
        value,
    ):
        raise ValueError(f"Digest 0x{digest.hex()} already stands for another call of {transaction.contract}.")
    return transaction


def outcome(digest: bytes) -> Outcome | None:
    """Return what became of the transaction of that digest, or None when none was queued."""
    transaction = find(digest)
    if transaction is None:
        return None
    return Outcome(
        status=transaction.status,
        block=transaction.block_number,
        transaction_hash=f"0x{bytes(transaction.mined_hash).hex()}" if transaction.mined_hash else "",
        logs=transaction.logs,
        problem=transaction.problem,
    )
