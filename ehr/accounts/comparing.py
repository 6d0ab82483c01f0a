"""People's stored keys held against the log and against the chain, which an operator of the database cannot rewrite."""

from collections.abc import Iterator
from dataclasses import dataclass

from ehr.accounts import bindings
from ehr.accounts.history import is_logged
from ehr.accounts.models import KeyVersion, Recovery
from ehr.chain import identities
from ehr.chain.identities import Binding
from ehr.chain.models import Status, Transaction

BATCH = 100
# Where the claimant stands in startRecovery(bytes32 commitment, address claimant).
_CLAIMANT = slice(4 + 32 + 12, 4 + 32 + 32)


@dataclass(frozen=True)
class Compared:
    """How one key of a person's compares: `problem` is empty where all agree, `waits` is for the chain to have it."""

    version: KeyVersion
    problem: str
    waits: bool


def keys() -> Iterator[Compared]:
    """Compare the keys of all people, the ones they lost too. Raises Unavailable while the chain does not answer."""
    bound = KeyVersion.objects.filter(commitment__isnull=False).order_by("pk")
    last = 0
    while batch := list(bound.filter(pk__gt=last)[:BATCH]):
        last = batch[-1].pk
        said = identities.bindings_of([bytes(one.commitment or b"") for one in batch])
        for version, binding in zip(batch, said, strict=True):
            yield _compared(version, binding)


def _compared(version: KeyVersion, binding: Binding) -> Compared:
    if not is_logged(version):
        return Compared(version, "The log does not have this key.", waits=False)
    recoveries = list(Recovery.objects.filter(version=version))
    problem = _claimed(binding, recoveries) or _replaced(version, binding, recoveries)
    here = _is_final(bindings.bound_as(version))
    if not problem and here and not binding.bound_at:
        problem = "The chain does not have this key."
    return Compared(version, problem, waits=not problem and not here)


def _claimed(binding: Binding, recoveries: list[Recovery]) -> str:
    """Say what is wrong with a recovery under way on the chain."""
    begun = [bindings.begun_as(one) for one in recoveries]
    known = {f"0x{bytes(one.calldata)[_CLAIMANT].hex()}" for one in begun if one is not None}
    if binding.claimant.lower() in {*known, identities.NOBODY}:
        return ""
    return "Its recovery began on the chain, and not here."


def _replaced(version: KeyVersion, binding: Binding, recoveries: list[Recovery]) -> str:
    """Say what is wrong with what took its place on the chain."""
    finished = any(one.finished_at is not None for one in recoveries)
    follower = KeyVersion.objects.filter(reader=version.reader_id, number=version.number + 1).first()
    expected = bytes(follower.commitment or b"") if finished and follower else b""
    if any(binding.successor):
        return "" if binding.successor == expected else "Another key took its place on the chain than here."
    through = bindings.bound_as(follower) if expected and follower else None
    # Where the contract did not stand, the fresh key was bound by itself, and the lost one stays as it was.
    if through is not None and through.method == bindings.COMPLETE and _is_final(through):
        return "It was replaced here, and the chain does not say so."
    return ""


def _is_final(transaction: Transaction | None) -> bool:
    return transaction is not None and transaction.status == Status.FINAL
