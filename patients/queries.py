"""Reads of what stands in clear about patients."""

import unicodedata
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Max

from ehr.accounts.models import User
from ehr.crypto.digests import keyed
from ehr.r4 import identity, labels
from patients.models import Entry, Identifier, Patient, WrappedKey

# The naming systems of this product itself. A sender that used one could pass for another sender's patient.
OWN_SYSTEMS = "urn:chartseal:"


def of_user(user: User) -> Patient | None:
    """Return the patient a person is, or None."""
    return Patient.objects.filter(user=user).first()


def exists(patient_id: UUID) -> bool:
    """Tell whether there is a record with this id."""
    return Patient.objects.filter(pk=patient_id).exists()


def identifier_digest(system: str, value: str) -> bytes:
    """Return the keyed digest by which an identifier is matched. Spaces, dashes and case do not count in the value."""
    normal = unicodedata.normalize("NFKC", value)
    normal = "".join(sign for sign in normal if sign.isalnum()).casefold()
    return keyed(settings.INDEX_KEY, "identifier", f"{system.strip().rstrip('/')}|{normal}")


def identifier_digests(identifiers: Iterable[tuple[str, str]]) -> dict[bytes, str]:
    """Return {digest: system} of (system, value) pairs, without what names nobody, as a dash does."""
    return {identifier_digest(system, value): system for system, value in identifiers if identity.says_something(value)}


def folded(name: str) -> str:
    """Return a name as it is compared: case, accents, spaces and punctuation do not count, the order of words does."""
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name).casefold())
    return "".join(sign for sign in apart if sign.isalnum())


def by_identifiers(identifiers) -> Patient | None:
    """Return the patient who has shown one of the (system, value) pairs to be theirs, or None."""
    digests = identifier_digests(identifiers)
    found = (
        Identifier.objects.filter(digest__in=list(digests), verified_at__isnull=False).select_related("patient").first()
    )
    return found.patient if found else None


def named(name: str, birth_date: date) -> list[Patient]:
    """Return the people with exactly this name, case and spaces aside, and this birth date."""
    wanted = folded(name)
    return [one for one in Patient.objects.filter(birth_date=birth_date) if wanted and folded(one.name) == wanted]


def checks_identities(user: User) -> bool:
    """Tell whether checking who patients are is somebody's job now."""
    return user.is_active and user.has_perm("patients.check_identity")


def current_entry(patient: Patient, logical_id) -> Entry | None:
    """Return the newest version of an entry, still sealed, or None."""
    return Entry.objects.filter(patient=patient, logical_id=logical_id, current=True).first()


def holder(patients: Sequence[Patient], logical_id: UUID) -> Patient | None:
    """Return which of several patients' records holds an entry of this id, open or not; None where none does."""
    found = Entry.objects.filter(patient__in=patients, logical_id=logical_id).values_list("patient", flat=True).first()
    return next((one for one in patients if one.pk == found), None)


def known_origins(patient: Patient, origins) -> set[bytes]:
    """Return those of the origin digests that are stored already."""
    rows = Entry.objects.filter(patient=patient, origin__in=list(origins)).values_list("origin", flat=True)
    return {bytes(row) for row in rows}


def awaiting_identity_check():
    """Return the identifiers that people say are theirs and that two staff have not yet confirmed, oldest first."""
    return (
        Identifier.objects.filter(verified_at__isnull=True)
        .exclude(system__startswith=OWN_SYSTEMS)
        .select_related("patient")
        .prefetch_related("checks__by")
        .order_by("pk")
    )


def is_verified(patient: Patient) -> bool:
    """Tell whether staff have confirmed who this patient is."""
    return patient.identifiers.filter(verified_at__isnull=False).exists()


def entries_by_part(patient: Patient) -> dict[str, int]:
    """Return how many current entries each part holds, without opening one. An entry of two parts counts in both."""
    rows = WrappedKey.objects.filter(entry__patient=patient, entry__current=True).values("lockbox__part")
    return {row["lockbox__part"]: row["number"] for row in rows.annotate(number=Count("entry", distinct=True))}


def written_by(patient: Patient, user: User) -> set[UUID]:
    """Return the logical ids of those entries whose newest version this person signed."""
    rows = Entry.objects.filter(patient=patient, current=True, manifest__author__reader__user=user)
    return set(rows.values_list("logical_id", flat=True))


def written_by_any(patient: Patient, users: Iterable[User]) -> dict[UUID, frozenset[str]]:
    """Return the parts of those entries whose newest version one of these people signed, by FHIR id."""
    rows = WrappedKey.objects.filter(
        entry__patient=patient, entry__current=True, entry__manifest__author__reader__user__in=users
    )
    found: dict[UUID, frozenset[str]] = {}
    for logical, part in rows.values_list("entry__logical_id", "lockbox__part"):
        found[logical] = found.get(logical, frozenset()) | {part}
    return found


class Newest(NamedTuple):
    """The number of an entry's newest version and the parts it is in; 0 and none for what is not there yet."""

    version: int
    parts: frozenset[str]


NOTHING_YET = Newest(0, frozenset())


def newest_versions(patient: Patient, logical_ids: Iterable) -> dict[UUID, Newest]:
    """Return the newest version of those entries that are there, still sealed, by one query."""
    rows = WrappedKey.objects.filter(
        entry__patient=patient, entry__logical_id__in=list(logical_ids), entry__current=True
    )
    found: dict[UUID, Newest] = {}
    for logical_id, version, part in rows.values_list("entry__logical_id", "entry__version", "lockbox__part"):
        found[logical_id] = Newest(version, found.get(logical_id, NOTHING_YET).parts | {part})
    return found


def latest_versions(patient: Patient, logical_ids: Iterable) -> dict[UUID, Newest]:
    """Return the last version of those entries that are, or once were, there: one that was deleted has one, too."""
    rows = WrappedKey.objects.filter(entry__patient=patient, entry__logical_id__in=list(logical_ids))
    found: dict[UUID, Newest] = {}
    for logical_id, version, part in rows.values_list("entry__logical_id", "entry__version", "lockbox__part"):
        known = found.get(logical_id, NOTHING_YET)
        if version >= known.version:
            same = known.parts if version == known.version else frozenset()
            found[logical_id] = Newest(version, same | {part})
    return found


def entries_in(patient: Patient, logical_ids: Iterable) -> dict[UUID, tuple[UUID, frozenset[str]]]:
    """Return the row id and the parts of the newest version of a patient's entries, by FHIR id."""
    rows = WrappedKey.objects.filter(
        entry__patient=patient, entry__logical_id__in=[str(one) for one in logical_ids], entry__current=True
    )
    found: dict[UUID, tuple[UUID, frozenset[str]]] = {}
    for logical, row, part in rows.values_list("entry__logical_id", "entry_id", "lockbox__part"):
        found[logical] = (row, found.get(logical, (row, frozenset()))[1] | {part})
    return found


def new_entries(patients: Iterable[Patient], *, since: datetime, besides: User) -> dict[UUID, list[frozenset[str]]]:
    """Return, by patient, the parts of each entry written since a moment by somebody else. Nothing is opened.

    An entry in two parts names both: it is there only for who may read both.
    """
    rows = WrappedKey.objects.filter(
        entry__patient__in=list(patients), entry__current=True, entry__written_at__gt=since
    ).exclude(entry__manifest__author__reader__user=besides)
    parts: dict[tuple[UUID, UUID], set[str]] = {}
    for patient_id, entry_id, part in rows.values_list("entry__patient_id", "entry_id", "lockbox__part"):
        parts.setdefault((patient_id, entry_id), set()).add(part)
    found: dict[UUID, list[frozenset[str]]] = {}
    for (patient_id, _), one in parts.items():
        found.setdefault(patient_id, []).append(frozenset(one))
    return found


def sorting(patient: Patient) -> str:
    """Return what `Patient.sorted_by` is once everything is where the rules of now put it."""
    sent = patient.manifests.filter(source__isnull=False).aggregate(last=Max("pk"))["last"]
    return f"{labels.rules_digest()}:{sent}" if sent else labels.rules_digest()
