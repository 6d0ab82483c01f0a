"""A patient's own record for them to take along: opened with their own keys, and on the log as a copy."""

from consent import keys
from consent.access.reading import Chart
from consent.access.refusing import own_event
from ehr import clock
from ehr.accounts.keyrings import OpenKeyring
from ehr.words import Category, Purpose
from patients import vault
from patients.models import Patient


def copy_own(patient: Patient, *, keyring: OpenKeyring | None) -> Chart:
    """Return a patient's whole record as it stands, each entry in its newest version. Raises KeysLocked."""
    every = tuple(Category)
    own_event(patient, keyring, "record.copied", every)
    boxes = keys.own_boxes(patient, every, keyring=keyring)
    entries = vault.read(patient, boxes)
    keys.settle(patient, boxes)
    return Chart(patient, entries, every, clock.now(), Purpose.PATRQT)
