"""Reads of what stands in clear about patients."""

import unicodedata

from django.conf import settings
from django.db.models import Count

from ehr.accounts.models import User
from ehr.crypto.digests import keyed
from patients.models import Entry, Identifier, Patient, WrappedKey


def of_user(user: User) -> Patient | None:
    """Return the patient a person is, or None."""
    return Patient.objects.filter(user=user).first()


def identifier_digest(system: str, value: str) -> bytes:
    """Return the keyed digest by which an identifier is matched. Spaces, dashes and case do not count in the value."""
    normal = unicodedata.normalize("NFKC", value)
    normal = "".join(sign for sign in normal if sign.isalnum()).casefold()
    return keyed(settings.INDEX_KEY, "identifier", f"{system.strip().rstrip('/')}|{normal}")


def by_identifiers(identifiers) -> Patient | None:
    """Return the patient who has shown one of the (system, value) pairs to be theirs, or None."""
    digests = [identifier_digest(system, value) for system, value in identifiers]
    found = Identifier.objects.filter(digest__in=digests, verified_at__isnull=False).select_related("patient").first()
    return found.patient if found else None


def current_entry(patient: Patient, logical_id) -> Entry | None:
    """Return the newest version of an entry, still sealed, or None."""
    return Entry.objects.filter(patient=patient, logical_id=logical_id, current=True).first()


def known_origins(patient: Patient, origins) -> set[bytes]:
    """Return those of the origin digests that are stored already."""
    rows = Entry.objects.filter(patient=patient, origin__in=list(origins)).values_list("origin", flat=True)
    return {bytes(row) for row in rows}


def awaiting_identity_check():
    """Return the identifiers that people say are theirs and that two staff have not yet confirmed, oldest first."""
    return (
        Identifier.objects.filter(verified_at__isnull=True)
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
