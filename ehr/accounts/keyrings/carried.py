"""A keyring that a secret carries: encrypted under a key made from a code or token, which only its bearer has.

The secret is never stored, so what is stored opens when the bearer comes back with it and not before.
"""

from django.db import transaction

from ehr.accounts.keyrings.opened import OpenKeyring, make, unwrap
from ehr.accounts.models import Keyring, KeyVersion, Reader
from ehr.crypto import passphrases

_WAY = "carried"


@transaction.atomic
def make_carried(reader: Reader) -> OpenKeyring:
    """Make the keyring of an app and return it open. No copy is kept but those that `carry` makes."""
    keyring = make(reader)
    Keyring.objects.create(reader=reader, version_id=keyring.version_id)
    return keyring


def carry(keyring: OpenKeyring, secret: str, about: bytes) -> bytes:
    """Return a keyring's text encrypted under a key made from a secret of at least 256 random bits, and from what the
    secret is for, which is not stored beside it but told again."""
    return keyring.wrap(_key(secret, keyring.reader_id.bytes + about), _WAY)


def open_carried(version: KeyVersion, blob: bytes, secret: str, about: bytes) -> OpenKeyring:
    """Return the keyring that `carry` put away. Raises CannotOpen for another secret, purpose, version or blob."""
    return unwrap(version, blob, _key(secret, version.reader_id.bytes + about), _WAY)


def deposited(version: KeyVersion, text: bytes) -> OpenKeyring:
    """Return the keyring whose text was sealed to another one, by `OpenKeyring.seal_to`. Raises CannotOpen."""
    return OpenKeyring(reader_id=version.reader_id, version_id=version.pk, version_number=version.number, text=text)


def _key(secret: str, context: bytes) -> bytes:
    return passphrases.derive(secret.encode(), "carried-keyring", context)
