"""What comes of a referral and of a prescription, as FHIR R4 resources: the report, the dispensing. Pure."""

from collections.abc import Collection, Mapping
from datetime import datetime

from consent.dispensing import TAKEN_BACK
from ehr.lines import medicines
from ehr.portals.clinician import resources
from ehr.r4 import labels
from ehr.words import SENSITIVE, Category

UCUM = "http://unitsofmeasure.org"
CONSULT_NOTE = {
    "coding": [{"system": resources.LOINC, "code": "11488-4", "display": "Consult note"}],
    "text": "Consult note",
}


def report(said: Mapping, *, parts: Collection[str], by: str, at: datetime) -> dict:
    """Return a specialist's report as a resource of a part they were let in to, so that who referred can read it.

    A note where the health history is among the parts, else a report beside the results, a plan beside the medicines,
    or a note in the sensitive part.
    """
    told = {"name": said["name"], "words": said["words"], "since": None}
    if Category.HISTORY not in parts and Category.LABS in parts:
        return {
            "resourceType": "DiagnosticReport",
            "status": "final",
            "code": {"text": said["name"]},
            "conclusion": said["words"],
            "effectiveDateTime": at.isoformat(timespec="seconds"),
            "performer": [{"display": by}],
        }
    if Category.HISTORY not in parts and Category.TREATMENT in parts:
        return resources.plan({}, told, by=by, at=at)
    note = resources.note({}, told, by=by, at=at) | {"type": CONSULT_NOTE}
    closed = [] if Category.HISTORY in parts else sorted(set(parts) & SENSITIVE)
    return resources.labelled(note, closed)


def taken_back(prescribed: Mapping, said: Mapping, *, by: str, at: datetime) -> dict:
    """Return the version of a dispensing that says that it should not be there, and why, in `said["reason"]`."""
    told = {"quantity": None, "on": None, "supply": None, "note": said["reason"]}
    return dispensing(prescribed, told, by=by, at=at) | {"status": TAKEN_BACK}


def dispensing(prescribed: Mapping, said: Mapping, *, by: str, at: datetime) -> dict:
    """Return a MedicationDispense of a prescription: medicine and directions as prescribed, what was handed out.

    It bears the prescription's sensitive labels, so that it is in no other part than the prescription.
    """
    resource = {
        "resourceType": "MedicationDispense",
        "status": "completed",
        "authorizingPrescription": [{"reference": f"MedicationRequest/{prescribed['id']}"}],
        "performer": [{"actor": {"display": by}}],
    }
    if said["quantity"]:
        resource["quantity"] = {"value": said["quantity"]} | ({"unit": said["unit"]} if said["unit"] else {})
    if said["on"]:
        resource["whenHandedOver"] = said["on"].isoformat()
    known = prescribed.get("medicationCodeableConcept")
    resource["medicationCodeableConcept"] = known or {"text": medicines.name_of(prescribed, None)}
    if said["supply"]:
        resource["daysSupply"] = {"value": said["supply"], "unit": "days", "system": UCUM, "code": "d"}
    if how := prescribed.get("dosageInstruction"):
        resource["dosageInstruction"] = how
    if said["note"]:
        resource["note"] = [{"text": said["note"], "time": at.isoformat(timespec="seconds"), "authorString": by}]
    kept = [one for one in (prescribed.get("meta") or {}).get("security") or () if one.get("system") == labels.ACT_CODE]
    return resource | ({"meta": {"security": kept}} if kept else {})
