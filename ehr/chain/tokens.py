"""What a grant and its end look like on chain: the structs that are signed, their hashes, the token's id.

The same arithmetic as contracts/src/AccessToken.sol, so that a consent can be made and checked with the chain down.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from ehr.chain import typed_data

CONTRACT = "AccessToken"
NAME = "Chartseal AccessToken"
GRANT_FIELDS = [
    {"name": "reader", "type": "address"},
    {"name": "from", "type": "uint32"},
    {"name": "until", "type": "uint32"},
    {"name": "scope", "type": "bytes32"},
]
# The contract's enum Reason, in its order.
REASONS = ("signature", "period", "holder-used", "other-token")
_SKIPPED = "0x" + keccak(b"Skipped(uint256,uint8)").hex()
REVOKE_FIELDS = [{"name": "id", "type": "uint256"}]


@dataclass(frozen=True)
class TokenGrant:
    """What a patient signs: the reader's one-time address, two moments in Unix seconds, a salted commitment."""

    reader: str
    starts: int
    until: int
    scope: bytes

    def struct_hash(self) -> bytes:
        """Return EIP-712's hashStruct of the grant, 32 bytes."""
        return _grant_hash(self.reader, self.starts, self.until, self.scope)


# Each look at a record hashes the grant that lets it in, often the same one; what goes in is what the chain shows.
@lru_cache(maxsize=1024, typed=True)
def _grant_hash(reader: str, starts: int, until: int, scope: bytes) -> bytes:
    message = {"reader": reader, "from": starts, "until": until, "scope": scope}
    return typed_data.struct_hash("Grant", {"Grant": GRANT_FIELDS}, message)


@lru_cache(maxsize=16, typed=True)  # what is read from a file may be 1.0, which is no chain's number and equal to one
def domain(verifying_contract: str, chain_id: int) -> typed_data.Domain:
    """Return the domain in which grants and revocations are signed."""
    return typed_data.domain(NAME, verifying_contract, chain_id)


def token_id(signer: str, struct_hash: bytes, reader: str) -> int:
    """Return the id of the token that the signer's grant makes: 96 bits of what binds it, then the holder."""
    binding = int.from_bytes(keccak(encode(["address", "bytes32"], [signer, struct_hash])), "big")
    return binding >> 160 << 160 | int(reader, 16)


def revoke_hash(token: int) -> bytes:
    """Return EIP-712's hashStruct of a revocation, 32 bytes."""
    return typed_data.struct_hash("Revoke", {"Revoke": REVOKE_FIELDS}, {"id": token})


def sign_grant(private: bytes, grant: TokenGrant, domain: typed_data.Domain) -> tuple[bytes, bytes]:
    """Return the (r, vs) of a grant."""
    return typed_data.sign(private, typed_data.signing_digest(domain, grant.struct_hash()))


def sign_revoke(private: bytes, token: int, domain: typed_data.Domain) -> tuple[bytes, bytes]:
    """Return the (r, vs) that end a token."""
    return typed_data.sign(private, typed_data.signing_digest(domain, revoke_hash(token)))


def grant_item(grant: TokenGrant, signature: tuple[bytes, bytes]) -> tuple[str, int, int, bytes, bytes, bytes]:
    """Return one item of the argument of AccessToken.grant."""
    return grant.reader, grant.starts, grant.until, grant.scope, *signature


def revoke_item(signer: str, grant: TokenGrant, signature: tuple[bytes, bytes]) -> tuple[str, int, bytes, bytes, bytes]:
    """Return one item of the argument of AccessToken.revoke."""
    struct_hash = grant.struct_hash()
    return signer, token_id(signer, struct_hash, grant.reader), struct_hash, *signature


def skipped(logs: Iterable[Mapping[str, Any]], contract: str) -> dict[int, str]:
    """Return, by place in the batch, why items changed nothing, from a receipt's logs as JSON-RPC gives them."""
    found = {}
    for entry in logs:
        if entry["address"].lower() == contract.lower() and entry["topics"][0] == _SKIPPED:
            reason = int(entry["data"], 16)
            found[int(entry["topics"][1], 16)] = REASONS[reason] if reason < len(REASONS) else f"reason-{reason}"
    return found
