"""Who works here, as a resource: whoever asks, for a clinician's app (`fhirUser`), and who has hours to book."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from appointments.fhir import hours
from ehr.fhir.asking import Asking
from ehr.smart.scopes import FHIR_USER
from ehr.words import Purpose
from providers.queries import Standing, standing, standings


def whoever_asks(asking: Asking, fhir_id: str) -> dict | None:
    """Return the clinician behind a request as a Practitioner, None for any other id, and for other callers.

    The scope fhirUser lets them be read, or one for Practitioner.
    """
    caller = asking.caller
    if caller.app is not None or caller.purpose != Purpose.TREAT or fhir_id != str(caller.user.pk):
        return None
    if FHIR_USER not in caller.scopes.plain and not asking.allow("Practitioner", "read"):
        return None
    return _practitioner(fhir_id, standing(caller.user), caller.user.name)


def with_hours(users: Collection[UUID], at: datetime) -> list[dict]:
    """Return those of some people who have or had hours here, as Practitioners."""
    seen = standings(hours.clinicians(users), at)
    return [_practitioner(str(user), one, one.name) for user, one in sorted(seen.items())]


def _practitioner(fhir_id: str, seen: Standing, name: str) -> dict:
    person: dict[str, object] = {
        "resourceType": "Practitioner",
        "id": fhir_id,
        "active": seen.ok,
        "name": [{"text": seen.name or name}],
    }
    if seen.ok and seen.role:
        person["qualification"] = [{"code": {"text": seen.role}}]
    return person
