"""Which app owns a FHIR resource type: whoever receives one asks here where it goes.

Today every type that can be part of a person's record is an entry of `patients`, received by `consent.access`.
A type that gets its own app (Appointment, ResearchStudy) is moved to it by one line in OWNERS.
"""

from ehr.r4 import definitions, labels

RECORD = "patients"
OWNERS: dict[str, str] = dict.fromkeys(labels.types(), RECORD)


def owner(resource_type: str) -> str | None:
    """Return the app that owns a resource type; None for what is nobody's record (a Questionnaire, a ValueSet)."""
    return OWNERS.get(resource_type)


def why_not(resource_type: str) -> str:
    """Return why a type cannot be imported, "" where it can."""
    if owner(resource_type):
        return ""
    if resource_type not in definitions.resource_types():
        return "resourceType is not a type that FHIR R4 has."
    article = "An" if resource_type[0] in "AEIOU" else "A"
    return f"{article} {resource_type} is not part of anybody's record."
