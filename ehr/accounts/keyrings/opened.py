"""A keyring in somebody's hands: what it opens and signs, and the versions before it.

A keyring's text is 224 bytes: KEM private key (96), Ed25519 author key (32), consent seed (32), stealth spend and
view keys (32 each).
"""

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import NamedTuple, NoReturn

from coincurve import PrivateKey

from audit import log
from ehr.accounts import history
from ehr.accounts.models import KeyVersion, PastKeys, Reader
from ehr.crypto import digests, opening, passphrases, sealing, signing
from ehr.crypto.opening import CannotOpen

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
        if len(raw) != sum(_SIZES):
            raise CannotOpen("This is not a keyring's text.")
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
        self._before: OpenKeyring | None = None

    def __repr__(self) -> str:
        return f"<OpenKeyring of {self.reader_id}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("An open keyring leaves no process.")

    def open_seal(self, blob: bytes, *, info: bytes, version_id: int | None = None) -> bytes:
        """Return what was sealed to this reader. Raises CannotOpen for another reader, info or a changed blob.

        version_id says to which version it was sealed; without it this one is tried, then those before it.
        """
        if version_id is None:
            return self._by_any(lambda keyring: keyring._open_own(blob, info))
        keyring = self.past(version_id)
        if keyring is None:
            raise CannotOpen("This was sealed to a version that is not of this keyring.")
        return keyring._open_own(blob, info)

    def past(self, version_id: int) -> "OpenKeyring | None":
        """Return these keys as they were in that version, this one included; None when it is not one of them.

        Raises CannotOpen where what is kept of an older version was changed.
        """
        if version_id == self.version_id:
            return self
        return next((keyring for keyring in self.older() if keyring.version_id == version_id), None)

    def older(self) -> Iterator["OpenKeyring"]:
        """Yield the versions before this one, newest first. Each is opened by the one after it, when it is asked for.

        Raises CannotOpen where what is kept of one was changed.
        """
        keyring = self._one_older()
        while keyring is not None:
            yield keyring
            keyring = keyring._one_older()

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
        """Return what `keep` put away, also before the keys were renewed. Raises CannotOpen for another owner, label
        or a changed blob."""
        return self._by_any(lambda keyring: opening.decrypt(keyring._own_key(label), blob, aad=self.reader_id.bytes))

    def _by_any(self, open_with: Callable[["OpenKeyring"], bytes]) -> bytes:
        try:
            return open_with(self)
        except CannotOpen:
            for keyring in self.older():
                with suppress(CannotOpen):
                    return open_with(keyring)
            raise

    def _open_own(self, blob: bytes, info: bytes) -> bytes:
        if self._opener is None:
            self._opener = opening.SealOpener(self._text.kem)
        return self._opener.open(bytes(blob), info=info)

    def _own_key(self, label: str) -> bytes:
        return passphrases.derive(self._text.kem, "own", label.encode())

    def _one_older(self) -> "OpenKeyring | None":
        if self._before is None and self.version_number > 1:
            kept = PastKeys.objects.select_related("version").filter(under_id=self.version_id).first()
            if kept is not None:
                self._before = unwrap(kept.version, kept.blob, self._past_key(), "past")
        return self._before

    def _past_key(self) -> bytes:
        return passphrases.derive(self.text, "past-keys", self.reader_id.bytes)

    def wrap_older(self, older: "OpenKeyring") -> bytes:
        """Return the version before encrypted under this one, so that whoever holds this holds both."""
        return older.wrap(self._past_key(), "past")

    def wrap(self, key: bytes, way: str) -> bytes:
        """Return the text encrypted under a 32-byte key, bound to its reader, its version and the way it is kept."""
        return sealing.encrypt(key, self.text, aad=bound_to(way, self.reader_id, self.version_number))

    @property
    def text(self) -> bytes:
        """The 224 bytes of private keys, for the modules of this package to close."""
        return b"".join(self._text)

    def seal_to(self, version: KeyVersion, *, info: bytes) -> bytes:
        """Return the text sealed to somebody else's public key: a team's to its member's."""
        return sealing.seal(bytes(version.kem_public), self.text, info=info)

    def belongs_to(self, version: KeyVersion) -> bool:
        """Tell whether these private keys are those whose public halves stand in a version."""
        text, spend, view = self._text, PrivateKey(self.stealth_spend), PrivateKey(self.stealth_view)
        return (
            sealing.public_of(text.kem) == bytes(version.kem_public)
            and signing.public_of(text.author) == bytes(version.author_public)
            and spend.public_key.format() == bytes(version.stealth_spend_public)
            and view.public_key.format() == bytes(version.stealth_view_public)
        )


def unwrap(version: KeyVersion, blob: bytes | memoryview | None, key: bytes, way: str) -> OpenKeyring:
    """Return the version that a blob of `wrap` holds. Raises CannotOpen for another key, version, way or none."""
    if blob is None:
        raise CannotOpen("No copy of this keyring is kept in this way.")
    text = opening.decrypt(key, bytes(blob), aad=bound_to(way, version.reader_id, version.number))
    return OpenKeyring(reader_id=version.reader_id, version_id=version.pk, version_number=version.number, text=text)


def bound_to(way: str, reader_id: uuid.UUID, number: int) -> bytes:
    """Return the associated data of a wrapped text."""
    return digests.joined(b"chartseal keyring v1", way.encode(), reader_id.bytes, number.to_bytes(4, "big"))


def make(reader: Reader) -> OpenKeyring:
    """Return fresh keys for a reader and store their public halves, as version 1. Call it inside a transaction.

    The caller wraps the keys (`create` does, and `make_shared`) before it lets go of them.
    """
    return new_version(reader)


def new_version(reader: Reader, *, after: OpenKeyring | None = None, because: str = "") -> OpenKeyring:
    """Return fresh keys for a reader, their public halves stored and on the log, signed by the version before."""
    kem, author = sealing.generate_kem(), signing.generate()
    spend, view = PrivateKey(), PrivateKey()
    version = KeyVersion(
        reader=reader,
        number=after.version_number + 1 if after else 1,
        kem_public=kem.public,
        author_public=author.public,
        stealth_spend_public=spend.public_key.format(),
        stealth_view_public=view.public_key.format(),
    )
    if after is not None:
        version.signature = after.sign(history.succession(version))
    event = log.append(
        history.SUCCEEDED if after else history.BEGUN,
        actor=party_of(reader),
        subject=None,
        outcome="done",
        because=because,
        details={"reader": str(reader.id), "number": version.number, "digest": version.digest.hex()},
    )
    version.logged_as = event.id
    version.save()
    text = b"".join([kem.private, author.private, os.urandom(32), spend.secret, view.secret])
    return OpenKeyring(reader_id=reader.id, version_id=version.id, version_number=version.number, text=text)


def party_of(reader: Reader) -> log.Party:
    """Return a reader as the log keeps them."""
    return log.Party(kind=_PARTY_KINDS.get(reader.kind, "system"), id=reader.id, name=reader.name, role="", place="")
