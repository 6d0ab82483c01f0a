"""What a clinician writes, as FHIR R4 resources: new, changed, stopped, entered in error. Pure: nothing is stored here.

A change keeps whatever a form does not ask about, codes included, and drops the narrative that no longer fits.
"""

import base64
from collections.abc import Callable, Mapping
from datetime import datetime

from ehr.frame.drafting import REASON, with_reason
from ehr.lines import contents, medicines, sentences
from ehr.r4 import labels
from ehr.words import Category

TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"
SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"
NO_KNOWN_ALLERGY = {"coding": [{"system": SNOMED, "code": "716186003", "display": "No known allergy"}]}
# The label that a clinician puts on what belongs into a sensitive part. Source: HL7 v3-ActCode.
SENSITIVE_CODES = {Category.MENTAL_HEALTH: "PSY", Category.GENETIC: "GDIS"}
KINDS = {
    "MedicationRequest": "medicine",
    "Condition": "problem",
    "AllergyIntolerance": "allergy",
    "DocumentReference": "note",
    "CarePlan": "plan",
}
# Types whose `status` knows "entered-in-error". Source: their required bindings in FHIR R4.
CAN_BE_MISTAKEN = frozenset({
    "CarePlan", "DiagnosticReport", "DocumentReference", "Encounter", "Immunization", "MedicationRequest",
    "MedicationStatement", "Observation", "Procedure", "ServiceRequest",
})  # fmt: skip
VERIFIED = frozenset({"AllergyIntolerance", "Condition"})
_STOPPED = {"MedicationRequest": "stopped", "CarePlan": "completed"}


def _concept(system: str, code: str) -> dict:
    return {"coding": [{"system": TERMINOLOGY + system, "code": code}]}


def _code(concept: object) -> str:
    codings = concept.get("coding") if isinstance(concept, Mapping) else None
    return str(codings[0].get("code", "")) if codings else ""


def _put(resource: dict, name: str, value: object) -> None:
    """Set an element, or leave it out where there is nothing to say: FHIR has no empty elements."""
    if value:
        resource[name] = value
    else:
        resource.pop(name, None)


def _text_of(concept: object) -> str:
    if not isinstance(concept, Mapping):
        return ""
    codings = concept.get("coding") or [{}]
    return str(concept.get("text") or codings[0].get("display") or "")


def _put_text(resource: dict, name: str, text: str) -> None:
    """Name something anew, unless it is called that already: then its codes stay."""
    if text != _text_of(resource.get(name)):
        resource[name] = {"text": text}


def _begun(before: Mapping, kind: str, **new: object) -> dict:
    """Return a copy to write on without narrative and without the last change’s reason, or a `new` one."""
    resource = {**(before or new), "resourceType": kind}
    resource.pop("text", None)
    kept = [one for one in resource.get("extension") or () if one.get("url") != REASON]
    _put(resource, "extension", kept)
    return resource


# --- From a form to a resource -------------------------------------------------------------------
def medicine(before: Mapping, said: Mapping, *, by: str, at: datetime) -> dict:
    """Return a MedicationRequest from name, how to take it, what for and a remark."""
    resource = _begun(
        before,
        "MedicationRequest",
        status="active",
        intent="order",
        requester={"display": by},
        authoredOn=at.date().isoformat(),
    )
    if said["name"] != medicines.name_of(before, None) or not before:
        resource.pop("medicationReference", None)
        resource["medicationCodeableConcept"] = {"text": said["name"]}
    if said["how"] != medicines.directions(before.get("dosageInstruction")):
        _put(resource, "dosageInstruction", [{"text": said["how"]}] if said["how"] else None)
    return _with_reason_code(resource, said["why"])


def _with_reason_code(resource: dict, why: str) -> dict:
    if why != _text_of((resource.get("reasonCode") or [None])[0]):
        _put(resource, "reasonCode", [{"text": why}] if why else None)
    return resource


def problem(before: Mapping, said: Mapping, *, by: str, at: datetime) -> dict:
    """Return a Condition from name, certainty, since when and a remark."""
    resource = _begun(
        before,
        "Condition",
        category=[_concept("condition-category", "problem-list-item")],
        recordedDate=at.date().isoformat(),
        recorder={"display": by},
        clinicalStatus=_concept("condition-clinical", "active"),
    )
    if not before or said["certainty"] != _certainty(before):
        resource["verificationStatus"] = _concept("condition-ver-status", said["certainty"])
    _put_text(resource, "code", said["name"])
    return _with_note(_with_onset(resource, said), said, by, at)


def allergy(before: Mapping, said: Mapping, *, by: str, at: datetime) -> dict:
    """Return an AllergyIntolerance from substance, kind, danger and reaction; or that none is known."""
    resource = _begun(
        before,
        "AllergyIntolerance",
        recordedDate=at.date().isoformat(),
        recorder={"display": by},
        clinicalStatus=_concept("allergyintolerance-clinical", "active"),
        verificationStatus=_concept("allergyintolerance-verification", "confirmed"),
    )
    if said["none"]:
        resource["code"] = NO_KNOWN_ALLERGY
        return resource
    _put_text(resource, "code", said["name"])
    _put(resource, "category", [said["group"]] if said["group"] else None)
    _put(resource, "criticality", said["danger"])
    if said["reaction"] != _reaction(before):
        _put(resource, "reaction", [{"manifestation": [{"text": said["reaction"]}]}] if said["reaction"] else None)
    return _with_note(_with_onset(resource, said), said, by, at)


def _reaction(resource: Mapping) -> str:
    first = (resource.get("reaction") or [{}])[0]
    return _text_of((first.get("manifestation") or [None])[0])


def _certainty(resource: Mapping) -> str:
    return _code(resource.get("verificationStatus")) or "confirmed"


def _with_onset(resource: dict, said: Mapping) -> dict:
    since, before = said["since"].isoformat() if said["since"] else "", str(resource.get("onsetDateTime", ""))
    partial = 0 < len(before) < len("2026-05-03")  # "2009" does not fit into a form's day, and is kept
    if since != before[:10] and not (partial and not since):
        resource.pop("onsetPeriod", None)
        _put(resource, "onsetDateTime", since)
    return resource


def _with_note(resource: dict, said: Mapping, by: str, at: datetime) -> dict:
    if said["remark"] != contents.own_words(resource):
        _put(
            resource,
            "note",
            [{"text": said["remark"], "authorString": by, "time": _moment(at)}] if said["remark"] else None,
        )
    return resource


def note(before: Mapping, said: Mapping, *, by: str, at: datetime) -> dict:
    """Return a DocumentReference that holds a text in the clinician's own words."""
    resource = _begun(
        before,
        "DocumentReference",
        status="current",
        docStatus="final",
        type={"coding": [{"system": LOINC, "code": "11506-3", "display": "Progress note"}], "text": "Progress note"},
        date=_moment(at),
        author=[{"display": by}],
    )
    if not before or said["name"] != _name(before):
        resource["description"] = said["name"]
        resource.pop("title", None)
    if not before or said["words"] != contents.own_words(before):
        data = base64.b64encode(said["words"].encode()).decode()
        attached = {"contentType": "text/plain; charset=utf-8", "data": data, "title": said["name"]}
        resource["content"] = [{"attachment": attached}]
    if before and resource != before:
        resource["docStatus"] = "amended"
    return resource


def plan(before: Mapping, said: Mapping, *, by: str, at: datetime) -> dict:
    """Return a CarePlan from a title, what is to be done, and from when."""
    resource = _begun(
        before, "CarePlan", status="active", intent="plan", author={"display": by}, created=at.date().isoformat()
    )
    if not before or said["name"] != _name(before):
        resource["title"] = said["name"]
    _put(resource, "description", said["words"])
    since = said["since"].isoformat() if said["since"] else ""
    if since != str((before.get("period") or {}).get("start", ""))[:10]:
        _put(resource, "period", {**(before.get("period") or {}), "start": since} if since else None)
    return resource


BUILD: dict[str, Callable[..., dict]] = {
    "medicine": medicine,
    "problem": problem,
    "allergy": allergy,
    "note": note,
    "plan": plan,
}


# --- From a resource to a form -------------------------------------------------------------------
def initial(resource: Mapping) -> dict[str, object]:
    """Return what a form shows of a resource that is to be changed."""
    return {
        "name": _name(resource),
        "how": medicines.directions(resource.get("dosageInstruction")),
        "why": _text_of((resource.get("reasonCode") or [None])[0]),
        "certainty": _certainty(resource),
        "since": str(resource.get("onsetDateTime") or (resource.get("period") or {}).get("start") or "")[:10],
        "group": next(iter(resource.get("category") or ()), "")
        if resource["resourceType"] == "AllergyIntolerance"
        else "",
        "danger": resource.get("criticality", ""),
        "reaction": _reaction(resource),
        "none": _code(resource.get("code")) == "716186003",
        "remark": contents.own_words(resource),
        "words": contents.own_words(resource) or str(resource.get("description", "")),
    }


def _name(resource: Mapping) -> str:
    kind = resource["resourceType"]
    if kind == "MedicationRequest":
        return medicines.name_of(resource, None)
    if kind in {"DocumentReference", "CarePlan"}:
        return sentences.line(resource).title
    return _text_of(resource.get("code"))


# --- Stopping, taking back -----------------------------------------------------------------------
def stopped(before: Mapping, *, reason: str, on: str) -> dict:
    """Return the version that says that a medicine, problem, allergy or plan is over, since when and why."""
    kind = before["resourceType"]
    resource = with_reason(_begun(before, kind), reason)
    if kind == "Condition":
        resource["clinicalStatus"] = _concept("condition-clinical", "resolved")
        resource["abatementDateTime"] = on
    elif kind == "AllergyIntolerance":
        resource["clinicalStatus"] = _concept("allergyintolerance-clinical", "resolved")
    else:
        resource["status"] = _STOPPED[kind]
    if kind == "MedicationRequest":
        resource["statusReason"] = {"text": reason}
    return resource


def mistaken(before: Mapping, *, reason: str) -> dict:
    """Return the version that says that an entry should never have been there. Source of the state: ait-2, con-5."""
    kind = before["resourceType"]
    resource = with_reason(_begun(before, kind), reason)
    if kind in VERIFIED:
        system = "condition-ver-status" if kind == "Condition" else "allergyintolerance-verification"
        resource["verificationStatus"] = _concept(system, "entered-in-error")
        # What never was is neither active nor over: con-4 and con-5 leave no other way. The version before says it.
        for name in [name for name in resource if name == "clinicalStatus" or name.startswith("abatement")]:
            del resource[name]
    else:
        resource["status"] = "entered-in-error"
    return resource


def reason_of(resource: Mapping) -> str:
    """Return why this version was written, or ""."""
    return next(
        (str(one.get("valueString", "")) for one in resource.get("extension") or () if one.get("url") == REASON), ""
    )


def struck(resource: Mapping) -> bool:
    """Tell whether an entry was taken back."""
    return "entered-in-error" in {str(resource.get("status", "")), _code(resource.get("verificationStatus"))}


def verbs(resource: Mapping) -> frozenset[str]:
    """Return what can be done with a resource of this type in its state: change, stop, mistake."""
    kind = resource.get("resourceType", "")
    if not resource or struck(resource):
        return frozenset()
    found = {"mistake"} if kind in CAN_BE_MISTAKEN | VERIFIED else set()
    own_text = kind != "DocumentReference" or bool(contents.own_words(resource))
    if kind in KINDS and own_text:
        found.add("change")
    if kind in {*_STOPPED, *VERIFIED} and not _over(resource):
        found.add("stop")
    return frozenset(found)


def _over(resource: Mapping) -> bool:
    return resource.get("status") in {"stopped", "completed", "cancelled", "revoked"} or _code(
        resource.get("clinicalStatus")
    ) in {"resolved", "inactive", "remission"}


# --- Labels --------------------------------------------------------------------------------------
def labelled(resource: dict, sensitive: list[str]) -> dict:
    """Return the resource with the sensitive labels a clinician chose and without the parts computed last time."""
    meta = dict(resource.get("meta") or {})
    chosen = {SENSITIVE_CODES[Category(part)] for part in sensitive}
    ours = set(SENSITIVE_CODES.values())
    kept = [
        one
        for one in meta.get("security") or ()
        if one.get("system") not in {labels.CATEGORY, labels.CONFIDENTIALITY}
        and not (one.get("system") == labels.ACT_CODE and one.get("code") in ours)
    ]
    _put(meta, "security", [*kept, *({"system": labels.ACT_CODE, "code": code} for code in sorted(chosen))])
    labelled_one = {**resource}
    _put(labelled_one, "meta", meta)
    return labelled_one


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="seconds")
