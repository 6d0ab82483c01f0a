"""Ed25519 signatures: who wrote an entry, who opened an epoch, who succeeded whom."""

from hashlib import sha256
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ehr.crypto.digests import joined

_REMEMBERED = 4096  # signatures that held: 32 bytes each
_held: set[bytes] = set()


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


def verify_again(public: bytes, message: bytes, signature: bytes) -> bool:
    """Tell what `verify` does of what is read again and again: what held once in a process is not worked out anew.

    What is kept of it is one digest of all three, and neither the message nor that something did not hold.
    """
    known = sha256(joined(public, signature, message)).digest()
    if known in _held:
        return True
    if not verify(public, message, signature):
        return False
    if len(_held) >= _REMEMBERED:
        _held.clear()
    _held.add(known)
    return True
