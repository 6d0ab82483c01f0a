"""Ed25519 signatures: who wrote an entry, who opened an epoch, who succeeded whom."""

from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


class SigningPair(NamedTuple):
    """An Ed25519 key pair, 32 bytes each."""

    private: bytes
    public: bytes


def generate() -> SigningPair:
    """Return a fresh key pair."""
    key = Ed25519PrivateKey.generate()
    return SigningPair(key.private_bytes_raw(), key.public_key().public_bytes_raw())


def public_of(private: bytes) -> bytes:
    """Return the 32-byte public key of a 32-byte seed."""
    return Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def sign(private: bytes, message: bytes) -> bytes:
    """Return the 64-byte signature of message. Source: RFC 8032."""
    return Ed25519PrivateKey.from_private_bytes(private).sign(message)


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Tell whether signature is public's over message; a malformed key or signature is simply not."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes(public)).verify(bytes(signature), message)
    except (InvalidSignature, ValueError):
        return False
    return True
