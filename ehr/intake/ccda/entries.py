"""Sections of what is known: problems, allergies, results, vital signs, social history, procedures, visits, notes.

Source: C-CDA R2.1 (section and entry templates by their LOINC codes); HL7 C-CDA on FHIR 1.1.
"""

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from ..hl7v2.observations import described
from .values import Reading, concept, identifiers, is_null, moment, named, period, plain, quantity, value, when
from .xml import text_of

CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
VERIFIED = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
ALLERGY_CLINICAL = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
ALLERGY_VERIFIED = "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
SNOMED = "http://snomed.info/sct"
NO_ALLERGY = {"coding": [{"system": SNOMED, "code": "716186003", "display": "No known allergy"}]}
# Propensity codes of SNOMED CT, as FHIR's type and category.
ALLERGY_KINDS = {
    "416098002": ("allergy", "medication"), "414285001": ("allergy", "food"), "426232007": ("allergy", "environment"),
    "59037007": ("intolerance", "medication"), "235719002": ("intolerance", "food"), "419199007": ("allergy", ""),
    "419511003": ("", "medication"), "418471000": ("", "food"),
}  # fmt: skip
SEVERITIES = {"255604002": "mild", "6736007": "moderate", "24484000": "severe"}
OBSERVED = {"completed": "final", "active": "preliminary", "aborted": "cancelled", "held": "registered"}
DONE = {"completed": "completed", "active": "in-progress", "aborted": "stopped", "cancelled": "not-done"}
FINISHED = {"completed": "finished", "active": "in-progress", "aborted": "cancelled", "cancelled": "cancelled"}
VISITS = {"AMB": "AMB", "IMP": "IMP", "EMER": "EMER", "HH": "HH", "FLD": "FLD", "VR": "VR"}


def coding(system: str, code: str) -> dict:
    """Return a CodeableConcept of one code."""
    return {"coding": [{"system": system, "code": code}]}


def _inner(entry: Element, tag: str) -> Iterator[Element]:
    """Yield the statements of a kind that an act of concern holds, or the entry's own."""
    yield from entry.findall(tag)
    for act in entry.findall("act"):
        yield from (found for one in act.findall("entryRelationship") for found in one.findall(tag))


# --- Problems ------------------------------------------------------------------------------------
def problem(entry: Element, reading: Reading) -> None:
    """Read a problem concern: each of its problems is a Condition; one that is denied is refuted."""
    for one in _inner(entry, "observation"):
        code = concept(one.find("value"), reading)
        if not code:
            continue
        lasted = period(one.find("effectiveTime"), reading)
        denied = one.get("negationInd") == "true"
        act = entry.find("act")
        over = "end" in lasted or (act is not None and plain(act.find("statusCode")) == "completed")
        reading.add(
            {
                "resourceType": "Condition",
                "id": named("Condition", one),
                "identifier": identifiers(one),
                "clinicalStatus": {} if denied else coding(CLINICAL, "resolved" if over else "active"),
                "verificationStatus": coding(VERIFIED, "refuted" if denied else "confirmed"),
                "category": [coding("http://terminology.hl7.org/CodeSystem/condition-category", "problem-list-item")],
                "code": code,
                "subject": reading.subject,
                "onsetDateTime": lasted.get("start", ""),
                "abatementDateTime": "" if denied else lasted.get("end", ""),
            }
        )


# --- Allergies -----------------------------------------------------------------------------------
def allergy(entry: Element, reading: Reading) -> None:
    """Read an allergy; that none is known is an entry of its own, for it was asked."""
    for one in _inner(entry, "observation"):
        substance = one.find("participant/participantRole/playingEntity")
        code = concept(substance.find("code"), reading) if substance is not None else {}
        if not code and substance is not None and text_of(substance.find("name")):
            code = {"text": text_of(substance.find("name"))}
        denied = one.get("negationInd") == "true"
        if not code and not denied:
            continue
        kind, category = ALLERGY_KINDS.get(plain(one.find("value")), ("", ""))
        refuted = denied and code
        over = "end" in period(one.find("effectiveTime"), reading)
        reading.add(
            {
                "resourceType": "AllergyIntolerance",
                "id": named("AllergyIntolerance", one),
                "identifier": identifiers(one),
                "clinicalStatus": {} if refuted else coding(ALLERGY_CLINICAL, "resolved" if over else "active"),
                "verificationStatus": coding(ALLERGY_VERIFIED, "refuted" if refuted else "confirmed"),
                "type": kind,
                "category": [category] if category else [],
                "code": code or NO_ALLERGY,
                "patient": reading.subject,
                "onsetDateTime": when(one, reading),
                "reaction": list(_reactions(one, reading)),
            }
        )


def _reactions(allergy: Element, reading: Reading) -> Iterator[dict]:
    for link in allergy.findall("entryRelationship"):
        found = link.find("observation")
        if found is None or link.get("typeCode") != "MFST" or not (shown := concept(found.find("value"), reading)):
            continue
        grades = [plain(one.find("observation/value")) for one in found.findall("entryRelationship")]
        severity = next((SEVERITIES[grade] for grade in grades if grade in SEVERITIES), "")
        yield {"manifestation": [shown]} | ({"severity": severity} if severity else {})


# --- Observations --------------------------------------------------------------------------------
def result(entry: Element, reading: Reading) -> None:
    """Read a result organizer: a DiagnosticReport of its Observations."""
    for organizer in entry.findall("organizer"):
        code = concept(organizer.find("code"), reading)
        found = [_observation(one, reading, "laboratory") for one in organizer.findall("component/observation")]
        said = [one for one in found if one]
        if not said or not code:
            continue
        at = when(organizer, reading) or said[0].get("effectiveDateTime", "")
        reading.add(
            {
                "resourceType": "DiagnosticReport",
                "id": named("DiagnosticReport", organizer),
                "identifier": identifiers(organizer),
                "status": OBSERVED.get(plain(organizer.find("statusCode")), "final"),
                "code": code,
                "subject": reading.subject,
                "effectiveDateTime": at,
                "result": [{"reference": f"Observation/{one['id']}"} for one in said],
            }
        )


def vital(entry: Element, reading: Reading) -> None:
    """Read vital signs, each an Observation."""
    for one in (*entry.findall("organizer/component/observation"), *entry.findall("observation")):
        _observation(one, reading, "vital-signs")


def social(entry: Element, reading: Reading) -> None:
    """Read social history, smoking among it."""
    for one in entry.findall("observation"):
        _observation(one, reading, "social-history")


def _observation(one: Element, reading: Reading, category: str) -> dict:
    """Keep an Observation and return it; {} where it says neither what nor how much."""
    code = concept(one.find("code"), reading)
    values = one.findall("value")
    said = value(values[0], reading) if values else {}
    if not code or (not said and not values):
        return {}
    if one.get("negationInd") == "true":
        return {}  # what was denied is no reading; the document beside it says so
    lasted = period(one.find("effectiveTime"), reading)
    notes = [reading.original(each.find("text")) for each in one.findall("entryRelationship/act")]
    return reading.add(
        {
            "resourceType": "Observation",
            "id": named("Observation", one, category),
            "identifier": identifiers(one),
            "status": OBSERVED.get(plain(one.find("statusCode")), "final"),
            "category": [coding(CATEGORY, category)],
            "code": code,
            "subject": reading.subject,
            **_effective(lasted),
            **said,
            "dataAbsentReason": {} if said else coding(ABSENT, "unknown"),
            "interpretation": _interpretation(one, reading),
            "note": [{"text": text} for text in notes if text],
            "referenceRange": list(_ranges(one, reading)),
        }
    )


def _effective(lasted: dict) -> dict:
    if "start" in lasted and "end" in lasted and lasted["start"] != lasted["end"]:
        return {"effectivePeriod": lasted}
    at = lasted.get("start") or lasted.get("end")
    return {"effectiveDateTime": at} if at else {}


def _interpretation(one: Element, reading: Reading) -> list[dict]:
    return [found for each in one.findall("interpretationCode") if (found := concept(each, reading))]


def _ranges(one: Element, reading: Reading) -> Iterator[dict]:
    for each in one.findall("referenceRange/observationRange"):
        limits = each.find("value")
        low = quantity(limits.find("low")) if limits is not None else {}
        high = quantity(limits.find("high")) if limits is not None else {}
        said = {"low": low, "high": high, "text": reading.original(each.find("text"))}
        if any(said.values()):
            yield {name: found for name, found in said.items() if found}


# --- What was done -------------------------------------------------------------------------------
def procedure(entry: Element, reading: Reading) -> None:
    """Read a procedure, in whichever of its three forms."""
    for one in (*entry.findall("procedure"), *entry.findall("act"), *entry.findall("observation")):
        code = concept(one.find("code"), reading)
        if not code:
            continue
        lasted = period(one.find("effectiveTime"), reading)
        status = "not-done" if one.get("negationInd") == "true" else DONE.get(plain(one.find("statusCode")), "unknown")
        done = {"performedPeriod": lasted} if "end" in lasted else {"performedDateTime": lasted.get("start", "")}
        reading.add(
            {
                "resourceType": "Procedure",
                "id": named("Procedure", one),
                "identifier": identifiers(one),
                "status": status,
                "code": code,
                "subject": reading.subject,
                **done,
                "bodySite": [site for each in one.findall("targetSiteCode") if (site := concept(each, reading))],
            }
        )


def visit(entry: Element, reading: Reading) -> None:
    """Read an encounter."""
    for one in entry.findall("encounter"):
        code = concept(one.find("code"), reading)
        kind = next((VISITS[each["code"]] for each in code.get("coding", ()) if each["code"] in VISITS), "AMB")
        places = [text_of(each) for each in one.findall("participant/participantRole/playingEntity/name")]
        reading.add(
            {
                "resourceType": "Encounter",
                "id": named("Encounter", one),
                "identifier": identifiers(one),
                "status": FINISHED.get(plain(one.find("statusCode")), "finished"),
                "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": kind},
                "type": [code] if code else [],
                "subject": reading.subject,
                "period": period(one.find("effectiveTime"), reading),
                "location": [{"location": {"display": place}} for place in places if place],
            }
        )


def note(entry: Element, reading: Reading) -> None:
    """Read a note: its text lies sealed beside a DocumentReference."""
    for one in entry.findall("act"):
        code = one.find("code")
        if code is None or is_null(code) or not (text := reading.original(one.find("text"))):
            continue
        title = text_of(code.find("originalText")) or code.get("displayName", "")
        at = moment(one.find("author/time"), reading) or when(one, reading)
        content = text.encode()
        made = reading.add(
            {
                "resourceType": "DocumentReference",
                "id": named("DocumentReference", one),
                "identifier": identifiers(one),
                "status": "current",
                "type": concept(one.find("code"), reading),
                "subject": reading.subject,
                "date": at if "T" in at else "",
                "description": title,
                "content": [{"attachment": described(content, "text/plain; charset=UTF-8", title)}],
            }
        )
        reading.files[f"DocumentReference/{made['id']}"] = content
