"""The keyring of a reader without a person, wrapped by what the keyholder has; and the key for one answer of it."""

from functools import cached_property
from typing import Protocol
from uuid import UUID

from django.db import transaction

from ehr import clock
from ehr.accounts.keyrings.locked import same_owner
from ehr.accounts.keyrings.opened import OpenKeyring, bound_to, make
from ehr.accounts.models import Keyring, KeyVersion, Reader
from ehr.crypto import opening, sealing
from ehr.crypto.digests import joined
from ehr.crypto.opening import CannotOpen

_WAY = "passphrase"  # the first keyring was wrapped in the place of a passphrase's, and still opens


class Wrapping(Protocol):
    """What closes and opens a keyring's text. A key in a file does, and a token that never lets its key go."""

    def close(self, text: bytes, *, aad: bytes) -> bytes:
        """Return the text as `sealing.encrypt` writes it."""
        ...

    def open(self, blob: bytes, *, aad: bytes) -> bytes:
        """Return the text. Raises CannotOpen for another key, aad or a changed blob."""
        ...


class FileKey:
    """A wrap key of 32 bytes that a file or the environment holds."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def close(self, text: bytes, *, aad: bytes) -> bytes:
        return sealing.encrypt(self._key, text, aad=aad)

    def open(self, blob: bytes, *, aad: bytes) -> bytes:
        return opening.decrypt(self._key, blob, aad=aad)


class OneUseKey:
    """A key pair made for one answer. What is sealed to `public` (1,216 bytes) opens here and nowhere else."""

    def __init__(self, private: bytes = b"") -> None:
        self.private = private or sealing.generate_kem().private

    def __repr__(self) -> str:
        return "<OneUseKey>"

    @cached_property
    def public(self) -> bytes:
        return sealing.public_of(self.private)

    @cached_property
    def _opener(self) -> opening.SealOpener:
        return opening.SealOpener(self.private)

    def open_seal(self, blob: bytes, *, info: bytes) -> bytes:
        """Return what was sealed to this key. Raises CannotOpen for another key, info or a changed blob."""
        return self._opener.open(bytes(blob), info=info)


def opened_by(key: bytes, blob: bytes, *, aad: bytes) -> bytes:
    """Return what was closed under a key that the keyholder handed out. Raises CannotOpen."""
    return opening.decrypt(key, blob, aad=aad)


@transaction.atomic
def create_held(reader: Reader, wrapping: Wrapping, *, bound: bytes = b"") -> OpenKeyring:
    """Make a reader's keyring, wrapped by what the keyholder has. Return it open.

    `bound` is what must be told again to open it: who else changes that opens nothing.
    """
    keyring = make(reader)
    closed = _closed(keyring, wrapping, bound)
    Keyring.objects.create(reader=reader, version_id=keyring.version_id, by_passphrase=closed)
    return keyring


def open_held(stored: Keyring, wrapping: Wrapping, *, bound: bytes = b"") -> OpenKeyring:
    """Return a keyring that the keyholder holds. Raises CannotOpen where it was wrapped by, or bound to, another."""
    version = stored.version
    if stored.by_passphrase is None:
        raise CannotOpen("No copy of this keyring is kept in this way.")
    text = wrapping.open(bytes(stored.by_passphrase), aad=_about(version.reader_id, version.number, bound))
    return OpenKeyring(reader_id=version.reader_id, version_id=version.pk, version_number=version.number, text=text)


def handed_on(keyring: OpenKeyring, to: bytes, *, info: bytes) -> bytes:
    """Return a keyring's text sealed to the public key of a `OneUseKey`, which alone takes it."""
    return sealing.seal(to, keyring.text, info=info)


def taken(version: KeyVersion, blob: bytes, key: OneUseKey, *, info: bytes) -> OpenKeyring:
    """Return the keyring that `handed_on` sealed to a key. Raises CannotOpen for another key, info or changed blob."""
    text = key.open_seal(blob, info=info)
    return OpenKeyring(reader_id=version.reader_id, version_id=version.pk, version_number=version.number, text=text)


def wrap_held(stored: Keyring, keyring: OpenKeyring, wrapping: Wrapping) -> None:
    """Wrap the same keys by something else. Nothing that was sealed changes; what wrapped them before opens nothing."""
    same_owner(stored, keyring)
    stored.by_passphrase = _closed(keyring, wrapping)
    stored.changed_at = clock.now()
    stored.save(update_fields=["by_passphrase", "changed_at"])


def _closed(keyring: OpenKeyring, wrapping: Wrapping, bound: bytes = b"") -> bytes:
    return wrapping.close(keyring.text, aad=_about(keyring.reader_id, keyring.version_number, bound))


def _about(reader_id: UUID, number: int, bound: bytes) -> bytes:
    plain = bound_to(_WAY, reader_id, number)
    return joined(b"bound keyring v1", plain, bound) if bound else plain
