"""Whose a resource is, in its own words: the elements that name the person it is about, however they name them.

Source: FHIR R4 compartmentdefinition-patient.html; references.html for relative, absolute, contained and logical ones.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

# The elements that say whose record a resource belongs to, in the order they are looked at.
SUBJECTS = ("subject", "patient", "beneficiary", "individual", "for", "candidate")
# Those that say it where none of these names a patient. Who wrote, asked or paid is not meant where they do.
ELSEWHERE: Mapping[str, tuple[str, ...]] = {
    "Appointment": ("participant.actor",),
    "AppointmentResponse": ("actor",),
    "AuditEvent": ("entity.what",),
    "Basic": ("author",),
    "Binary": ("securityContext",),
    "CareTeam": ("participant.member",),
    "Communication": ("recipient", "sender"),
    "CommunicationRequest": ("recipient", "sender", "requester"),
    "Composition": ("author",),
    "DocumentManifest": ("recipient", "author"),
    "DocumentReference": ("context.sourcePatientInfo", "author"),
    "Group": ("member.entity",),
    "Invoice": ("recipient",),
    "List": ("source",),
    "Observation": ("performer",),
    "Person": ("link.target",),
    "Provenance": ("target",),
    "QuestionnaireResponse": ("source", "author"),
    "RequestGroup": ("action.participant",),
    "Schedule": ("actor",),
    "SupplyRequest": ("deliverTo",),
}


class Subject(NamedTuple):
    """One naming of a patient: where it stands, and one of name ("Patient/id"), identifier, and contained Patient."""

    path: str
    name: str = ""
    base: str = ""  # of an absolute address what stands before the name: which server's patient it is
    identifier: Mapping | None = None
    contained: Mapping | None = None


def named(resource: Mapping) -> list[Subject]:
    """Return every naming of a person whom a resource says that it is about; [] where it says of nobody."""
    kind = resource["resourceType"]
    found = [
        one
        for name in SUBJECTS
        if name in resource
        for path, value in _values(resource[name], (), f"{kind}.{name}")
        if (one := _read(path, value, resource, untyped=True))
    ]
    return found or [
        one
        for steps in ELSEWHERE.get(kind, ())
        for path, value in _values(resource, steps.split("."), kind)
        if (one := _read(path, value, resource, untyped=False))
    ]


def _values(value: object, steps: list[str] | tuple, path: str) -> Iterator[tuple[str, Mapping]]:
    """Yield (path, Reference) of what stands at the end of some steps, lists opened."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _values(item, steps, f"{path}[{index}]")
    elif isinstance(value, Mapping) and steps:
        yield from _values(value.get(steps[0]), steps[1:], f"{path}.{steps[0]}")
    elif isinstance(value, Mapping):
        yield path, value


def _read(path: str, value: Mapping, resource: Mapping, *, untyped: bool) -> Subject | None:
    """Return a Reference as a naming of a patient, None where it names something else, or nothing.

    `untyped` says that an identifier names a patient also where its type is not said.
    """
    target = value.get("reference")
    if isinstance(target, str) and target:
        return _contained(path, target, resource) if target[0] == "#" else _addressed(path, target)
    identifier = value.get("identifier")
    if not isinstance(identifier, Mapping) or not identifier.get("value"):
        return None
    of_patient = value.get("type") == "Patient" or (untyped and not value.get("type"))
    return Subject(path, identifier=identifier) if of_patient else None


def _addressed(path: str, target: str) -> Subject | None:
    before, _, fhir_id = target.partition("/_history/")[0].rpartition("/")
    if before != "Patient" and not before.endswith("/Patient"):
        return None
    return Subject(path, f"Patient/{fhir_id}", before.removesuffix("Patient"))


def _contained(path: str, target: str, resource: Mapping) -> Subject | None:
    listed = resource.get("contained")
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, Mapping) and one.get("id") == target[1:] and one.get("resourceType") == "Patient":
            return Subject(path, contained=one)
    return None
