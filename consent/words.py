"""Free words between people: sealed to each of those who may read them, and bound to what they are about."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from ehr.accounts.keyrings import CannotOpen, OpenKeyring
from ehr.accounts.models import Reader, User
from ehr.accounts.queries import is_present
from ehr.crypto.digests import joined
from ehr.crypto.sealing import seal


def about_line(subject: UUID, event_id: UUID) -> bytes:
    """Return what words about one line of a patient's log are bound to."""
    return joined(b"case/v1", subject.bytes, event_id.bytes)


def about_emergency(emergency_id: UUID, subject: UUID, *, review: bool = False) -> bytes:
    """Return what the reason of one emergency, or what its review found, is bound to."""
    return joined(b"emergency-review/v1" if review else b"emergency/v1", emergency_id.bytes, subject.bytes)


def seal_to(people: Iterable[User | None], words: str, *, info: bytes) -> dict[str, bytes]:
    """Return one seal for each person, by their reader's id. Nothing is sealed to a key that the log does not know."""
    known = [one for one in people if one is not None]
    readers = Reader.objects.filter(user__in=known).select_related("keyring__version")
    return {
        str(one.pk): seal(bytes(one.keyring.version.kem_public), words.encode(), info=info)
        for one in readers
        if one.keyring.version.reader_id == one.pk and is_present(one.keyring.version)
    }


def read(seals: Mapping[str, bytes], keyring: OpenKeyring | None, *, info: bytes) -> str | None:
    """Return the words, opened with one's own keys; None where nothing is sealed to them, or it does not open."""
    mine = seals.get(str(keyring.reader_id)) if keyring else None
    if mine is None or keyring is None:
        return None
    try:
        return keyring.open_seal(mine, info=info).decode()
    except CannotOpen:
        return None
