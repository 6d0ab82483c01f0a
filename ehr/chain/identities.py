"""Commitments of IdentityRegistry: which key belongs to whom, told to nobody."""

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from ehr.chain import typed_data

CONTRACT = "IdentityRegistry"
NAME = "Chartseal IdentityRegistry"
OBJECTION_FIELDS = [
    {"name": "commitment", "type": "bytes32"},
    {"name": "successor", "type": "bytes32"},
    {"name": "recovery", "type": "uint64"},
]


def commitment(holder: str, blinded: bytes) -> bytes:
    """Return the 32 bytes to bind: `holder` is a one-time address whose key may object to a recovery, `blinded` a
    salted hash of the person and their public keys."""
    return keccak(encode(["address", "bytes32"], [holder, blinded]))


def sign_objection(
    private: bytes, *, bound: bytes, successor: bytes, recovery: int, domain: typed_data.Domain
) -> tuple[bytes, bytes]:
    """Return the (r, vs) that stop the recovery of that number (1 is a commitment's first)."""
    message = {"commitment": bound, "successor": successor, "recovery": recovery}
    return typed_data.sign(private, typed_data.digest(domain, "Objection", {"Objection": OBJECTION_FIELDS}, message))


def domain(verifying_contract: str, chain_id: int) -> typed_data.Domain:
    """Return the domain in which objections are signed."""
    return typed_data.domain(NAME, verifying_contract, chain_id)
