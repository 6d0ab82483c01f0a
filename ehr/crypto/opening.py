"""Opening things. Five modules may import this one; import-linter holds the list."""

from functools import cached_property
from hmac import compare_digest

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ehr.crypto.formats import (
    CIPHER_V1,
    COMMITMENT_BYTES,
    COMMITTED_V1,
    NONCE_BYTES,
    SEAL_V1,
    SUITE,
    CannotOpen,
    load_private,
)
from ehr.crypto.sealing import commitment

__all__ = ["CannotOpen", "KeyOpener", "SealOpener", "decrypt", "decrypt_committed", "open_seal"]

_CIPHER_BODY = 1 + NONCE_BYTES
_COMMITTED_START = 1 + COMMITMENT_BYTES
_COMMITTED_BODY = _COMMITTED_START + NONCE_BYTES
_REFUSED = (InvalidTag, ValueError)
_UNKNOWN = "This was encrypted by a version that this program does not know."
_DOES_NOT_FIT = "The key, the associated data or the ciphertext is not the right one."


class SealOpener:
    """A private key for opening many seals. It is loaded at the first, for loading costs more than opening."""

    def __init__(self, private: bytes) -> None:
        self._private = private

    @cached_property
    def _key(self) -> hpke.MLKEM768X25519PrivateKey:
        return load_private(self._private)

    def open(self, sealed: bytes, *, info: bytes) -> bytes:
        """Return the plaintext. Raises CannotOpen for another key, info or a changed blob."""
        if bytes(sealed[:1]) != SEAL_V1:
            raise CannotOpen("This seal was made by a version that this program does not know.")
        try:
            return SUITE.decrypt(bytes(sealed[1:]), self._key, info)
        except (InvalidTag, ValueError) as problem:
            raise CannotOpen("This key does not open this seal.") from problem


def open_seal(private: bytes, sealed: bytes, *, info: bytes) -> bytes:
    """Return what `sealing.seal` closed. Raises CannotOpen for another key, info or a changed blob."""
    return SealOpener(private).open(sealed, info=info)


class KeyOpener:
    """A loaded symmetric key, for opening many blobs made by `sealing.encrypt`."""

    def __init__(self, key: bytes) -> None:
        self._decrypt = AESGCM(key).decrypt

    def open(self, blob: bytes, *, aad: bytes) -> bytes:
        """Return the plaintext. Raises CannotOpen for another key, aad or a changed blob."""
        if blob[:1] != CIPHER_V1:
            raise CannotOpen(_UNKNOWN)
        try:
            return self._decrypt(blob[1:_CIPHER_BODY], blob[_CIPHER_BODY:], aad)
        except _REFUSED as problem:
            raise CannotOpen(_DOES_NOT_FIT) from problem


def decrypt(key: bytes, blob: bytes, *, aad: bytes) -> bytes:
    """Return what `sealing.encrypt` closed. Raises CannotOpen for another key, aad or a changed blob."""
    return KeyOpener(key).open(bytes(blob), aad=aad)


def decrypt_committed(key: bytes, blob: bytes, *, aad: bytes) -> bytes:
    """Return what `sealing.encrypt_committed` closed. Raises CannotOpen, also where the key is not the committed."""
    # A chart opens a thousand of these: nothing here is a call that need not be one.
    if blob[:1] != COMMITTED_V1:
        raise CannotOpen(_UNKNOWN)
    if not compare_digest(blob[1:_COMMITTED_START], commitment(key)):
        raise CannotOpen("This is not the key that the ciphertext commits to.")
    try:
        return AESGCM(key).decrypt(blob[_COMMITTED_START:_COMMITTED_BODY], blob[_COMMITTED_BODY:], aad)
    except _REFUSED as problem:
        raise CannotOpen(_DOES_NOT_FIT) from problem
