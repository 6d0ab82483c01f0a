"""What a person typed, made ready to be sealed: given an id and its patient, checked, labelled."""

from collections.abc import Mapping
from uuid import UUID, uuid4

from consent.access import Draft
from ehr.r4 import labels, search, text, validate
from patients.models import Patient

# Where a version says why it was written.
REASON = "https://chartseal.org/fhir/StructureDefinition/change-reason"


def with_reason(resource: dict, reason: str) -> dict:
    """Return the resource with why it was changed."""
    if reason:
        resource["extension"] = [*(resource.get("extension") or ()), {"url": REASON, "valueString": reason}]
    return resource


class NotFhir(ValueError):
    """A form of ours made a resource that is not FHIR R4: a fault of ours, never of the person who typed."""


def draft(
    patient: Patient,
    resource: Mapping[str, object],
    *,
    logical_id: UUID | None = None,
    version: int = 1,
    attachment: bytes = b"",
) -> Draft:
    """Return the draft of a patient's resource, in the part it belongs to. A new one gets a new id.

    Raises NotFhir, which names the first problem by its place and says nothing of what was typed.
    """
    logical_id = logical_id or uuid4()
    whole = {**resource, "id": str(logical_id)}
    # A few types call whose they are "patient"; what is changed says so already.
    owner = "patient" if "patient" in whole or whole["resourceType"] == "AllergyIntolerance" else "subject"
    whole[owner] = {"reference": f"Patient/{patient.pk}"}
    found = labels.label(whole)
    stamped = labels.stamp(whole, found)
    if problems := validate.check(stamped):
        raise NotFhir(f"{whole['resourceType']}: {problems[0].path}")
    return Draft(
        resource=text.dumps(stamped),
        parts=tuple(str(part) for part in found.categories),
        search=text.dumps(search.values(stamped)),
        logical_id=logical_id,
        version=version,
        attachment=attachment,
    )
