"""Reads the importer needs: who is meant, and what is stored already."""

import uuid
from collections.abc import Iterable

from patients.models import Entry, Patient
from patients.queries import identifier_digest


def people_with(identifiers: Iterable[tuple[str, str]]) -> list[Patient]:
    """Return the patients who hold one of the (system, value) pairs for certain; more than one is a conflict."""
    digests = [identifier_digest(system, value) for system, value in identifiers]
    matching = Patient.objects.filter(identifiers__digest__in=digests, identifiers__verified_at__isnull=False)
    return list(matching.distinct())


def stored(patient: Patient) -> dict[uuid.UUID, tuple[int, bytes]]:
    """Return {logical id: (current version, its origin)} of a record; an entry from elsewhere has an empty origin."""
    rows = Entry.objects.filter(patient=patient, current=True).values_list("logical_id", "version", "origin")
    return {logical_id: (version, bytes(origin or b"")) for logical_id, version, origin in rows}
