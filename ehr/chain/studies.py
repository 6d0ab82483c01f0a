"""What the ResearchRegistry is told, and the tree of what people are due for a release.

A study stands there under a digest of its id, an opt-in under a commitment that names nobody and no study.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from ehr.chain import transactions
from ehr.chain.models import Transaction

CONTRACT = "ResearchRegistry"


def study_key(study_id: UUID) -> bytes:
    """Return the 32 bytes under which a study stands."""
    return keccak(b"chartseal study v1" + study_id.bytes)


def register(study_id: UUID, *, terms: bytes, sponsor: str, until: datetime) -> Transaction:
    """Queue, in the caller's transaction, that a study stands under the hash of its terms (32 bytes) until a moment."""
    args = [study_key(study_id), terms, sponsor, int(until.timestamp())]
    return _queue("register", study_id.bytes, args)


def close(study_id: UUID) -> Transaction:
    """Queue, in the caller's transaction, that a study is over before its time."""
    return _queue("close", study_id.bytes, [study_key(study_id)], after=_registered(study_id))


def join(commitments: Sequence[bytes]) -> Transaction:
    """Queue that commitments (32 bytes each) stand. The same ones in the same order are queued once."""
    return _queue("join", b"".join(commitments), [list(commitments)])


def withdraw(commitments: Sequence[bytes]) -> Transaction:
    """Queue that commitments stand no more. What has not arrived yet never counts then."""
    return _queue("withdraw", b"".join(commitments), [list(commitments)])


def release(study_id: UUID, digest: bytes) -> Transaction:
    """Queue, in the caller's transaction, that something with this hash (32 bytes) left for a study."""
    return _queue("release", digest, [study_key(study_id), digest], after=_registered(study_id))


def deposit(study_id: UUID, *, wei: int, once: bytes) -> Transaction:
    """Queue that the relayer adds to what a study can pay. `once` names one deposit: the same again is queued once."""
    return _queue("deposit", study_id.bytes + once, [study_key(study_id)], after=_registered(study_id), value=wei)


def accrue(digest: bytes, *, root: bytes, total: int) -> Transaction:
    """Queue what is due for a release: the root over all claims (`tree`), and their sum in wei."""
    return _queue("accrue", digest, [digest, root, total], after=transactions.find(_once("release", digest)))


# --- What is due for a release -------------------------------------------------------------------
def leaf(claim: bytes, payee: str, amount: int) -> bytes:
    """Return one claim's leaf: hashed twice, so that no inner node reads as one."""
    return keccak(keccak(encode(["bytes32", "address", "uint128"], [claim, payee, amount])))


def tree(leaves: Sequence[bytes]) -> list[list[bytes]]:
    """Return all levels of the tree over leaves, sorted, the root's last. Raises ValueError for none.

    Pairs are sorted before they are hashed, as OpenZeppelin's MerkleProof does; who stands alone moves up.
    """
    if not leaves:
        raise ValueError("There is nothing due.")
    levels = [sorted(leaves)]
    while len(levels[-1]) > 1:
        below = levels[-1]
        levels.append(
            [
                keccak(b"".join(sorted(below[i : i + 2]))) if i + 1 < len(below) else below[i]
                for i in range(0, len(below), 2)
            ]
        )
    return levels


def proof(levels: Sequence[Sequence[bytes]], wanted: bytes) -> list[bytes]:
    """Return what proves one leaf. Raises ValueError for one that is not in the tree."""
    place, found = list(levels[0]).index(wanted), []
    for level in levels[:-1]:
        if (other := place ^ 1) < len(level):
            found.append(level[other])
        place //= 2
    return found


def _registered(study_id: UUID) -> Transaction | None:
    return transactions.find(_once("register", study_id.bytes))


def _once(method: str, about: bytes) -> bytes:
    return keccak(f"research-registry:{method}:".encode() + about)


def _queue(
    method: str, about: bytes, args: Sequence[object], *, after: Transaction | None = None, value: int = 0
) -> Transaction:
    digest = _once(method, about)
    return transactions.queue(digest, contract=CONTRACT, method=method, args=args, after=after, value=value)
