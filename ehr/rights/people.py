"""Whose record it is, as a Patient resource: the record's own, with what is known of them where it says nothing."""

from collections.abc import Mapping

from patients.models import Patient


def patient(known: Patient, own: Mapping) -> dict:
    """Return the Patient resource of a record under the record's own id; one is made where there is none."""
    return {
        **_made(known),
        **{name: value for name, value in own.items() if value},
        "resourceType": "Patient",
        "id": str(known.pk),
    }


def _made(known: Patient) -> dict:
    return {
        "resourceType": "Patient",
        "id": str(known.pk),
        "name": [{"text": known.name}],
        "gender": known.sex or "unknown",
        "birthDate": known.birth_date.isoformat(),
    }
