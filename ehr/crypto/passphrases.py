"""One Argon2id makes two secrets from a passphrase: one to sign in with, one that wraps the keyring.

The server may keep a digest of the first and never sees use for the second outside a request, so a
stolen password table unlocks nothing.
"""

import unicodedata
from typing import NamedTuple

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SALT_BYTES = 16


class Stretched(NamedTuple):
    """What a passphrase becomes: two independent 32-byte secrets."""

    sign_in: bytes
    wrap: bytes


def stretch(passphrase: str, salt: bytes, *, memory_kib: int, passes: int, lanes: int) -> Stretched:
    """Return both secrets of a passphrase. Costs one Argon2id (RFC 9106).

    The passphrase is normalised to NFKC, so that the same keys on another keyboard give the same secret.
    Raises ValueError for a salt shorter than 16 bytes.
    """
    if len(salt) < SALT_BYTES:
        raise ValueError(f"A salt has at least {SALT_BYTES} bytes, not {len(salt)}.")
    text = unicodedata.normalize("NFKC", passphrase).encode()
    root = Argon2id(salt=salt, length=32, iterations=passes, lanes=lanes, memory_cost=memory_kib).derive(text)
    return Stretched(sign_in=derive(root, "sign-in"), wrap=derive(root, "wrap"))


def derive(root: bytes, label: str, context: bytes = b"") -> bytes:
    """Return 32 bytes for one purpose from a root key. HKDF-SHA256, RFC 5869."""
    info = b"chartseal/" + label.encode() + b"/v1\x00" + context
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=info).derive(root)
