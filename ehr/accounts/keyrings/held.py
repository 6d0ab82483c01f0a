"""The keyring of a reader without a person, wrapped by what the keyholder has; and the key for one answer of it."""

from functools import cached_property
from typing import Protocol

from django.db import transaction

from ehr import clock
from ehr.accounts.keyrings.locked import same_owner
from ehr.accounts.keyrings.opened import OpenKeyring, bound_to, make
from ehr.accounts.models import Keyring, Reader
from ehr.crypto import opening, sealing
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
def create_held(reader: Reader, wrapping: Wrapping) -> OpenKeyring:
    """Make a reader's keyring, wrapped by what the keyholder has. Return it open."""
    keyring = make(reader)
    Keyring.objects.create(reader=reader, version_id=keyring.version_id, by_passphrase=_closed(keyring, wrapping))
    return keyring


def open_held(stored: Keyring, wrapping: Wrapping) -> OpenKeyring:
    """Return a keyring that the keyholder holds. Raises CannotOpen where it was wrapped by something else."""
    version = stored.version
    if stored.by_passphrase is None:
        raise CannotOpen("No copy of this keyring is kept in this way.")
    aad = bound_to(_WAY, version.reader_id, version.number)
    text = wrapping.open(bytes(stored.by_passphrase), aad=aad)
    return OpenKeyring(reader_id=version.reader_id, version_id=version.pk, version_number=version.number, text=text)


def wrap_held(stored: Keyring, keyring: OpenKeyring, wrapping: Wrapping) -> None:
    """Wrap the same keys by something else. Nothing that was sealed changes; what wrapped them before opens nothing."""
    same_owner(stored, keyring)
    stored.by_passphrase = _closed(keyring, wrapping)
    stored.changed_at = clock.now()
    stored.save(update_fields=["by_passphrase", "changed_at"])


def _closed(keyring: OpenKeyring, wrapping: Wrapping) -> bytes:
    return wrapping.close(keyring.text, aad=bound_to(_WAY, keyring.reader_id, keyring.version_number))
