"""What an app asks for in a person's words, and in which parts of a record it would be found."""

from dataclasses import dataclass

from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from consent import sentences
from ehr.r4 import labels
from ehr.smart.scopes import BY_NAME, STUDIES, TOLD, Scope, Scopes
from ehr.words import SENSITIVE, Category

KINDS = {
    "*": _("everything else in these parts"),
    "AllergyIntolerance": _("allergies"),
    "Appointment": _("appointments"),
    "AuditEvent": _("who looked at the record"),
    "CarePlan": _("care plans"),
    "CareTeam": _("care teams"),
    "Claim": _("bills"),
    "Condition": _("conditions and diagnoses"),
    "Consent": _("who is let in"),
    "Coverage": _("insurance"),
    "Device": _("devices and implants"),
    "DiagnosticReport": _("reports of tests and scans"),
    "DocumentReference": _("documents and notes"),
    "Encounter": _("visits"),
    "ExplanationOfBenefit": _("bills and what insurance paid"),
    "FamilyMemberHistory": _("illnesses in the family"),
    "Goal": _("goals"),
    "ImagingStudy": _("scans"),
    "Immunization": _("vaccinations"),
    "Medication": _("medicines"),
    "MedicationAdministration": _("medicines that were given"),
    "MedicationDispense": _("medicines that were handed out"),
    "MedicationRequest": _("prescriptions"),
    "MedicationStatement": _("medicines taken"),
    "MolecularSequence": _("genetic sequences"),
    "Observation": _("results and measurements"),
    "Patient": _("name, birth date and address"),
    "Procedure": _("operations and procedures"),
    "Provenance": _("where entries come from"),
    "QuestionnaireResponse": _("answers to questionnaires"),
    "RelatedPerson": _("relatives and contacts"),
    "ResearchStudy": _("studies that look for people"),
    "ResearchSubject": _("which studies somebody takes part in"),
    "Schedule": _("who can be booked"),
    "ServiceRequest": _("referrals and orders"),
    "Slot": _("free times"),
    "Specimen": _("samples"),
}
CATEGORIES = {
    "activity": _("activity"),
    "encounter-diagnosis": _("diagnoses of visits"),
    "exam": _("findings of examinations"),
    "health-concern": _("health concerns"),
    "imaging": _("results of scans"),
    "laboratory": _("laboratory results"),
    "problem-list-item": _("the list of problems"),
    "procedure": _("results of procedures"),
    "sdoh": _("living conditions"),
    "social-history": _("habits, such as smoking"),
    "survey": _("answers to questionnaires"),
    "therapy": _("therapy notes"),
    "vital-signs": _("blood pressure, weight and other vital signs"),
}


@dataclass(frozen=True)
class Thing:
    """One scope as a person reads it."""

    scope: Scope
    name: str
    does: str
    parts: frozenset[Category]

    @property
    def text(self) -> str:
        return f"{self.name}: {self.does}"


def thing(scope: Scope, *, works: bool = False) -> Thing:
    """Return a scope in words. To who works here it says which ones are about all their patients."""
    told = does(scope)
    if works and scope.level == "user":
        told = _("%(does)s, of all your patients") % {"does": told}
    return Thing(scope, capfirst(name(scope)), told, parts_of(scope))


def told(scopes: Scopes, *, works: bool = False) -> list[str]:
    """Return scopes in words, each said once."""
    return list(dict.fromkeys(thing(one, works=works).text for one in scopes.resources))


def name(scope: Scope) -> str:
    """Return what a scope is about; a type or category without words of its own by its FHIR name."""
    if not scope.category:
        return str(KINDS.get(scope.kind) or scope.kind)
    code = scope.category.rpartition("|")[2]
    words = str(CATEGORIES.get(code) or code)
    known = scope.kind == "Observation" and code in CATEGORIES
    return words if known else f"{KINDS.get(scope.kind) or scope.kind} ({words})"


def does(scope: Scope) -> str:
    """Return what may be done, in words."""
    verbs = {
        "c": _("add"),
        "u": _("change"),
        "d": _("strike out"),
    }
    told = [_("see")] if scope.reads else []
    return sentences.listed([*told, *(word for letter, word in verbs.items() if letter in scope.verbs)])


def parts_of(scope: Scope) -> frozenset[Category]:
    """Return the ordinary parts of a record in which something of a scope stands. Any may be in a sensitive one."""
    if scope.kind in BY_NAME or scope.kind == STUDIES:
        return frozenset()
    if scope.kind == "*":
        return frozenset(Category) - SENSITIVE
    if scope.kind == "Observation" and not scope.category:
        return frozenset({Category.LABS, Category.HISTORY})
    code = scope.category.rpartition("|")[2]
    resource = {"resourceType": scope.kind, "category": [{"coding": [{"code": code}]}] if code else []}
    return frozenset(labels.label(resource).categories)


def within(scopes: Scopes, parts: frozenset[Category]) -> Scopes:
    """Return the scopes of which something can be in these parts; what has a tick of its own, or no part, stays."""
    sensitive = bool(parts & SENSITIVE)
    kept = (
        one for one in scopes.resources if one.kind in BY_NAME | TOLD | {STUDIES} or sensitive or parts_of(one) & parts
    )
    return Scopes(scopes.plain, tuple(kept))
