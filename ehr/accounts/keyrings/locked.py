"""A keyring at rest, encrypted under a passphrase's wrap half or a recovery code; and during a session, under a random
key that only the browser's cookie holds."""

import base64
import uuid
from collections.abc import MutableMapping

from django.db import transaction

from ehr import clock
from ehr.accounts import codes
from ehr.accounts.keyrings.opened import OpenKeyring, bound_to, make, unwrap
from ehr.accounts.models import Keyring, Reader
from ehr.crypto import opening, passphrases, sealing
from ehr.crypto.opening import CannotOpen

SESSION_KEY = "keyring"


@transaction.atomic
def create(reader: Reader, passphrase_wrap_key: bytes, *, stretched_with: str = "") -> OpenKeyring:
    """Make a reader's keyring, wrapped by a 32-byte key that a passphrase was stretched to. Return it open.

    stretched_with is the cost line that `hashers.fresh_cost` wrote, so that the same passphrase opens it again.
    """
    keyring = make(reader)
    Keyring.objects.create(
        reader=reader,
        version_id=keyring.version_id,
        by_passphrase=keyring.wrap(passphrase_wrap_key, "passphrase"),
        stretched_with=stretched_with,
    )
    return keyring


def unlock(stored: Keyring, wrap_key: bytes) -> OpenKeyring:
    """Return the keyring that a passphrase's wrap half opens. Raises CannotOpen for another passphrase."""
    return unwrap(stored.version, stored.by_passphrase, wrap_key, "passphrase")


def unlock_by_code(stored: Keyring, code: str) -> OpenKeyring:
    """Return the keyring that a recovery code opens. Raises CannotOpen for another code, or where none was kept."""
    return unwrap(stored.version, stored.by_recovery_code, _code_key(code, stored.reader_id), "recovery-code")


def wrap_by_passphrase(stored: Keyring, keyring: OpenKeyring, wrap_key: bytes, *, stretched_with: str) -> None:
    """Put another passphrase in front of the same keys. Nothing that was encrypted changes."""
    same_owner(stored, keyring)
    stored.by_passphrase = keyring.wrap(wrap_key, "passphrase")
    stored.stretched_with = stretched_with
    stored.changed_at = clock.now()
    stored.save(update_fields=["by_passphrase", "stretched_with", "changed_at"])


def wrap_by_code(stored: Keyring, keyring: OpenKeyring, code: str) -> None:
    """Let a recovery code open the same keys; the code before it opens them no more."""
    same_owner(stored, keyring)
    stored.by_recovery_code = keyring.wrap(_code_key(code, stored.reader_id), "recovery-code")
    stored.recovery_confirmed_at = stored.changed_at = clock.now()
    stored.save(update_fields=["by_recovery_code", "recovery_confirmed_at", "changed_at"])


def to_session(session: MutableMapping, keyring: OpenKeyring) -> str:
    """Leave the keyring in a session as ciphertext, and return the key to it: the cookie's value, kept nowhere else."""
    key = sealing.new_key()
    session[SESSION_KEY] = {
        "reader": str(keyring.reader_id),
        "version": keyring.version_id,
        "number": keyring.version_number,
        "text": base64.b64encode(keyring.wrap(key, "session")).decode(),
    }
    return base64.urlsafe_b64encode(key).decode().rstrip("=")


def from_session(session: MutableMapping, cookie: str) -> OpenKeyring | None:
    """Return the keyring that session and cookie hold between them, or None where either half is missing or changed.

    It may be an older version by now: `queries.is_theirs` tells.
    """
    half = session.get(SESSION_KEY)
    if not half or not cookie:
        return None
    try:
        key = base64.urlsafe_b64decode(cookie + "=" * (-len(cookie) % 4))
        reader_id, number = uuid.UUID(half["reader"]), int(half["number"])
        text = opening.decrypt(key, base64.b64decode(half["text"]), aad=bound_to("session", reader_id, number))
    except (ValueError, CannotOpen):
        return None
    return OpenKeyring(reader_id=reader_id, version_id=half["version"], version_number=number, text=text)


def _code_key(code: str, reader_id: uuid.UUID) -> bytes:
    """A code of 120 random bits needs no stretching."""
    return passphrases.derive(codes.plain(code).encode(), "recovery-code", reader_id.bytes)


def same_owner(stored: Keyring, keyring: OpenKeyring) -> None:
    """Raise ValueError unless an open keyring is the present version of a stored one."""
    if stored.reader_id != keyring.reader_id or stored.version_id != keyring.version_id:
        raise ValueError("This open keyring is another reader's, or an older version.")
