"""Reads the importer needs: who is meant, and what is stored already."""

import uuid
from collections.abc import Iterable
from typing import NamedTuple

from patients.models import Entry, Patient
from patients.queries import identifier_digests


def people_with(identifiers: Iterable[tuple[str, str]]) -> list[Patient]:
    """Return the patients who hold one of the (system, value) pairs for certain; more than one is a conflict."""
    digests = identifier_digests(identifiers)
    matching = Patient.objects.filter(identifiers__digest__in=list(digests), identifiers__verified_at__isnull=False)
    return list(matching.distinct())


class Stored(NamedTuple):
    """The last version of an entry, a deletion too, and the last that a feed sent: its number and its origin."""

    version: int
    sent: int = 0
    origin: bytes = b""


NOTHING_YET = Stored(0)


def stored(patient: Patient) -> dict[uuid.UUID, Stored]:
    """Return what is, or once was, in a record, by FHIR id. An entry that no feed sent has an empty origin."""
    rows = Entry.objects.filter(patient=patient).order_by("version").values_list("logical_id", "version", "origin")
    found: dict[uuid.UUID, Stored] = {}
    for logical_id, version, origin in rows:
        before = found.get(logical_id, NOTHING_YET)
        found[logical_id] = Stored(version, version, bytes(origin)) if origin else before._replace(version=version)
    return found
