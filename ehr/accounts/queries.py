"""Reads about people and their keys."""

from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from audit import log
from ehr import clock
from ehr.accounts import hashers
from ehr.accounts.history import is_logged, is_logged_author, is_present
from ehr.accounts.keyrings import OpenKeyring
from ehr.accounts.models import BackupCode, Guardian, Keyring, KeyVersion, PostalAddress, Reader, Recovery, Share, User
from ehr.accounts.models.recovery import LIFE
from ehr.statements import Statement

__all__ = ["is_logged", "is_logged_author", "is_present"]

CUSTODIAN_NAME = "Recovery custodian"
STAFF_NEEDED = SHARES_NEEDED = 2


def party(user: User, *, role: str = "", place: str = "") -> log.Party:
    """Return a person as the log keeps them: by id, with the name they have now."""
    return log.Party(kind="person", id=user.id, name=user.name, role=role, place=place)


def person(user_id: UUID | str) -> User:
    """Return the person with this id. Raises User.DoesNotExist."""
    return User.objects.get(pk=user_id)


def reader(reader_id: UUID | str) -> Reader:
    """Return the reader with this id: a person, a team or whoever else has keys. Raises Reader.DoesNotExist."""
    return Reader.objects.select_related("user").get(pk=reader_id)


def postal_address(user: User) -> str:
    """Return where letters and calls reach somebody; "" where nobody noted it."""
    there = PostalAddress.objects.filter(user=user).first()
    return there.text if there else ""


def is_theirs(keyring: OpenKeyring | None, user_id: UUID | None) -> bool:
    """Tell whether an open keyring is this person's own, and its present version. One that is not counts as none,
    wherever somebody signs: a session from before the keys were renewed is a locked one."""
    if keyring is None or user_id is None:
        return False
    number = keyring.version_number
    return bool(_THEIRS.rows(reader=keyring.reader_id, user=user_id, version=keyring.version_id, number=number))


def is_of(keyring: OpenKeyring | None, reader: Reader) -> bool:
    """Tell whether an open keyring is the one of this reader, an app for one, and its present version."""
    if keyring is None or keyring.reader_id != reader.pk:
        return False
    return bool(_PRESENT.rows(reader=reader.pk, version=keyring.version_id, number=keyring.version_number))


def _present(reader: UUID, version: int, number: int) -> QuerySet[Keyring, tuple]:
    return Keyring.objects.filter(reader=reader, version=version, version__number=number).values_list("pk")


def _theirs(reader: UUID, user: UUID, version: int, number: int) -> QuerySet[Keyring, tuple]:
    return _present(reader, version, number).filter(reader__user=user)


_PRESENT, _THEIRS = Statement(_present), Statement(_theirs)  # asked at each request


def present_version(reader: Reader) -> KeyVersion:
    """Return the version a reader's key history ends with, to which is sealed. Raises KeyVersion.DoesNotExist.

    It is of this reader whatever their keyring's row names; `is_present` tells whether the two agree.
    """
    return KeyVersion.objects.filter(reader=reader).latest("number")


def keyring_of(user: User) -> Keyring | None:
    """Return a person's stored keyring with its version, or None before their address is proven."""
    return Keyring.objects.select_related("version").filter(reader__user=user).first()


def in_step(user: User) -> bool:
    """Tell whether the passphrase one signs in with also opens the keyring. After a reset by e-mail it does not."""
    stored = keyring_of(user)
    return stored is not None and stored.stretched_with == hashers.cost_of(user.password)


def has_recovery_code(user: User) -> bool:
    """Tell whether a recovery code was written down and confirmed."""
    return Share.objects.filter(reader__user=user, holder=Share.Holder.PAPER).exists()


def shares_of(user: User) -> set[str]:
    """Return which shares of the way back to a person's keys there are."""
    return set(Share.objects.filter(reader__user=user).values_list("holder", flat=True))


def custodian() -> KeyVersion | None:
    """Return the key to which the institution's shares are sealed, or None before the keyholder was set up."""
    found = Keyring.objects.select_related("reader").filter(
        reader__kind=Reader.Kind.SERVICE, reader__name=CUSTODIAN_NAME
    )
    stored = found.first()
    return present_version(stored.reader) if stored else None


def recovery_under_way(user: User) -> Recovery | None:
    """Return the recovery of a person's keys that has begun and is not over, or None."""
    found = Recovery.objects.filter(user=user, cancelled_at=None, finished_at=None).first()
    return found if found and found.is_open(clock.now()) else None


def recoveries_under_way(at: datetime) -> QuerySet[Recovery]:
    """Return whoever is getting lost keys back, who began first first."""
    found = Recovery.objects.filter(cancelled_at=None, finished_at=None, started_at__gt=at - LIFE)
    return found.order_by("started_at", "pk")


def in_person_checks(recovery: Recovery) -> int:
    """Return how many active members of staff saw a person and their document face to face."""
    return recovery.checks.filter(in_person=True, by__is_active=True).count()


def is_checked(recovery: Recovery) -> bool:
    """Tell whether two active members of staff saw a document of whoever is getting their keys back."""
    return recovery.checks.filter(by__is_active=True).count() >= STAFF_NEEDED


def is_ready(recovery: Recovery, at: datetime) -> bool:
    """Tell whether a recovery may be finished now: the wait is over, or two members of staff met the person."""
    return recovery.is_open(at) and (at >= recovery.ready_at or in_person_checks(recovery) >= STAFF_NEEDED)


def guardian_of(user: User) -> Guardian | None:
    """Return whom a person asked to be their guardian, whatever came of it so far, or None."""
    return Guardian.objects.select_related("guardian", "accepted_with").filter(user=user, ended_at=None).first()


def guardians_key(user: User) -> KeyVersion | None:
    """Return the present key of a person's guardian, or None where they have none that agreed."""
    guardian = guardian_of(user)
    stored = keyring_of(guardian.guardian) if guardian and guardian.guardian and guardian.accepted_at else None
    return present_version(stored.reader) if stored else None


def wards_of(user: User) -> QuerySet[Guardian]:
    """Return for whom a person is asked to be, or is, guardian."""
    return Guardian.objects.select_related("user").filter(guardian=user, ended_at=None).order_by("asked_at")


def backup_codes_left(user: User) -> int:
    """Return how many backup codes are unused."""
    return BackupCode.objects.filter(sheet__user=user, used_at=None).count()
