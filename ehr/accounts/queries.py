"""Reads about people and their keys."""

from uuid import UUID

from audit import log
from audit import queries as audit
from ehr.accounts import hashers
from ehr.accounts.keyrings import OpenKeyring
from ehr.accounts.models import BackupCode, Keyring, KeyVersion, Reader, User


def party(user: User, *, role: str = "", place: str = "") -> log.Party:
    """Return a person as the log keeps them: by id, with the name they have now."""
    return log.Party(kind="person", id=user.id, name=user.name, role=role, place=place)


def person(user_id: UUID | str) -> User:
    """Return the person with this id. Raises User.DoesNotExist."""
    return User.objects.get(pk=user_id)


def is_logged(version: KeyVersion) -> bool:
    """Tell whether a key is the one the log has for its reader, so that an exchanged row is noticed before sealing."""
    said = audit.facts(version.logged_as) if version.logged_as else None
    if said is None or said["action"] != "key.created":
        return False
    details = said["details"]
    named = (details.get("reader"), details.get("number"), details.get("digest"))
    return named == (str(version.reader_id), version.number, version.digest.hex())


def is_theirs(keyring: OpenKeyring | None, user_id: UUID | None) -> bool:
    """Tell whether an open keyring is this person's own. One that is not counts as none, wherever somebody signs."""
    return keyring is not None and Reader.objects.filter(pk=keyring.reader_id, user_id=user_id).exists()


# (version, author key) pairs that agreed with the log in this process. The log never changes, so neither does this.
_known_authors: set[tuple[int, bytes]] = set()


def is_logged_author(version_id: int, author_public: bytes) -> bool:
    """Tell whether an author key is the one the log has for that version; asked of the log once a process."""
    pair = (version_id, bytes(author_public))
    if pair not in _known_authors:
        version = KeyVersion.objects.get(pk=version_id)
        if bytes(version.author_public) != pair[1] or not is_logged(version):
            return False
        _known_authors.add(pair)
    return True


def keyring_of(user: User) -> Keyring | None:
    """Return a person's stored keyring with its version, or None before their address is proven."""
    return Keyring.objects.select_related("version").filter(reader__user=user).first()


def in_step(user: User) -> bool:
    """Tell whether the passphrase one signs in with also opens the keyring. After a reset by e-mail it does not."""
    stored = keyring_of(user)
    return stored is not None and stored.stretched_with == hashers.cost_of(user.password)


def has_recovery_code(user: User) -> bool:
    """Tell whether a recovery code was written down and confirmed."""
    return Keyring.objects.filter(reader__user=user, recovery_confirmed_at__isnull=False).exists()


def backup_codes_left(user: User) -> int:
    """Return how many backup codes are unused."""
    return BackupCode.objects.filter(sheet__user=user, used_at=None).count()
