"""The words of a request: what a clinician writes, what the patient asks back, and the clinician's answer to that.

Each is signed by its author's key and closed for its reader alone: what the patient reads to the lockbox of their log,
what the clinician reads to their own key. HPKE `info` and signature bind request, patient, reader and terms: words
copied to another request, or terms changed behind them, do not open.
"""

import hashlib
from dataclasses import dataclass
from uuid import UUID

from consent import keys, sentences
from consent.access import KeysLocked
from consent.models import AccessRequest
from ehr.accounts import queries as accounts
from ehr.accounts.keyrings import OpenKeyring
from ehr.accounts.models import KeyVersion
from ehr.crypto import signing
from ehr.crypto.digests import joined
from ehr.crypto.sealing import seal

_SIGNATURE_BYTES, _VERSION_BYTES = 64, 8


@dataclass(frozen=True)
class Message:
    """Somebody's words as the other side reads them. `words` is None where they do not open."""

    words: str | None
    signed: bool


CLOSED = Message(None, signed=False)


def seal_message(request: AccessRequest, words: str, *, keyring: OpenKeyring) -> bytes:
    """Return why a clinician asks, signed by them, for the patient alone. The request need not be saved yet."""
    text, info = words.encode(), terms(request)
    return keys.seal_words(request.patient, keyring.sign(info + text) + text, info=info)


def read_message(request: AccessRequest, keyring: OpenKeyring | None) -> Message:
    """Return a request's words, opened with the patient's own keys. Raises KeysLocked."""
    keyring, info = _unlocked(request, keyring), terms(request)
    try:
        opened = keys.open_words(request.patient, bytes(request.message), keyring=keyring, info=info)
    except keys.CannotOpen:
        return CLOSED
    signature, text = opened[:_SIGNATURE_BYTES], opened[_SIGNATURE_BYTES:]
    return _read(request.key_version, request.reader.user_id, info, signature, text)


def seal_question(request: AccessRequest, words: str, *, keyring: OpenKeyring) -> bytes:
    """Return what a patient asks back, signed by them, for the clinician alone. Raises keys.KeyExchanged."""
    version = accounts.present_version(request.reader)
    if not accounts.is_present(version):
        raise keys.KeyExchanged(f"Key {version.pk} of reader {version.reader_id} is not the one on the log.")
    info = _question_info(request)
    return seal(bytes(version.kem_public), signed_words(words, info, keyring), info=info)


def read_question(request: AccessRequest, keyring: OpenKeyring | None) -> Message:
    """Return what the patient asked back, opened with the keys of who made the request. Raises KeysLocked."""
    keyring, info = _unlocked(request, keyring), _question_info(request)
    try:
        opened = keyring.open_seal(bytes(request.question), info=info)
    except keys.CannotOpen:
        return CLOSED
    return read_signed_words(opened, info, by=request.patient.user_id)


def seal_reply(request: AccessRequest, words: str, *, keyring: OpenKeyring) -> bytes:
    """Return the clinician's answer to a question, signed by them, for the patient alone."""
    info = _reply_info(request)
    return keys.seal_words(request.patient, signed_words(words, info, keyring), info=info)


def read_reply(request: AccessRequest, keyring: OpenKeyring | None) -> Message:
    """Return the clinician's answer, opened with the patient's own keys. Raises KeysLocked."""
    keyring, info = _unlocked(request, keyring), _reply_info(request)
    try:
        opened = keys.open_words(request.patient, bytes(request.reply), keyring=keyring, info=info)
    except keys.CannotOpen:
        return CLOSED
    return read_signed_words(opened, info, by=request.reader.user_id)


def _unlocked(request: AccessRequest, keyring: OpenKeyring | None) -> OpenKeyring:
    if keyring is None:
        raise KeysLocked(sentences.refusal("locked", name=request.patient.name), because="locked")
    return keyring


def signed_words(words: str, info: bytes, keyring: OpenKeyring) -> bytes:
    """Return words with their author's version and signature in front."""
    text = words.encode()
    return keyring.version_id.to_bytes(_VERSION_BYTES, "big") + keyring.sign(info + text) + text


def read_signed_words(opened: bytes, info: bytes, *, by: UUID | None) -> Message:
    """Return words that `signed_words` made, and whether this person signed them."""
    version_id, rest = int.from_bytes(opened[:_VERSION_BYTES], "big"), opened[_VERSION_BYTES:]
    version = KeyVersion.objects.filter(pk=version_id).select_related("reader").first()
    return _read(version, by, info, rest[:_SIGNATURE_BYTES], rest[_SIGNATURE_BYTES:])


def _read(version: KeyVersion | None, by: UUID | None, info: bytes, signature: bytes, text: bytes) -> Message:
    """Return words, and whether a key that the log has for this person signed them."""
    genuine = (
        version is not None
        and by is not None
        and version.reader.user_id == by
        and accounts.is_logged(version)
        and signing.verify(bytes(version.author_public), info + text, signature)
    )
    return Message(text.decode(), signed=genuine)


def terms(request: AccessRequest) -> bytes:
    """Return what the words are bound to: request, patient, reader, and the terms they explain."""
    days = [str(day or "") for day in (request.record_from, request.record_until)]
    lists = (request.categories, request.actions, request.entries, days, [request.purpose, str(request.days)])
    ids = (request.pk, request.patient_id, request.reader_id)
    said = (joined(*(one.encode() for one in words)) for words in lists)
    return joined(b"access-request/v2", *(one.bytes for one in ids), *said)


def _question_info(request: AccessRequest) -> bytes:
    return joined(b"access-question/v1", hashlib.sha256(terms(request)).digest())


def _reply_info(request: AccessRequest) -> bytes:
    """A reply is bound to the very question that it answers."""
    asked = hashlib.sha256(bytes(request.question or b"")).digest()
    return joined(b"access-reply/v1", hashlib.sha256(terms(request)).digest(), asked)
