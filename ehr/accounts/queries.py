"""Reads about people and their keys."""

from uuid import UUID

from audit import log
from ehr.accounts import hashers
from ehr.accounts.history import is_logged, is_logged_author
from ehr.accounts.keyrings import OpenKeyring
from ehr.accounts.models import BackupCode, Keyring, KeyVersion, Reader, User

__all__ = ["is_logged", "is_logged_author"]


def party(user: User, *, role: str = "", place: str = "") -> log.Party:
    """Return a person as the log keeps them: by id, with the name they have now."""
    return log.Party(kind="person", id=user.id, name=user.name, role=role, place=place)


def person(user_id: UUID | str) -> User:
    """Return the person with this id. Raises User.DoesNotExist."""
    return User.objects.get(pk=user_id)


def is_theirs(keyring: OpenKeyring | None, user_id: UUID | None) -> bool:
    """Tell whether an open keyring is this person's own, and its present version. One that is not counts as none,
    wherever somebody signs: a session from before the keys were renewed is a locked one."""
    return (
        keyring is not None
        and Keyring.objects.filter(
            reader_id=keyring.reader_id,
            reader__user_id=user_id,
            version_id=keyring.version_id,
            version__number=keyring.version_number,
        ).exists()
    )


def present_version(reader: Reader) -> KeyVersion:
    """Return the version a reader's key history ends with, to which is sealed. Raises KeyVersion.DoesNotExist."""
    return KeyVersion.objects.get(pk__in=Keyring.objects.filter(reader=reader).values("version"))


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
