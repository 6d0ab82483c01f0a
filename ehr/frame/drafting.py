"""What a person typed, made ready to be sealed: given an id and its patient, checked, labelled."""

from collections.abc import Mapping, Sequence
from uuid import UUID, uuid4

from consent.access import Draft
from ehr.r4 import attachments, definitions, labels, search, subjects, text, validate
from ehr.r4.problems import Problem
from patients.models import Patient

# Where a version says why it was written.
REASON = "https://chartseal.org/fhir/StructureDefinition/change-reason"


def with_reason(resource: dict, reason: str) -> dict:
    """Return the resource with why it was changed."""
    if reason:
        resource["extension"] = [*(resource.get("extension") or ()), {"url": REASON, "valueString": reason}]
    return resource


class NotFhir(ValueError):
    """This is not FHIR R4. `problems` say where and what; from a form of ours it is our fault, never who typed."""

    def __init__(self, kind: str, problems: Sequence[Problem]) -> None:
        super().__init__(f"{kind}: {problems[0].path}")
        self.problems = tuple(problems)


def draft(
    patient: Patient,
    resource: Mapping[str, object],
    *,
    logical_id: UUID | None = None,
    version: int = 1,
    attachment: bytes = b"",
) -> Draft:
    """Return the draft of a patient's resource, in the part it belongs to. A new one gets a new id. A document names
    the file beside it by its digest.

    Raises NotFhir, which names the first problem by its place and says nothing of what was typed.
    """
    logical_id = logical_id or uuid4()
    whole = {**resource, "id": str(logical_id)}
    kind = str(whole["resourceType"])
    if attachment:
        whole = attachments.vouching(whole, attachment)
    if owner := _owner(kind):
        whole[owner] = {"reference": f"Patient/{patient.pk}"}
    found = labels.label(whole)
    stamped = labels.stamp(whole, found)
    if problems := validate.check(stamped):
        raise NotFhir(kind, problems)
    return Draft(
        resource=text.dumps(stamped),
        parts=tuple(str(part) for part in found.categories),
        search=text.dumps(search.values(stamped)),
        logical_id=logical_id,
        version=version,
        attachment=attachment,
    )


def _owner(kind: str) -> str:
    """Return the element in which a type says whose it is; "" where it says of nobody, or is unknown."""
    known = definitions.parts().get(kind, {})
    return next((name for name in subjects.SUBJECTS if name in known), "")
