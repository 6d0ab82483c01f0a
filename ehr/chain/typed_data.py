"""EIP-712 typed data: hash it, sign it, find who signed. Signatures are EIP-2098 pairs (r, vs)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from coincurve import PrivateKey, PublicKey
from eth_abi.abi import encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

# A struct's fields in order: [{"name": "reader", "type": "address"}, ...], as EIP-712's JSON writes them.
Fields = Sequence[Mapping[str, str]]

CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_PARITY_BIT = 1 << 255
_DYNAMIC = {"string", "bytes"}


@dataclass(frozen=True)
class Domain:
    """Where a signature counts: one contract of one name on one chain, and nowhere else."""

    name: str
    verifying_contract: str
    chain_id: int
    version: str = "1"

    @cached_property
    def separator(self) -> bytes:
        """Return EIP-712's domain separator, 32 bytes."""
        fields = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
        return keccak(
            encode(
                ["bytes32", "bytes32", "bytes32", "uint256", "address"],
                [_type_hash(fields), keccak(text=self.name), keccak(text=self.version), *self._place()],
            )
        )

    def _place(self) -> tuple[int, str]:
        return self.chain_id, self.verifying_contract


def domain(name: str, verifying_contract: str, chain_id: int) -> Domain:
    """Return the domain of version 1 of the contract of that name."""
    return Domain(name, verifying_contract, chain_id)


@lru_cache(maxsize=64)
def _type_hash(signature: str) -> bytes:
    return keccak(text=signature)


def struct_hash(primary_type: str, types: Mapping[str, Fields], message: Mapping[str, object]) -> bytes:
    """Return EIP-712's hashStruct of a flat struct, 32 bytes.

    Raises ValueError for a field that is itself a struct or an array: Chartseal signs none.
    """
    fields = types[primary_type]
    for field in fields:
        if field["type"] in types or field["type"].endswith("]"):
            raise ValueError(f"{primary_type}.{field['name']} is not a plain value.")
    listed = ",".join(f"{field['type']} {field['name']}" for field in fields)
    abi_types = ["bytes32"] + ["bytes32" if field["type"] in _DYNAMIC else field["type"] for field in fields]
    values: list[object] = [_type_hash(f"{primary_type}({listed})")]
    values += [_plain(field["type"], message[field["name"]]) for field in fields]
    return keccak(encode(abi_types, values))


def _plain(kind: str, value: object) -> object:
    if kind == "string":
        return keccak(text=str(value))
    if kind == "bytes":
        return keccak(bytes(value))  # type: ignore[call-overload]  # callers hand what the type declares
    return value


def digest(domain: Domain, primary_type: str, types: Mapping[str, Fields], message: Mapping[str, object]) -> bytes:
    """Return the 32 bytes that are signed for `message` in `domain`."""
    return signing_digest(domain, struct_hash(primary_type, types, message))


def signing_digest(domain: Domain, hashed_struct: bytes) -> bytes:
    """Return the 32 bytes that are signed for a struct already hashed."""
    return _signing_digest(domain.separator, hashed_struct)


@lru_cache(maxsize=1024)
def _signing_digest(separator: bytes, hashed_struct: bytes) -> bytes:
    return keccak(b"\x19\x01" + separator + hashed_struct)


def sign(private: bytes, digest: bytes) -> tuple[bytes, bytes]:
    """Return (r, vs), 32 bytes each: the deterministic (RFC 6979) low-s signature, parity in the top bit of vs."""
    signature = PrivateKey(private).sign_recoverable(digest, hasher=None)
    vs = int.from_bytes(signature[32:64], "big") | (_PARITY_BIT if signature[64] else 0)
    return signature[:32], vs.to_bytes(32, "big")


def recover(digest: bytes, r: bytes, vs: bytes) -> str | None:
    """Return the checksum address that signed, or None where the pair is no signature or its s is high (EIP-2)."""
    number = int.from_bytes(vs, "big")
    s = number & (_PARITY_BIT - 1)
    if len(digest) != 32 or len(r) != 32 or len(vs) != 32 or s > CURVE_ORDER // 2:
        return None
    signature = r + s.to_bytes(32, "big") + bytes([number >> 255])
    try:
        public = PublicKey.from_signature_and_message(signature, digest, hasher=None)
    except Exception:  # noqa: BLE001 -- libsecp256k1's binding raises bare Exception for a point that does not exist
        return None
    return address_of_public(public)


def address_of(private: bytes) -> str:
    """Return the checksum address of a secp256k1 private key. Raises ValueError for a key out of range."""
    return address_of_public(PrivateKey(private).public_key)


def address_of_public(public: PublicKey) -> str:
    """Return the checksum address of a secp256k1 public key."""
    return to_checksum_address(keccak(public.format(compressed=False)[1:])[-20:])
