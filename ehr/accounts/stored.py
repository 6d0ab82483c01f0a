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


def put_away(secret: bytes, *, about: bytes, label: str) -> bytes:
    """Return version ‖ nonce(12) ‖ AES-256-GCM ciphertext under STORAGE_KEY, bound to what it is about."""
    nonce = os.urandom(_NONCE_BYTES)
    return _VERSION + nonce + _cipher(label).encrypt(nonce, secret, about)


def take_out(blob: bytes, *, about: bytes, label: str) -> bytes:
    """Return what `put_away` closed. Raises NotOurs for a changed blob, another subject, label or key."""
    start = len(_VERSION) + _NONCE_BYTES
    try:
        return _cipher(label).decrypt(blob[len(_VERSION) : start], blob[start:], about)
    except (InvalidTag, ValueError) as problem:
        raise NotOurs("A stored secret does not belong to this row or this deployment.") from problem


def index(label: str, value: str) -> bytes:
    """Return the 32-byte HMAC under INDEX_KEY by which a value is found again."""
    return digests.keyed(settings.INDEX_KEY, label, value)


def _cipher(label: str) -> AESGCM:
    return AESGCM(passphrases.derive(settings.STORAGE_KEY, f"stored/{label}"))
