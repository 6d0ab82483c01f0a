"""Whoever asks, as a resource: the `fhirUser` of a clinician's app leads here. It tells nobody of anybody else."""

from ehr.fhir.asking import Asking
from ehr.smart.scopes import FHIR_USER
from ehr.words import Purpose
from providers.queries import standing


def whoever_asks(asking: Asking, fhir_id: str) -> dict | None:
    """Return the clinician behind a request as a Practitioner, None for any other id, and for other callers.

    The scope fhirUser lets them be read, or one for Practitioner.
    """
    caller = asking.caller
    if caller.app is not None or caller.purpose != Purpose.TREAT or fhir_id != str(caller.user.pk):
        return None
    if FHIR_USER not in caller.scopes.plain and not asking.allow("Practitioner", "read"):
        return None
    seen = standing(caller.user)
    person: dict[str, object] = {
        "resourceType": "Practitioner",
        "id": fhir_id,
        "active": seen.ok,
        "name": [{"text": seen.name or caller.user.name}],
    }
    if seen.ok and seen.role:
        person["qualification"] = [{"code": {"text": seen.role}}]
    return person
