"""Defects planted in resources that are otherwise right: (what is wrong, resource, element at fault)."""

PATIENT = {"reference": "Patient/1"}
GLUCOSE = {"coding": [{"system": "http://loinc.org", "code": "2345-7", "display": "Glucose"}]}
CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"


def observation(**changes: object) -> dict:
    """Return an Observation that is right but for the changes; None leaves an element out."""
    whole = {"resourceType": "Observation", "status": "final", "code": GLUCOSE, "subject": PATIENT, **changes}
    return {name: value for name, value in whole.items() if value is not None}


def condition(**changes: object) -> dict:
    """Return a Condition that is right but for the changes."""
    status = {"coding": [{"system": CLINICAL, "code": "active"}]}
    return {
        "resourceType": "Condition",
        "clinicalStatus": status,
        "subject": PATIENT,
        "code": {"text": "Asthma"},
        **changes,
    }


def patient(**changes: object) -> dict:
    """Return a Patient that is right but for the changes."""
    return {
        "resourceType": "Patient",
        "name": [{"family": "Costa", "given": ["Ana"]}],
        "birthDate": "1980-02-03",
        **changes,
    }


DIV = '<div xmlns="http://www.w3.org/1999/xhtml">{}</div>'

DEFECTS = [
    ("a required code is missing", observation(code=None), "Observation.code"),
    ("a required primitive is missing", observation(status=None), "Observation.status"),
    ("a required reference is missing", {**condition(), "subject": {}}, "Condition.subject"),
    ("a code outside its required list", observation(status="finished"), "Observation.status"),
    ("an element R4 does not have", observation(severity="high"), "Observation.severity"),
    ("a number written as text", observation(valueQuantity={"value": "5.4"}), "Observation.valueQuantity.value"),
    ("one where a list belongs", patient(name={"family": "Costa"}), "Patient.name"),
    ("a list where one belongs", observation(code=[GLUCOSE]), "Observation.code"),
    ("a date in another order", patient(birthDate="03/02/1980"), "Patient.birthDate"),
    ("a day no calendar has", patient(birthDate="1980-02-30"), "Patient.birthDate"),
    ("a time without a zone", observation(effectiveDateTime="2026-05-03T09:30:00"), "Observation.effectiveDateTime"),
    ("two values at once", observation(valueString="high", valueInteger=5), "Observation"),
    (
        "a value and a reason for its absence",
        observation(valueInteger=5, dataAbsentReason={"text": "unknown"}),
        "Observation",
    ),
    (
        "a reference range without limits",
        observation(referenceRange=[{"type": {"text": "normal"}}]),
        "Observation.referenceRange[0]",
    ),
    (
        "a period that ends before it begins",
        patient(address=[{"city": "Ceuta", "period": {"start": "2026-05-03", "end": "2025-05-03"}}]),
        "Patient.address[0].period",
    ),
    (
        "a unit's code without its system",
        observation(valueQuantity={"value": 5, "unit": "mg/dL", "code": "mg/dL"}),
        "Observation.valueQuantity",
    ),
    ("a contact without details", patient(contact=[{"gender": "female"}]), "Patient.contact[0]"),
    ("a reference to the wrong type", observation(subject={"reference": "Practitioner/1"}), "Observation.subject"),
    ("a reference to nothing contained", observation(specimen={"reference": "#s1"}), "Observation.specimen"),
    (
        "a contained resource nobody refers to",
        observation(contained=[{"resourceType": "Specimen", "id": "s1"}]),
        "Observation.contained[0]",
    ),
    ("an empty list", observation(note=[]), "Observation.note"),
    (
        "a script in the narrative",
        patient(text={"status": "generated", "div": DIV.format("<script>alert(1)</script>")}),
        "Patient.text.div",
    ),
    (
        "an extension with a value and extensions",
        patient(
            extension=[
                {"url": "http://example.org/a", "valueString": "x", "extension": [{"url": "b", "valueString": "y"}]}
            ]
        ),
        "Patient.extension[0]",
    ),
    ("an id with a space", patient(id="a b"), "Patient.id"),
    ("a text that ends before its end", observation(valueString="high\x00"), "Observation.valueString"),
    ("a bell in a name", patient(name=[{"family": "Costa", "given": ["Ana", "\x07"]}]), "Patient.name[0].given"),
    ("a control sign in a note", observation(note=[{"text": "a\x1bb"}]), "Observation.note[0].text"),
]
