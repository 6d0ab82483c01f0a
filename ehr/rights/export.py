"""A whole record made ready to be saved: in the patient's own request, with their own keys, and saved once.

While it waits, at most a day, it lies in pieces closed under the patient's keyring: no disk, cache or task ever holds
it in clear, and no worker holds a key. The address of it opens nothing by itself.
"""

import io
import uuid
from collections.abc import Iterator
from datetime import timedelta

from django.db import IntegrityError, transaction

from audit import log
from consent import access
from ehr import clock
from ehr.accounts.keyrings import OpenKeyring
from ehr.crypto.formats import CannotOpen
from ehr.rights import packing
from ehr.rights.models import Package, PackagePiece
from ehr.rights.packing import Told
from ehr.words import Category, Purpose
from patients.models import Patient

LASTS = timedelta(hours=24)
PIECE_BYTES = 1024 * 1024


class Gone(Exception):
    """There is no such package for this person: it was saved already, is over, or never was."""


class _Closing(io.RawIOBase):
    """A file that can only be written on. Every megabyte is closed under a keyring and put into the database."""

    def __init__(self, package: Package, keyring: OpenKeyring) -> None:
        self.package, self.keyring = package, keyring
        self.waiting, self.number, self.size = bytearray(), 0, 0

    def writable(self) -> bool:
        return True

    def write(self, content) -> int:
        self.waiting += content
        while len(self.waiting) >= PIECE_BYTES:
            self._put(bytes(self.waiting[:PIECE_BYTES]))
            del self.waiting[:PIECE_BYTES]
        return len(content)

    def finish(self) -> None:
        """Put the rest. Only with this is the package whole."""
        if self.waiting:
            self._put(bytes(self.waiting))
        Package.objects.filter(pk=self.package.pk).update(size=self.size, pieces_count=self.number)

    def _put(self, content: bytes) -> None:
        body = self.keyring.keep(content, label=_label(self.package, self.number))
        PackagePiece.objects.create(package=self.package, number=self.number, body=body)
        self.number += 1
        self.size += len(content)


def make(patient: Patient, *, keyring: OpenKeyring | None, told: Told, once: uuid.UUID | None = None) -> Package:
    """Make a patient's whole record ready to be saved within 24 hours and return what stands for it.

    `once` names one confirmation: sent twice it makes one. Raises KeysLocked, paper.NotSet; nothing is left then.
    """
    at = clock.now()
    if once and (made := Package.objects.filter(pk=once, patient=patient).first()):
        return made
    copied = access.copy_whole(patient, keyring=keyring)
    try:
        package = Package.objects.create(id=once or uuid.uuid4(), patient=patient, made_at=at, expires_at=at + LASTS)
    except IntegrityError:
        return Package.objects.get(pk=once, patient=patient)
    try:
        closing = _Closing(package, keyring)
        packing.pack(copied, told, closing)
        closing.finish()
    except BaseException:
        package.delete()
        raise
    package.refresh_from_db()
    return package


def waiting(patient: Patient, package_id: uuid.UUID) -> Package | None:
    """Return a package that can still be saved, or None."""
    found = Package.objects.filter(pk=package_id, patient=patient, taken_at=None, pieces_count__gt=0)
    return found.filter(expires_at__gt=clock.now()).first()


def take(patient: Patient, package_id: uuid.UUID, *, keyring: OpenKeyring) -> Iterator[bytes]:
    """Return the pieces of a package, this once, its line committed first. Raises Gone, and Gone where it is damaged.

    Each piece is deleted when it has been handed on; if the way breaks off, the rest goes too.
    """
    with transaction.atomic():
        Patient.objects.select_for_update().get(pk=patient.pk)
        package = waiting(patient, package_id)
        if package is None:
            raise Gone
        package.taken_at = clock.now()
        package.save(update_fields=["taken_at"])
        log.append(
            "record.collected",
            actor=access.own_party(patient),
            subject=patient.pk,
            outcome="done",
            categories=sorted(Category),
            purpose=Purpose.PATRQT,
        )
    return _pieces(package, keyring)


def _pieces(package: Package, keyring: OpenKeyring) -> Iterator[bytes]:
    try:
        for number in range(package.pieces_count):
            body = PackagePiece.objects.values_list("body", flat=True).get(package=package, number=number)
            yield keyring.kept(bytes(body), label=_label(package, number))
    except (CannotOpen, PackagePiece.DoesNotExist) as problem:
        # What was sent so far ends short of its size, so the browser says that it is not whole.
        raise Gone from problem
    finally:
        package.pieces.all().delete()


def forget_what_is_over() -> int:
    """Delete what was saved, is over, or was never made whole. Return how many packages there were."""
    now = clock.now()
    over = Package.objects.filter(expires_at__lte=now)
    half = Package.objects.filter(pieces_count=0, made_at__lte=now - timedelta(hours=1))
    PackagePiece.objects.filter(package__taken_at__lte=now - timedelta(hours=1)).delete()
    return (over | half).delete()[1].get("rights.Package", 0)


def _label(package: Package, number: int) -> str:
    return f"package/{package.pk}/{number}"
