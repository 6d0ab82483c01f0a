"""Which part of the record a resource belongs to, as a table."""

import pytest

from ehr.r4 import definitions, labels
from ehr.words import Category

LOINC, SNOMED = "http://loinc.org", "http://snomed.info/sct"
ICD, RXNORM = "http://hl7.org/fhir/sid/icd-10-cm", "http://www.nlm.nih.gov/research/umls/rxnorm"
OBSERVATION_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"


def coded(system: str, code: str, display: str = "") -> dict:
    return {"coding": [{"system": system, "code": code, "display": display}]}


def condition(system: str, code: str, display: str = "") -> dict:
    return {"resourceType": "Condition", "code": coded(system, code, display)}


def result(code: str, category: str = "laboratory", display: str = "") -> dict:
    kind = coded(OBSERVATION_CATEGORY, category)
    return {"resourceType": "Observation", "category": [kind], "code": coded(LOINC, code, display)}


def order(words: str) -> dict:
    return {"resourceType": "MedicationRequest", "medicationCodeableConcept": {"text": words}}


@pytest.mark.parametrize(
    ("resource", "parts"),
    [
        ({"resourceType": "Patient"}, "basic"),
        ({"resourceType": "Coverage"}, "basic"),
        ({"resourceType": "AllergyIntolerance"}, "history"),
        ({"resourceType": "Immunization"}, "history"),
        ({"resourceType": "Claim"}, "history"),
        ({"resourceType": "DiagnosticReport"}, "labs"),
        ({"resourceType": "ImagingStudy"}, "labs"),
        ({"resourceType": "CarePlan"}, "treatment"),
        ({"resourceType": "FamilyMemberHistory"}, "genetic"),
        ({"resourceType": "MolecularSequence"}, "genetic"),
        (result("2345-7"), "labs"),
        (result("8302-2", "vital-signs"), "labs"),
        (result("72166-2", "social-history"), "history"),
        ({"resourceType": "Observation", "code": coded(LOINC, "2345-7")}, "labs"),
        (condition(ICD, "J45.909", "Asthma"), "history"),
        (condition(ICD, "F32.9"), "mental-health"),
        (condition(ICD, "F00"), "mental-health"),
        (condition(ICD, "F99"), "mental-health"),
        (condition(ICD, "F10.20"), "mental-health"),
        (condition(ICD, "F17.210", "Nicotine dependence"), "history"),
        (condition(ICD, "X71"), "mental-health"),
        (condition(ICD, "R45.851"), "mental-health"),
        (condition(SNOMED, "370143000"), "mental-health"),
        (condition(SNOMED, "5602001"), "mental-health"),
        (condition("http://local.example/codes", "17", "Recurrent depressive disorder"), "mental-health"),
        (condition(ICD, "Z15.01"), "genetic"),
        (condition(ICD, "Q90.9"), "genetic"),
        (condition(SNOMED, "58756001"), "genetic"),
        (result("44261-6", "survey"), "mental-health"),
        (result("70274-6", "survey"), "mental-health"),
        (result("75626-2", "survey"), "mental-health"),
        (result("69548-6"), "genetic"),
        (order("Fluoxetine 20 MG Oral Capsule"), "mental-health"),
        (order("Naltrexone 50 MG Oral Tablet"), "mental-health"),
        (order("Amoxicillin 500 MG Oral Tablet"), "treatment"),
        ({"resourceType": "AllergyIntolerance", "code": {"text": "Fluoxetine"}}, "history"),
        ({"resourceType": "Procedure", "code": coded(SNOMED, "228557008")}, "mental-health"),
        ({"resourceType": "DocumentReference", "type": {"text": "Psychotherapy note"}}, "mental-health"),
        (condition(SNOMED, "58756001", "Dementia due to Huntington's disease"), "mental-health genetic"),
    ],
)
def test_a_resource_belongs_where_its_type_and_codes_say(resource, parts):
    assert labels.label(resource).categories == tuple(Category(part) for part in parts.split())


@pytest.mark.parametrize(
    ("resource", "codes"),
    [
        (result("2345-7"), ["N", "labs"]),
        (condition(ICD, "F32.9"), ["R", "MH", "mental-health"]),
        (condition(ICD, "F10.20"), ["R", "ETH", "mental-health"]),
        (condition(ICD, "Z15.01"), ["R", "GDIS", "genetic"]),
        (
            {"resourceType": "DocumentReference", "type": {"text": "Psychotherapy note"}},
            ["V", "MH", "PSYTHPN", "mental-health"],
        ),
    ],
)
def test_the_security_labels_say_how_confidential_and_why(resource, codes):
    assert [coding["code"] for coding in labels.label(resource).security] == codes


def test_what_a_prescription_is_for_counts():
    depression = {**condition(ICD, "F32.9"), "id": "c"}
    pill = {**order("Amitriptyline 25 MG"), "reasonReference": [{"reference": "Condition/c"}]}
    assert labels.label(pill).categories == (Category.TREATMENT,)
    assert labels.label(pill, context={"Condition/c": depression}).categories == (Category.MENTAL_HEALTH,)


def test_a_contained_resource_counts():
    medicine = {"resourceType": "Medication", "id": "m", "code": {"text": "Lithium carbonate 300 MG"}}
    assert labels.label({"resourceType": "MedicationRequest", "contained": [medicine]}).categories == (
        Category.MENTAL_HEALTH,
    )


def test_what_the_sender_labelled_sensitive_stays_sensitive():
    told = {"security": [{"system": labels.ACT_CODE, "code": "GDIS"}]}
    assert labels.label({"resourceType": "Observation", "meta": told}).categories == (Category.GENETIC,)


def test_stamping_keeps_what_was_there_and_stamps_once():
    told = {"system": labels.ACT_CODE, "code": "HIV"}
    resource = {**condition(ICD, "F32.9"), "meta": {"security": [told], "versionId": "3"}}
    stamped = labels.stamp(resource, labels.label(resource))
    again = labels.stamp(stamped, labels.label(stamped))
    assert stamped["meta"]["security"][0] == told
    assert stamped["meta"]["versionId"] == "3"
    assert again == stamped
    assert resource["meta"]["security"] == [told]


def test_every_list_names_its_source():
    assert all(rule["source"] for rule in labels._sensitive()["lists"])
    assert all(rule.get("codes") or rule.get("words") or rule.get("prefixes") for rule in labels._sensitive()["lists"])


def test_every_type_in_the_table_is_one_r4_has():
    assert labels.types() <= definitions.resource_types()


def test_every_mental_health_question_of_us_core_is_sensitive(us_core):
    for name, resource in us_core:
        if "PHQ9" in name or "AUDIT" in name:
            assert labels.label(resource).categories == (Category.MENTAL_HEALTH,), name
