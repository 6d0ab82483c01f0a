"""What the first byte of a blob says, and how hybrid keys are written down."""

from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

# Version bytes. A number is never used again for something else.
SEAL_V1 = b"\x01"  # HPKE base mode, MLKEM768_X25519 / HKDF-SHA256 / AES-256-GCM
CIPHER_V1 = b"\x02"  # AES-256-GCM: nonce(12) ‖ ciphertext ‖ tag(16)
COMMITTED_V1 = b"\x03"  # key commitment(32) ‖ nonce(12) ‖ ciphertext ‖ tag(16)

SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
NONCE_BYTES = 12
COMMITMENT_BYTES = 32
KEY_BYTES = 32
_MLKEM_SEED_BYTES = 64
X25519_BYTES = 32
KEM_PRIVATE_BYTES = _MLKEM_SEED_BYTES + X25519_BYTES
KEM_PUBLIC_BYTES = 1184 + X25519_BYTES


class CannotOpen(Exception):
    """The key, the associated data or the blob is not the one it was sealed with. Says no more on purpose."""


def load_private(raw: bytes) -> hpke.MLKEM768X25519PrivateKey:
    """Return the hybrid key written as ML-KEM seed(64) ‖ X25519 scalar(32). Raises ValueError on another length."""
    if len(raw) != KEM_PRIVATE_BYTES:
        raise ValueError(f"A hybrid private key has {KEM_PRIVATE_BYTES} bytes, not {len(raw)}.")
    return hpke.MLKEM768X25519PrivateKey(
        MLKEM768PrivateKey.from_seed_bytes(raw[:_MLKEM_SEED_BYTES]),
        X25519PrivateKey.from_private_bytes(raw[_MLKEM_SEED_BYTES:]),
    )


def load_public(raw: bytes) -> hpke.MLKEM768X25519PublicKey:
    """Return the hybrid public key written as ML-KEM(1184) ‖ X25519(32). Raises ValueError on another length."""
    if len(raw) != KEM_PUBLIC_BYTES:
        raise ValueError(f"A hybrid public key has {KEM_PUBLIC_BYTES} bytes, not {len(raw)}.")
    return hpke.MLKEM768X25519PublicKey(
        MLKEM768PublicKey.from_public_bytes(raw[:-X25519_BYTES]),
        X25519PublicKey.from_public_bytes(raw[-X25519_BYTES:]),
    )
