"""A patient's own record for them to take along: opened with their own keys, and on the log as a copy."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

from consent import keys
from consent.access.reading import Chart
from consent.access.refusing import own_event
from consent.access.sorting import sort_if_due
from consent.keys import OpenBox
from ehr import clock
from ehr.accounts.keyrings import OpenKeyring
from ehr.words import Category, Purpose
from patients import vault
from patients.models import Entry, Patient
from patients.vault import OpenEntry


@dataclass(frozen=True)
class Copied:
    """A whole record as it stands, and what opens the files that lie beside its entries."""

    chart: Chart
    _boxes: dict[str, OpenBox] = field(repr=False)
    _with_files: dict[uuid.UUID, Entry] = field(repr=False)

    def has_file(self, entry: OpenEntry) -> bool:
        return entry.entry_id in self._with_files

    def file(self, entry: OpenEntry) -> bytes | None:
        """Return the file beside an entry; None where there is none, or it does not open."""
        row = self._with_files.get(entry.entry_id)
        try:
            return vault.read_attachment(row, self._boxes) if row else None
        except keys.CannotOpen:
            return None


def copy_own(patient: Patient, *, keyring: OpenKeyring | None, categories: Sequence[Category] | None = None) -> Chart:
    """Return a patient's record, or parts of it, as it stands: each entry in its newest version. Raises KeysLocked."""
    return _copied(patient, keyring, tuple(categories) if categories is not None else tuple(Category))[0]


def copy_whole(patient: Patient, *, keyring: OpenKeyring | None) -> Copied:
    """Return the whole record, and what opens its files, under one line of the log. Raises KeysLocked."""
    chart, boxes = _copied(patient, keyring, tuple(Category))
    held = Entry.objects.filter(patient=patient, current=True, chunks__number=0)
    return Copied(chart, boxes, {entry.pk: entry for entry in held})


def _copied(
    patient: Patient, keyring: OpenKeyring | None, parts: tuple[Category, ...]
) -> tuple[Chart, dict[str, OpenBox]]:
    own_event(patient, keyring, "record.copied", parts)
    sort_if_due(patient, keyring=keyring)
    boxes = keys.own_boxes(patient, parts, keyring=keyring)
    entries = vault.read(patient, boxes)
    keys.settle(patient, boxes)
    return Chart(patient, entries, parts, clock.now(), Purpose.PATRQT), boxes
