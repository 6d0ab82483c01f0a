"""Commitments of IdentityRegistry: which key belongs to whom, told to nobody."""

from collections.abc import Sequence
from dataclasses import dataclass

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from ehr.chain import answers, artifacts, client, deployments, indexer, typed_data

CONTRACT = "IdentityRegistry"
NAME = "Chartseal IdentityRegistry"
OBJECTION_FIELDS = [
    {"name": "commitment", "type": "bytes32"},
    {"name": "claimant", "type": "address"},
    {"name": "recovery", "type": "uint64"},
]
SUCCESSION_FIELDS = [{"name": "commitment", "type": "bytes32"}, {"name": "successor", "type": "bytes32"}]
NOBODY = "0x" + "0" * 40
BINDING_BYTES = 5 * 32


@dataclass(frozen=True)
class Binding:
    """What the contract says of a commitment. Moments in Unix seconds; 0, NOBODY and zero bytes stand for none."""

    bound_at: int
    recovery_from: int
    recoveries: int
    claimant: str
    successor: bytes

    @property
    def bound(self) -> bool:
        """Bound, and not replaced."""
        return self.bound_at > 0 and not any(self.successor)


def commitment(holder: str, blinded: bytes) -> bytes:
    """Return the 32 bytes to bind: `holder` is a one-time address whose key may object to a recovery, `blinded` a
    salted hash of the person and their public keys."""
    return keccak(encode(["address", "bytes32"], [holder, blinded]))


def sign_objection(
    private: bytes, *, bound: bytes, claimant: str, recovery: int, domain: typed_data.Domain
) -> tuple[bytes, bytes]:
    """Return the (r, vs) that stop the recovery of that number (1 is a commitment's first)."""
    message = {"commitment": bound, "claimant": claimant, "recovery": recovery}
    return typed_data.sign(private, typed_data.digest(domain, "Objection", {"Objection": OBJECTION_FIELDS}, message))


def sign_succession(
    private: bytes, *, bound: bytes, successor: bytes, domain: typed_data.Domain
) -> tuple[bytes, bytes]:
    """Return the (r, vs) with which a claimant names what takes the place of a commitment."""
    message = {"commitment": bound, "successor": successor}
    return typed_data.sign(private, typed_data.digest(domain, "Succession", {"Succession": SUCCESSION_FIELDS}, message))


def bindings_of(commitments: Sequence[bytes]) -> list[Binding]:
    """Return what the contract says of each, as of the last block that is final. Raises Unavailable.

    Before the contract stands there is nothing it says, and that is Unavailable too.
    """
    place = deployments.address(CONTRACT)
    if place is None:
        raise client.Unavailable(f"{CONTRACT} was not deployed")
    code, at = artifacts.load(CONTRACT), hex(indexer.heights().final)
    calls = [{"to": place, "data": f"0x{code.calldata('bindingOf', [one]).hex()}"} for one in commitments]
    return [_read(answer) for answer in client.post([("eth_call", [call, at]) for call in calls])]


def _read(answer: client.Answer) -> Binding:
    raw = b"" if answer.refused else answer.octets()
    if len(raw) != BINDING_BYTES:
        raise client.Unavailable(answer.message or f"{CONTRACT} does not answer yet")
    return Binding(*answers.decoded(["uint64", "uint64", "uint64", "address", "bytes32"], raw))


def domain(verifying_contract: str, chain_id: int) -> typed_data.Domain:
    """Return the domain in which objections are signed."""
    return typed_data.domain(NAME, verifying_contract, chain_id)
