"""The line of any FHIR resource. Every type of Synthea and US Core has its own; the rest get a sensible general one."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from django.utils.translation import gettext_lazy

from . import clinical, medicines, papers, people, plans, results
from .line import Line, Lookup
from .names import joined

# Source: FHIR R4 extensibility.html, 2.4.1.1: what a modifier extension says may turn its entry into the opposite.
CAUTION = gettext_lazy(
    "Its sender added a condition that this page cannot show and that may change its meaning: ask them first"
)

LINES: dict[str, Callable[[Mapping, Lookup | None], Line]] = {
    "AllergyIntolerance": clinical.allergy,
    "Appointment": plans.appointment,
    "Bundle": papers.bundle,
    "CarePlan": plans.care_plan,
    "CareTeam": plans.care_team,
    "Claim": papers.bill,
    "Composition": papers.document,
    "Condition": clinical.condition,
    "Coverage": people.coverage,
    "Device": people.device,
    "DeviceRequest": plans.service_request,
    "DiagnosticReport": results.report,
    "DocumentManifest": papers.document,
    "DocumentReference": papers.document,
    "Encounter": clinical.encounter,
    "Endpoint": people.endpoint,
    "ExplanationOfBenefit": papers.bill,
    "FamilyMemberHistory": clinical.family,
    "Goal": plans.goal,
    "HealthcareService": people.place,
    "ImagingStudy": results.imaging,
    "Immunization": clinical.immunization,
    "Location": people.place,
    "Media": results.media,
    "Medication": medicines.medication,
    "MedicationAdministration": medicines.administration,
    "MedicationDispense": medicines.dispense,
    "MedicationRequest": medicines.request,
    "MedicationStatement": medicines.statement,
    "MolecularSequence": results.sequence,
    "Observation": results.observation,
    "Organization": people.place,
    "Patient": people.patient,
    "Person": people.patient,
    "Practitioner": people.practitioner,
    "PractitionerRole": people.role,
    "Procedure": clinical.procedure,
    "Provenance": papers.provenance,
    "Questionnaire": papers.questionnaire,
    "QuestionnaireResponse": papers.answers,
    "RelatedPerson": people.relative,
    "ServiceRequest": plans.service_request,
    "Specimen": results.specimen,
    "Task": plans.task,
}


def line(resource: Mapping, lookup: Lookup | Mapping[str, Mapping] | None = None) -> Line:
    """Return a resource as one line. `lookup` finds "Type/id" among what may be read: a function or a mapping.

    Texts come as they were written, so a template must escape them. Narrative HTML is never shown.
    """
    find = lookup.get if isinstance(lookup, Mapping) else lookup
    made = LINES.get(str(resource.get("resourceType")), papers.anything)(resource, find)
    if resource.get("doNotPerform") is True and not made.forbidden:
        made = replace(made, title=plans.NOT_DONE % {"name": made.title}, forbidden=True)
    return _cautioned(made) if resource.get("modifierExtension") else made


def _cautioned(made: Line) -> Line:
    """Return a line that says first that its meaning is changed by something which no page here understands."""
    words = str(CAUTION)
    return replace(made, beside=joined(words, made.beside), detail=joined(words, made.detail))
