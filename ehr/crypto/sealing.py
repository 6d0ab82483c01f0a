"""Closing things. Whoever holds a public key, or makes a fresh one, may use this module."""

import hashlib
import os
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ehr.crypto.formats import (
    CIPHER_V1,
    COMMITTED_V1,
    KEM_PRIVATE_BYTES,
    KEY_BYTES,
    NONCE_BYTES,
    SEAL_V1,
    SUITE,
    X25519_BYTES,
    load_public,
)

_COMMITMENT_LABEL = b"chartseal/key-commitment/v1\x00"


class KemPair(NamedTuple):
    """A hybrid key pair. private: 96 bytes; public: 1,216 bytes."""

    private: bytes
    public: bytes


def generate_kem() -> KemPair:
    """Return a fresh ML-KEM-768 + X25519 key pair as raw bytes."""
    lattice, curve = MLKEM768PrivateKey.generate(), X25519PrivateKey.generate()
    return KemPair(
        private=lattice.private_bytes_raw() + curve.private_bytes_raw(),
        public=lattice.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw(),
    )


def public_of(private: bytes) -> bytes:
    """Return the public half (1,216 bytes) of a 96-byte private key. Raises ValueError on another length."""
    if len(private) != KEM_PRIVATE_BYTES:
        raise ValueError(f"A hybrid private key has {KEM_PRIVATE_BYTES} bytes, not {len(private)}.")
    lattice = MLKEM768PrivateKey.from_seed_bytes(private[:-X25519_BYTES])
    curve = X25519PrivateKey.from_private_bytes(private[-X25519_BYTES:])
    return lattice.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw()


def new_key() -> bytes:
    """Return 32 random bytes, a key for `encrypt`."""
    return os.urandom(KEY_BYTES)


def seal(public: bytes, plaintext: bytes, *, info: bytes) -> bytes:
    """Return plaintext sealed to a public key and bound to info. HPKE base mode, RFC 9180.

    Base mode authenticates nobody: what is sealed is signed by its author first.
    """
    return SEAL_V1 + SUITE.encrypt(plaintext, load_public(public), info)


def encrypt(key: bytes, plaintext: bytes, *, aad: bytes) -> bytes:
    """Return version ‖ nonce(12) ‖ AES-256-GCM ciphertext, bound to aad. The nonce is random."""
    nonce = os.urandom(NONCE_BYTES)
    return CIPHER_V1 + nonce + AESGCM(key).encrypt(nonce, plaintext, aad)


def encrypt_committed(key: bytes, plaintext: bytes, *, aad: bytes) -> bytes:
    """Like `encrypt`, with a commitment to the key, so that one blob cannot be made to open under two keys."""
    nonce = os.urandom(NONCE_BYTES)
    return COMMITTED_V1 + commitment(key) + nonce + AESGCM(key).encrypt(nonce, plaintext, aad)


def commitment(key: bytes) -> bytes:
    """Return 32 bytes that fix a key without telling it."""
    return hashlib.sha256(_COMMITMENT_LABEL + key).digest()
