"""Making, locking and unlocking keyrings. The only module of `accounts` that opens anything.

A keyring's text is 224 bytes: KEM private key (96), Ed25519 author key (32), consent seed (32), stealth spend and
view keys (32 each). At rest it is encrypted under a passphrase's wrap half or a recovery code; during a session,
under a random key that only the browser's cookie holds.
"""

import base64
import os
import uuid
from collections.abc import MutableMapping
from typing import NamedTuple, NoReturn

from coincurve import PrivateKey
from django.db import transaction

from audit import log
from ehr import clock
from ehr.accounts import codes
from ehr.accounts.models import Keyring, KeyVersion, Reader
from ehr.crypto import digests, opening, passphrases, sealing, signing
from ehr.crypto.opening import CannotOpen

__all__ = ["CannotOpen", "OpenKeyring", "create", "from_session", "make", "to_session", "unlock", "unlock_by_code"]

SESSION_KEY = "keyring"
_SIZES = (96, 32, 32, 32, 32)
_PARTY_KINDS: dict[str, str] = {Reader.Kind.PERSON: "person", Reader.Kind.TEAM: "team", Reader.Kind.APP: "app"}
_CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141  # secp256k1, SEC 2 §2.4.1


class _Text(NamedTuple):
    """The private keys themselves."""

    kem: bytes
    author: bytes
    consent_seed: bytes
    stealth_spend: bytes
    stealth_view: bytes

    @classmethod
    def read(cls, raw: bytes) -> "_Text":
        parts, start = [], 0
        for size in _SIZES:
            parts.append(raw[start : start + size])
            start += size
        return cls(*parts)


class OpenKeyring:
    """Somebody's private keys, for the length of one request. Never stored, sent, pickled or shown."""

    def __init__(self, *, reader_id: uuid.UUID, version_id: int, version_number: int, text: bytes) -> None:
        self.reader_id = reader_id
        self.version_id = version_id
        self.version_number = version_number
        self._text = _Text.read(text)
        self._opener: opening.SealOpener | None = None

    def __repr__(self) -> str:
        return f"<OpenKeyring of {self.reader_id}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("An open keyring leaves no process.")

    def open_seal(self, blob: bytes, *, info: bytes) -> bytes:
        """Return what was sealed to this reader. Raises CannotOpen for another reader, info or a changed blob."""
        if self._opener is None:
            self._opener = opening.SealOpener(self._text.kem)
        return self._opener.open(bytes(blob), info=info)

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte Ed25519 signature of the author key."""
        return signing.sign(self._text.author, message)

    def grant_key(self, context: bytes) -> bytes:
        """Return the secp256k1 private key (32 bytes) that signs one grant; another context, another key."""
        for attempt in range(256):
            key = passphrases.derive(self._text.consent_seed, "grant-key", bytes([attempt]) + context)
            if 0 < int.from_bytes(key, "big") < _CURVE_ORDER:
                return key
        raise ArithmeticError("No secp256k1 key in 256 tries, which does not happen.")

    @property
    def stealth_spend(self) -> bytes:
        """The secp256k1 private key that owns this reader's one-time addresses, 32 bytes."""
        return self._text.stealth_spend

    @property
    def stealth_view(self) -> bytes:
        """The secp256k1 private key that finds this reader's one-time addresses, 32 bytes."""
        return self._text.stealth_view

    def keep(self, plaintext: bytes, *, label: str) -> bytes:
        """Return plaintext encrypted so that only this keyring's owner reads it again, under the same label."""
        return sealing.encrypt(self._own_key(label), plaintext, aad=self.reader_id.bytes)

    def kept(self, blob: bytes, *, label: str) -> bytes:
        """Return what `keep` put away. Raises CannotOpen for another owner, label or a changed blob."""
        return opening.decrypt(self._own_key(label), blob, aad=self.reader_id.bytes)

    def _own_key(self, label: str) -> bytes:
        return passphrases.derive(self._text.kem, "own", label.encode())

    def _wrap(self, key: bytes, way: str) -> bytes:
        text = b"".join(self._text)
        return sealing.encrypt(key, text, aad=_bound_to(way, self.reader_id, self.version_number))


def make(reader: Reader) -> OpenKeyring:
    """Return fresh keys for a reader and store their public halves, as version 1. Call it inside a transaction.

    The caller wraps the keys (`wrap_by_passphrase`, `wrap_by_code`, or seals of its own) before it lets go of them.
    """
    kem, author = sealing.generate_kem(), signing.generate()
    spend, view = PrivateKey(), PrivateKey()
    version = KeyVersion.objects.create(
        reader=reader,
        number=1,
        kem_public=kem.public,
        author_public=author.public,
        stealth_spend_public=spend.public_key.format(),
        stealth_view_public=view.public_key.format(),
    )
    text = b"".join([kem.private, author.private, os.urandom(32), spend.secret, view.secret])
    event = log.append(
        "key.created",
        actor=log.Party(
            kind=_PARTY_KINDS.get(reader.kind, "system"), id=reader.id, name=reader.name, role="", place=""
        ),
        subject=None,
        outcome="done",
        details={"reader": str(reader.id), "number": version.number, "digest": version.digest.hex()},
    )
    version.logged_as = event.id
    version.save(update_fields=["logged_as"])
    return OpenKeyring(reader_id=reader.id, version_id=version.id, version_number=version.number, text=text)


@transaction.atomic
def create(reader: Reader, passphrase_wrap_key: bytes, *, stretched_with: str = "") -> OpenKeyring:
    """Make a reader's keyring, wrapped by a 32-byte key that a passphrase was stretched to. Return it open.

    stretched_with is the cost line that `hashers.fresh_cost` wrote, so that the same passphrase opens it again.
    """
    keyring = make(reader)
    Keyring.objects.create(
        reader=reader,
        version_id=keyring.version_id,
        by_passphrase=keyring._wrap(passphrase_wrap_key, "passphrase"),
        stretched_with=stretched_with,
    )
    return keyring


def unlock(stored: Keyring, wrap_key: bytes) -> OpenKeyring:
    """Return the keyring that a passphrase's wrap half opens. Raises CannotOpen for another passphrase."""
    return _unlock(stored, stored.by_passphrase, wrap_key, "passphrase")


def unlock_by_code(stored: Keyring, code: str) -> OpenKeyring:
    """Return the keyring that a recovery code opens. Raises CannotOpen for another code, or where none was kept."""
    return _unlock(stored, stored.by_recovery_code, _code_key(code, stored.reader_id), "recovery-code")


def wrap_by_passphrase(stored: Keyring, keyring: OpenKeyring, wrap_key: bytes, *, stretched_with: str) -> None:
    """Put another passphrase in front of the same keys. Nothing that was encrypted changes."""
    _same_owner(stored, keyring)
    stored.by_passphrase = keyring._wrap(wrap_key, "passphrase")
    stored.stretched_with = stretched_with
    stored.changed_at = clock.now()
    stored.save(update_fields=["by_passphrase", "stretched_with", "changed_at"])


def wrap_by_code(stored: Keyring, keyring: OpenKeyring, code: str) -> None:
    """Let a recovery code open the same keys; the code before it opens them no more."""
    _same_owner(stored, keyring)
    stored.by_recovery_code = keyring._wrap(_code_key(code, stored.reader_id), "recovery-code")
    stored.recovery_confirmed_at = stored.changed_at = clock.now()
    stored.save(update_fields=["by_recovery_code", "recovery_confirmed_at", "changed_at"])


def to_session(session: MutableMapping, keyring: OpenKeyring) -> str:
    """Leave the keyring in a session as ciphertext, and return the key to it: the cookie's value, kept nowhere else."""
    key = sealing.new_key()
    session[SESSION_KEY] = {
        "reader": str(keyring.reader_id),
        "version": keyring.version_id,
        "number": keyring.version_number,
        "text": base64.b64encode(keyring._wrap(key, "session")).decode(),
    }
    return base64.urlsafe_b64encode(key).decode().rstrip("=")


def from_session(session: MutableMapping, cookie: str) -> OpenKeyring | None:
    """Return the keyring that session and cookie hold between them, or None where either half is missing or changed."""
    half = session.get(SESSION_KEY)
    if not half or not cookie:
        return None
    try:
        key = base64.urlsafe_b64decode(cookie + "=" * (-len(cookie) % 4))
        reader_id, number = uuid.UUID(half["reader"]), int(half["number"])
        text = opening.decrypt(key, base64.b64decode(half["text"]), aad=_bound_to("session", reader_id, number))
    except (ValueError, CannotOpen):
        return None
    return OpenKeyring(reader_id=reader_id, version_id=half["version"], version_number=number, text=text)


def _unlock(stored: Keyring, blob: bytes | memoryview | None, key: bytes, way: str) -> OpenKeyring:
    number = stored.version.number
    if blob is None:
        raise CannotOpen("No copy of this keyring is kept in this way.")
    text = opening.decrypt(key, bytes(blob), aad=_bound_to(way, stored.reader_id, number))
    return OpenKeyring(reader_id=stored.reader_id, version_id=stored.version_id, version_number=number, text=text)


def _bound_to(way: str, reader_id: uuid.UUID, number: int) -> bytes:
    return digests.joined(b"chartseal keyring v1", way.encode(), reader_id.bytes, number.to_bytes(4, "big"))


def _code_key(code: str, reader_id: uuid.UUID) -> bytes:
    """A code of 120 random bits needs no stretching."""
    return passphrases.derive(codes.plain(code).encode(), "recovery-code", reader_id.bytes)


def _same_owner(stored: Keyring, keyring: OpenKeyring) -> None:
    if stored.reader_id != keyring.reader_id or stored.version_id != keyring.version_id:
        raise ValueError("This open keyring is another reader's, or an older version.")
