"""Tokens, references, addresses and composites in a search, rule by rule, and what is refused.

Source of each vector: FHIR R4 search.html.
"""

import pytest

from ehr.r4.matching import BadValue, Unsupported, parse

from .asking import matches, observed

# --- token -----------------------------------------------------------------------------------------
GLUCOSE = observed(
    id="g-1",
    code={"coding": [{"system": "http://loinc.org", "code": "2345-7", "display": "Glucose"}], "text": "Sugar in blood"},
    category=[{"coding": [{"code": "LAB"}]}],
    identifier=[
        {
            "system": "urn:lab",
            "value": "A-7",
            "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "FILL"}]},
        }
    ],
)
TOKENS = [
    ("code", "2345-7", True),
    ("code", "http://loinc.org|2345-7", True),
    ("code", "http://loinc.org|", True),
    ("code", "http://snomed.info/sct|2345-7", False),
    ("code", "|2345-7", False),
    ("category", "|lab", True),
    ("category", "lab", True),
    ("code", "2345", False),
    ("code", "1-1,2345-7", True),
    ("code:not", "2345-7", False),
    ("code:not", "1-1", True),
    ("code:not", "1-1,2345-7", False),
    ("method:not", "x", True),  # without a value there is no match either
    ("code:text", "gluc", True),
    ("code:text", "SUGAR", True),
    ("code:text", "blood", False),
    ("code:text", "2345-7", False),
    ("code:missing", "false", True),
    ("method:missing", "true", True),
    ("method:missing", "false", False),
    ("status", "final", True),
    ("status", "http://hl7.org/fhir/observation-status|final", True),
    ("status", "http://hl7.org/fhir/observation-status|", True),
    ("status", "http://hl7.org/fhir/other|final", False),
    ("identifier", "urn:lab|a-7", True),
    ("identifier", "A-7", True),
    ("identifier:of-type", "http://terminology.hl7.org/CodeSystem/v2-0203|FILL|A-7", True),
    ("identifier:of-type", "http://terminology.hl7.org/CodeSystem/v2-0203|MR|A-7", False),
    ("_id", "g-1", True),
    ("_id", "G-1", False),
]


@pytest.mark.parametrize(("name", "raw", "found"), TOKENS)
def test_tokens_match_by_system_and_code(name, raw, found):
    assert matches(GLUCOSE, name, raw) is found


def test_a_token_may_be_true_or_false_a_telephone_or_whether_somebody_died():
    person = {"resourceType": "Patient", "active": True, "telecom": [{"system": "phone", "value": "555-1"}]}
    assert matches(person, "active", "true")
    assert matches(person, "phone", "555-1")
    assert not matches(person, "email", "555-1")
    assert matches(person, "deceased", "false")
    assert matches({**person, "deceasedDateTime": "2020"}, "deceased", "true")
    assert matches({**person, "deceasedBoolean": False}, "deceased", "false")


def test_media_types_have_a_hierarchy():
    note = {
        "resourceType": "DocumentReference",
        "content": [{"attachment": {"contentType": "text/xml; charset=UTF-8"}}],
    }
    assert not matches(note, "contenttype", "text/xml")
    assert matches(note, "contenttype:below", "text/xml")
    assert matches(note, "contenttype:below", "text")
    assert not matches(note, "contenttype:below", "text/html")


# --- reference ---------------------------------------------------------------------------------------
def about(reference: str, **more) -> dict:
    return observed(subject={"reference": reference, **more})


REFERENCES = [
    ("subject", "23", about("Patient/23"), True),
    ("subject", "Patient/23", about("Patient/23"), True),
    ("subject", "Group/23", about("Patient/23"), False),
    ("subject", "https://chart.example/fhir/Patient/23", about("Patient/23"), True),
    ("subject", "Patient/23", about("https://chart.example/fhir/Patient/23"), True),
    ("subject", "23", about("https://chart.example/fhir/Patient/23"), True),
    ("subject", "https://else.example/Patient/23", about("https://else.example/Patient/23"), True),
    ("subject", "23", about("https://else.example/Patient/23"), False),
    ("subject", "Patient/23", about("Patient/234"), False),
    ("subject:Patient", "23", about("Patient/23"), True),
    ("subject:Patient", "23", about("Group/23"), False),
    ("patient", "23", about("Patient/23"), True),
    ("patient", "23", about("Group/23"), False),
    ("patient:missing", "true", about("Group/23"), True),
    ("subject", "Patient/23", about("Patient/23/_history/2"), True),
    ("subject", "23", about("Patient/23/_history/2"), True),
    ("subject", "Patient/23/_history/2", about("Patient/23/_history/2"), True),
    ("subject", "Patient/23/_history/3", about("Patient/23/_history/2"), False),
    ("subject", "Patient/23/_history/2", about("Patient/23"), False),
    ("subject:identifier", "urn:mrn|1", observed(subject={"identifier": {"system": "urn:mrn", "value": "1"}}), True),
    ("subject:identifier", "1", observed(subject={"identifier": {"system": "urn:mrn", "value": "1"}}), True),
    ("subject:missing", "true", observed(subject={"identifier": {"value": "1"}}), False),
    ("subject:missing", "true", about("#p"), False),
    ("subject", "#p", about("#p"), False),  # what a resource contains is not found from outside
    ("subject", "p", about("#p"), False),
]


@pytest.mark.parametrize(("name", "raw", "resource", "found"), REFERENCES)
def test_references_match_by_id_type_and_address(name, raw, resource, found):
    assert matches(resource, name, raw) is found


def test_a_canonical_without_a_version_takes_in_every_version():
    answers = {"resourceType": "QuestionnaireResponse", "questionnaire": "http://q.example/Questionnaire/phq9|1.2"}
    assert matches(answers, "questionnaire", "http://q.example/Questionnaire/phq9")
    assert matches(answers, "questionnaire", r"http://q.example/Questionnaire/phq9\|1.2")
    assert not matches(answers, "questionnaire", r"http://q.example/Questionnaire/phq9\|1.3")
    assert not matches(answers, "questionnaire", "http://q.example/Questionnaire/phq")


# --- uri, composite, near, common ones -----------------------------------------------------------------
URIS = [
    ("_profile", "http://acme.org/fhir/ValueSet/123", True),
    ("_profile", "http://acme.org/fhir/valueset/123", False),
    ("_profile", "http://acme.org/fhir/", False),
    ("_profile:below", "http://acme.org/fhir/", True),
    ("_profile:below", "http://acme.org/fhir", True),
    ("_profile:below", "http://acme.org/fhi", False),
    ("_profile:above", "http://acme.org/fhir/ValueSet/123/_history/5", True),
    ("_profile:above", "http://acme.org/fhir/ValueSet", False),
    ("_tag", "urn:t|x", True),
    ("_security:not", "R", False),
    ("_source", "urn:a:b", True),
]


@pytest.mark.parametrize(("name", "raw", "found"), URIS)
def test_addresses_match_whole_or_by_path(name, raw, found):
    meta = {
        "profile": ["http://acme.org/fhir/ValueSet/123"],
        "tag": [{"system": "urn:t", "code": "x"}],
        "security": [{"code": "R"}],
        "source": "urn:a:b",
    }
    assert matches(observed(meta=meta), name, raw) is found


PRESSURE = observed(
    code={"coding": [{"system": "http://loinc.org", "code": "85354-9"}]},
    component=[
        {"code": {"coding": [{"code": "8480-6"}]}, "valueQuantity": {"value": 140, "code": "mm[Hg]"}},
        {"code": {"coding": [{"code": "8462-4"}]}, "valueQuantity": {"value": 80, "code": "mm[Hg]"}},
    ],
)
COMPOSITES = [
    ("component-code-value-quantity", "8480-6$gt130", True),
    ("component-code-value-quantity", "8462-4$gt130", False),  # each part of the same component
    ("component-code-value-quantity", "8462-4$80||mm[Hg]", True),
    ("combo-code-value-quantity", "8480-6$gt130", True),
    ("code-value-quantity", "85354-9$gt130", False),
    ("code-value-quantity:missing", "true", True),
    ("component-code-value-quantity", "1-1$1,8462-4$lt100", True),
    ("combo-code", "8480-6", True),
    ("combo-code", "85354-9", True),
    ("component-code", "85354-9", False),
]


@pytest.mark.parametrize(("name", "raw", "found"), COMPOSITES)
def test_composites_look_at_parts_that_stand_together(name, raw, found):
    assert matches(PRESSURE, name, raw) is found


def test_the_relation_of_documents_is_a_composite_in_the_order_of_its_name():
    later = {
        "resourceType": "DocumentReference",
        "relatesTo": [{"code": "replaces", "target": {"reference": "DocumentReference/1"}}],
    }
    assert matches(later, "relationship", "DocumentReference/1$replaces")
    assert not matches(later, "relationship", "DocumentReference/1$appends")


def test_a_part_may_stand_in_another_place_of_the_resource():
    sequence = {
        "resourceType": "MolecularSequence",
        "referenceSeq": {"chromosome": {"coding": [{"code": "1"}]}, "windowStart": 5, "windowEnd": 9},
        "variant": [{"start": 6, "end": 7}],
    }
    assert matches(sequence, "chromosome-variant-coordinate", "1$gt5$lt8")
    assert not matches(sequence, "chromosome-variant-coordinate", "2$gt5$lt8")


CLINIC = {"resourceType": "Location", "position": {"latitude": 42.2565, "longitude": -83.6945}}
NEAR = [
    ("42.2565|-83.6945", True),
    ("42.2565|-83.8|1|km", False),
    ("42.2565|-83.8|10|km", True),
    ("42.2565|-83.8|10000|m", True),
    ("42.2565|-83.8|5|[mi_i]", False),
    ("42.2565|-83.8|9", True),
]


@pytest.mark.parametrize(("raw", "found"), NEAR)
def test_places_are_near_by_distance(raw, found):
    assert matches(CLINIC, "near", raw) is found


def test_what_us_core_adds_is_searched():
    race = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race"
    person = {
        "resourceType": "Patient",
        "extension": [{"url": race, "extension": [{"url": "ombCategory", "valueCoding": {"code": "2106-3"}}]}],
    }
    assert matches(person, "race", "2106-3")
    assert matches(person, "race", "urn:oid:2.16.840.1.113883.6.238|2106-3")
    assert matches(person, "ethnicity:missing", "true")
    asserted = "http://hl7.org/fhir/StructureDefinition/condition-assertedDate"
    problem = {"resourceType": "Condition", "extension": [{"url": asserted, "valueDateTime": "2026-05-03"}]}
    assert matches(problem, "asserted-date", "2026-05")


# --- Together ----------------------------------------------------------------------------------------
def test_a_comma_widens_and_a_repeated_name_narrows():
    assert matches(GLUCOSE, "code", "1-1,2345-7")
    assert not matches(GLUCOSE, "code", "1-1", "2345-7")
    assert matches(observed(effectiveDateTime="2013-05-01"), "date", "ge2013-05", "lt2013-06")
    assert not matches(observed(effectiveDateTime="2013-06-01"), "date", "ge2013-05", "lt2013-06")


def test_escaped_marks_are_text():
    told = observed(valueString=r"a,b|c$d\e", code={"coding": [{"system": "s|1", "code": "x,y"}]})
    assert matches(told, "value-string:exact", r"a\,b\|c\$d\\e")
    assert matches(told, "code", r"s\|1|x\,y")
    assert matches(told, "code-value-string", r"x\,y$a\,b\|c\$")
    assert not matches(told, "value-string:exact", "a,b")


# --- Refusals ----------------------------------------------------------------------------------------
UNSUPPORTED = [
    ("Observation", "code:in", "http://vs.example", "code"),
    ("Observation", "code:below", "123", "separated by commas"),
    ("Observation", "colour", "red", "colour"),
    ("Observation", "cod", "1", "“code”"),
    ("Observation", "subject:Medication", "1", "Device, Group, Location, Patient"),
    ("Observation", "_text", "x", "narratives"),
    ("Observation", "date:exact", "2020", "date"),
    ("Patient", "phonetic", "x", "phonetic"),
    ("Nothing", "code", "x", "Nothing"),
]


@pytest.mark.parametrize(("kind", "name", "raw", "said"), UNSUPPORTED)
def test_what_is_not_offered_is_refused_by_name(kind, name, raw, said):
    with pytest.raises(Unsupported) as refusal:
        parse(kind, name, [raw])
    assert said in str(refusal.value)


UNREADABLE = [
    ("Observation", "date", "yesterday"),
    ("Observation", "date", "2013-13"),
    ("Observation", "date", "2013-02-30"),
    ("Observation", "date", "ge"),
    ("Observation", "date", "0000"),
    ("Observation", "code", ""),
    ("Observation", "code", "a,"),
    ("Observation", "code", "|"),
    ("Observation", "code:missing", "maybe"),
    ("Observation", "value-quantity", "5|mg"),
    ("Observation", "value-quantity", "five"),
    ("Observation", "code-value-quantity", "2345-7"),
    ("Observation", "code-value-quantity", "2345-7$"),
    ("Patient", "identifier:of-type", "MR|1"),
    ("RiskAssessment", "probability", "0x10"),
    ("RiskAssessment", "probability", "NaN"),
    ("Observation", "_profile:below", "urn:oid:1.2"),
    ("Observation", "subject:Patient", "Group/1"),
    ("Location", "near", "100|0"),
    ("Location", "near", "1e999|0"),
    ("Location", "near", "1|2|3|leagues"),
]


@pytest.mark.parametrize(("kind", "name", "raw"), UNREADABLE)
def test_what_cannot_be_read_is_refused_with_what_is_expected(kind, name, raw):
    with pytest.raises(BadValue) as refusal:
        parse(kind, name, [raw])
    assert f"“{name.partition(':')[0]}" in str(refusal.value)


def test_more_values_than_are_compared_at_once_are_refused():
    assert parse("Observation", "code", [",".join(["a"] * 1000)])
    with pytest.raises(BadValue, match="1,000 values"):
        parse("Observation", "code", ["a,b"] * 501)
