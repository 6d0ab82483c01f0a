"""What must be readable without a person, or found again without being told: kept under the deployment's own keys.

A copy of the database opens neither, for these keys are not in it.
"""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from ehr.crypto import digests, passphrases

_VERSION = b"\x01"
_NONCE_BYTES = 12


class NotOurs(Exception):
    """A stored secret was changed, or belongs to another row or deployment."""


def put_away(secret: bytes, *, about: bytes, label: str, root: bytes | None = None) -> bytes:
    """Return version ‖ nonce(12) ‖ AES-256-GCM ciphertext, bound to what it is about.

    Under STORAGE_KEY, or another secret of the deployment's as `root`.
    """
    nonce = os.urandom(_NONCE_BYTES)
    return _VERSION + nonce + _cipher(label, root).encrypt(nonce, secret, about)


def take_out(blob: bytes, *, about: bytes, label: str, root: bytes | None = None) -> bytes:
    """Return what `put_away` closed. Raises NotOurs for a changed blob, another subject, label or key."""
    start = len(_VERSION) + _NONCE_BYTES
    try:
        return _cipher(label, root).decrypt(blob[len(_VERSION) : start], blob[start:], about)
    except (InvalidTag, ValueError) as problem:
        raise NotOurs("A stored secret does not belong to this row or this deployment.") from problem


def index(label: str, value: str) -> bytes:
    """Return the 32-byte HMAC under INDEX_KEY by which a value is found again."""
    return digests.keyed(settings.INDEX_KEY, label, value)


def _cipher(label: str, root: bytes | None) -> AESGCM:
    return AESGCM(passphrases.derive(settings.STORAGE_KEY if root is None else root, f"stored/{label}"))
