"""One-time addresses for readers: ERC-5564, scheme 1 (secp256k1 with view tags).

The standard leaves the encoding of the shared point open; like its authors' SDK, this hashes the 33 compressed bytes.
"""

import os
from dataclasses import dataclass

from coincurve import PrivateKey, PublicKey
from eth_utils.crypto import keccak

from ehr.chain.typed_data import CURVE_ORDER, address_of_public

SCHEME_ID = 1


@dataclass(frozen=True)
class StealthAddress:
    """A one-time address, and what its owner needs to find it: given to them sealed, never published."""

    address: str
    ephemeral_public: bytes
    view_tag: int


def generate(spend_public: bytes, view_public: bytes, *, ephemeral_private: bytes | None = None) -> StealthAddress:
    """Return a fresh address for whoever holds the private keys of these two compressed public keys (33 bytes each).

    The same ephemeral key gives the same address. Raises ValueError where bytes are no point of the curve.
    """
    ephemeral = PrivateKey(ephemeral_private) if ephemeral_private is not None else PrivateKey(_random_scalar())
    hashed = _hashed(PublicKey(view_public), ephemeral.secret)
    address = address_of_public(PublicKey(spend_public).add(_scalar(hashed)))
    return StealthAddress(address, ephemeral.public_key.format(), hashed[0])


def private_key(spend_private: bytes, view_private: bytes, ephemeral_public: bytes) -> bytes:
    """Return the 32-byte private key of the address made with that ephemeral key."""
    hashed = _hashed(PublicKey(ephemeral_public), view_private)
    return PrivateKey(spend_private).add(_scalar(hashed)).secret


def is_mine(address: str, spend_public: bytes, view_private: bytes, ephemeral_public: bytes, view_tag: int) -> bool:
    """Return whether the address was made for this reader; one byte settles 255 of 256 that were not."""
    hashed = _hashed(PublicKey(ephemeral_public), view_private)
    return hashed[0] == view_tag and address_of_public(PublicKey(spend_public).add(_scalar(hashed))) == address


def _hashed(public: PublicKey, private: bytes) -> bytes:
    return keccak(public.multiply(private).format())


def _scalar(hashed: bytes) -> bytes:
    return (int.from_bytes(hashed, "big") % CURVE_ORDER).to_bytes(32, "big")


def _random_scalar() -> bytes:
    while not 0 < int.from_bytes(candidate := os.urandom(32), "big") < CURVE_ORDER:
        pass
    return candidate
