"""What the ResearchRegistry is told, and the tree of what people are due for a release.

A study stands there under a digest of its id, an opt-in under a commitment that names nobody and no study.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from ehr.chain import answers, artifacts, client, deployments, indexer, signing, transactions, typed_data
from ehr.chain.models import Transaction

CONTRACT = "ResearchRegistry"
Signature = tuple[bytes, bytes]
_CLAIM = [
    {"name": "release", "type": "bytes32"},
    {"name": "claimant", "type": "address"},
    {"name": "payee", "type": "address"},
]


@dataclass(frozen=True)
class Share:
    """What one person is due for one release, in wei, at a one-time address whose key signs where it goes."""

    claimant: str
    amount: int

    @property
    def leaf(self) -> bytes:
        """The share's leaf: hashed twice, so that no inner node reads as one."""
        return keccak(keccak(encode(["address", "uint128"], [self.claimant, self.amount])))


def domain(contract: str, chain_id: int) -> typed_data.Domain:
    """Return where a claim's signature counts."""
    return typed_data.domain(f"Chartseal {CONTRACT}", contract, chain_id)


def sign_claim(private: bytes, digest: bytes, payee: str, where: typed_data.Domain) -> Signature:
    """Return the (r, vs) by which a one-time address's key says that its share of a release goes to an account."""
    message = {"release": digest, "claimant": typed_data.address_of(private), "payee": payee}
    return typed_data.sign(private, typed_data.digest(where, "Claim", {"Claim": _CLAIM}, message))


def study_key(study_id: UUID) -> bytes:
    """Return the 32 bytes under which a study stands."""
    return keccak(b"chartseal study v1" + study_id.bytes)


def sponsor() -> str:
    """Return the account to which money of studies goes back: the operator's, or the relayer's own."""
    return settings.RESEARCH_SPONSOR or signing.relayer()


def register(study_id: UUID, *, terms: bytes, sponsor: str, until: datetime) -> Transaction:
    """Queue, in the caller's transaction, that a study stands under the hash of its terms (32 bytes) until a moment."""
    args = [study_key(study_id), terms, sponsor, int(until.timestamp())]
    return _queue("register", study_id.bytes, args)


def close(study_id: UUID) -> Transaction:
    """Queue, in the caller's transaction, that a study is over before its time."""
    return _queue("close", study_id.bytes, [study_key(study_id)], after=find("register", study_id.bytes))


def join(commitments: Sequence[bytes]) -> Transaction:
    """Queue that commitments (32 bytes each) stand. The same ones in the same order are queued once."""
    return _queue("join", b"".join(commitments), [list(commitments)])


def withdraw(commitments: Sequence[bytes]) -> Transaction:
    """Queue that commitments stand no more. What has not arrived yet never counts then."""
    return _queue("withdraw", b"".join(commitments), [list(commitments)])


def release(study_id: UUID, digest: bytes) -> Transaction:
    """Queue, in the caller's transaction, that something with this hash (32 bytes) left for a study."""
    return _queue("release", digest, [study_key(study_id), digest], after=find("register", study_id.bytes))


def deposit(study_id: UUID, *, wei: int, once: bytes, after: Transaction | None = None) -> Transaction:
    """Queue that the relayer adds to what a study can pay. `once` names one deposit: the same again is queued once."""
    first = after or find("register", study_id.bytes)
    return _queue("deposit", study_id.bytes + once, [study_key(study_id)], after=first, value=wei)


def accrue(digest: bytes, *, root: bytes, total: int, after: Transaction | None = None) -> Transaction:
    """Queue what is due for a release: the root over all shares (`tree`), and their sum in wei."""
    return _queue("accrue", digest, [digest, root, total], after=after or find("release", digest))


def claim(
    digest: bytes, share: Share, *, payee: str, signature: Signature, proof: Sequence[bytes], due: datetime
) -> Transaction:
    """Queue that a share of a release goes to an account, as its claimant signed. It leaves when it is due, once."""
    args = [digest, share.claimant, share.amount, payee, *signature, list(proof)]
    return _queue("claim", about_share(digest, share.claimant), args, after=find("accrue", digest), due=due)


def collect(digest: bytes, claimant: str, *, payee: str, due: datetime) -> Transaction:
    """Queue that the contract pays an account what it was credited, after the claim of one share."""
    about = about_share(digest, claimant)
    return _queue("collect", about, [payee], after=find("claim", about), due=due)


def give_back_unclaimed(digest: bytes) -> Transaction:
    """Queue that what nobody claimed of a release goes back to the study's sponsor."""
    return _queue("giveBackUnclaimed", digest, [digest])


def give_back(study_id: UUID, *, due: datetime) -> Transaction:
    """Queue that what was deposited for a study and never set aside goes back to its sponsor, when it may."""
    return _queue("giveBack", study_id.bytes, [study_key(study_id)], due=due)


def find(method: str, about: bytes) -> Transaction | None:
    """Return what was queued for a method about something: a study's id, a digest, or `about_share`; or None."""
    return transactions.find(_once(method, about))


def about_share(digest: bytes, claimant: str) -> bytes:
    """Return what names one share of a release."""
    return digest + bytes.fromhex(claimant[2:])


# --- What stands there ---------------------------------------------------------------------------
@dataclass(frozen=True)
class Standing:
    """What the contract says of a release in its last final block. Amounts are wei."""

    root: bytes
    left: int

    @property
    def is_set_aside(self) -> bool:
        return any(self.root)


def standing(digest: bytes) -> Standing:
    """Ask the chain for a release, as of its last final block. Raises Unavailable."""
    raw = _asked("releaseOf", [digest])
    if not raw:
        return Standing(bytes(32), 0)
    ((_study, root, left),) = answers.decoded(["(bytes32,bytes32,uint128)"], raw)
    return Standing(root, left)


def is_claimed(digest: bytes, claimant: str) -> bool:
    """Ask the chain whether a share was claimed, as of its last final block. Raises Unavailable."""
    return bool(int.from_bytes(_asked("isClaimed", [digest, claimant]), "big"))


def _asked(method: str, args: Sequence[object]) -> bytes:
    place = deployments.address(CONTRACT)
    if place is None:
        raise client.Unavailable(f"{CONTRACT} was not deployed")
    data = artifacts.load(CONTRACT).calldata(method, args)
    return client.ask_bytes("eth_call", {"to": place, "data": f"0x{data.hex()}"}, hex(indexer.heights().final))


# --- The tree over all shares of a release ---------------------------------------------------------
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


def _once(method: str, about: bytes) -> bytes:
    return keccak(f"research-registry:{method}:".encode() + about)


def _queue(
    method: str,
    about: bytes,
    args: Sequence[object],
    *,
    after: Transaction | None = None,
    value: int = 0,
    due: datetime | None = None,
) -> Transaction:
    digest = _once(method, about)
    return transactions.queue(digest, contract=CONTRACT, method=method, args=args, after=after, value=value, due=due)
