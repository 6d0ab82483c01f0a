"""Readable means a person's words: displays, units, dates; a line for every type, a general one for the rest."""

import re
from decimal import Decimal

import pytest

from ehr.lines import codes, dates, sentences, units, values
from ehr.r4 import definitions, references

CODE = re.compile(r"^(?:\d{4,}|\d+-\d|[A-Z]\d\d(?:\.\w+)?|LA\d+-\d|LP\d+-\d|[a-z]+(?:-[a-z]+)+)$")
LOINC = "http://loinc.org"


def result(**changes) -> dict:
    code = {"coding": [{"system": LOINC, "code": "2345-7", "display": "Glucose [Mass/volume] in Serum or Plasma"}]}
    found = {"value": Decimal("92.0"), "unit": "mg/dL", "system": "http://unitsofmeasure.org", "code": "mg/dL"}
    usual = [{"low": {"value": 70, "unit": "mg/dL"}, "high": {"value": 99, "unit": "mg/dL"}}]
    whole = {
        "resourceType": "Observation",
        "status": "final",
        "code": code,
        "valueQuantity": found,
        "referenceRange": usual,
        "effectiveDateTime": "2026-05-03",
    }
    return {name: value for name, value in (whole | changes).items() if value is not None}


def texts(line) -> list[str]:
    return [line.title, line.detail, line.date, line.status, line.value, line.unit, line.range_text, line.abnormal_word]


def test_every_resource_of_synthea_and_us_core_has_its_own_line(records):
    types = {resource["resourceType"] for record in records for resource in record}
    assert types <= set(sentences.LINES)


def test_no_line_shows_what_only_machines_read(records):
    for record in records:
        known = {references.name_of(resource): resource for resource in record}
        for resource in record:
            line = sentences.line(resource, known)
            for words in texts(line):
                assert not re.search(r"urn:|https?://|\bNone\b(?!\.)|\{|\}|​|</?[a-z]", words), (words, resource)
            assert line.title.strip(), resource
            assert not CODE.match(line.title), line.title
            assert not CODE.match(line.value) or re.fullmatch(r"\d{4,}", line.value), line.value


def test_a_reference_nobody_can_name_is_left_out_and_a_named_one_is_said():
    doctor = {"resourceType": "Practitioner", "id": "d", "name": [{"prefix": ["Dr."], "family": "Żak"}]}
    visit = {
        "resourceType": "Encounter",
        "status": "finished",
        "class": {"code": "AMB"},
        "participant": [{"individual": {"reference": "Practitioner/d"}}],
        "serviceProvider": {"reference": "Organization/o"},
        "period": {"start": "2026-05-03"},
    }
    assert sentences.line(visit).detail == ""
    assert sentences.line(visit, {references.name_of(doctor): doctor}).detail == "Dr. Żak"
    visit["serviceProvider"]["display"] = "City Hospital"
    assert sentences.line(visit).detail == "City Hospital"


def test_no_line_shows_a_bare_code_of_its_resource(records):
    for record in records:
        for resource in record:
            line = sentences.line(resource)
            for bare in bare_codes(resource):
                assert bare not in re.split(r"[\s·,;:()]+", " ".join(texts(line))), (bare, line)


def bare_codes(value: object):
    """Yield the codes that came without words and could be taken for nothing else."""
    if isinstance(value, dict):
        code, said = value.get("code"), value.get("display") or value.get("unit")
        if isinstance(code, str) and not said and "system" in value and len(code) > 3 and not code.islower():
            yield code
        for item in value.values():
            yield from bare_codes(item)
    elif isinstance(value, list):
        for item in value:
            yield from bare_codes(item)


def test_every_type_r4_has_gets_a_line_even_empty():
    for kind in definitions.resource_types():
        assert sentences.line({"resourceType": kind}).title


def test_an_unknown_type_gets_a_general_line():
    line = sentences.line({"resourceType": "NutritionOrder", "status": "active", "dateTime": "2026-05-03"})
    assert (line.title, line.status) == ("Nutrition order", "Active")


def test_a_result_says_what_how_much_and_what_is_usual():
    line = sentences.line(result())
    assert texts(line) == ["Glucose (blood sugar)", "", "3 May 2026", "", "92.0", "mg/dL", "usual: 70–99", ""]


@pytest.mark.parametrize(
    ("amount", "code", "word"),
    [("69", None, "Low"), ("70", None, ""), ("99", None, ""), ("99.1", None, "High"), ("92", "HH", "Critically high")],
)
def test_abnormal_is_a_word(amount, code, word):
    said = [{"coding": [{"code": code}]}] if code else None
    quantity = {"value": Decimal(amount), "unit": "mg/dL"}
    assert sentences.line(result(valueQuantity=quantity, interpretation=said)).abnormal_word == word


def test_a_range_in_another_unit_calls_nothing_abnormal():
    usual = [{"high": {"value": 6, "unit": "mmol/L"}}]
    line = sentences.line(result(referenceRange=usual))
    assert (line.abnormal_word, line.range_text) == ("", "usual: up to 6 mmol/L")


def test_what_the_laboratory_called_normal_is_not_called_high():
    said = [{"coding": [{"code": "N"}]}]
    assert (
        sentences.line(result(valueQuantity={"value": 120, "unit": "mg/dL"}, interpretation=said)).abnormal_word == ""
    )


def test_blood_pressure_is_written_as_everybody_writes_it():
    pressure = [
        {
            "code": {"coding": [{"system": LOINC, "code": code}]},
            "valueQuantity": {"value": Decimal(n), "code": "mm[Hg]"},
        }
        for code, n in (("8462-4", "79.6"), ("8480-6", "120.2"))
    ]
    line = sentences.line(result(valueQuantity=None, component=pressure, referenceRange=None))
    assert (line.value, line.unit) == ("120/80", "mmHg")


def test_a_missing_value_says_why():
    line = sentences.line(result(valueQuantity=None, dataAbsentReason={"text": "Not performed"}))
    assert line.value == "No value (not performed)"


def test_a_prescription_says_how_to_take_it():
    dose = {"timing": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}}}
    dose["doseAndRate"] = [{"doseQuantity": {"value": 1, "unit": "tablet"}}]
    pill = {
        "resourceType": "MedicationRequest",
        "status": "active",
        "medicationCodeableConcept": {"text": "24 HR Metformin hydrochloride 500 MG Extended Release Oral Tablet"},
        "dosageInstruction": [dose],
        "reasonCode": [{"text": "Diabetes"}],
        "requester": {"display": "Dr. Inês Sá"},
        "authoredOn": "2026-05",
    }
    line = sentences.line(pill)
    assert line.title == "24 hour Metformin hydrochloride 500 mg extended release oral tablet"
    assert line.detail == "1 tablet, 2 times a day · for Diabetes · prescribed by Dr. Inês Sá"
    assert (line.date, line.status) == ("May 2026", "Taken now")


def test_a_medicine_is_named_through_a_reference():
    pill = {
        "resourceType": "MedicationRequest",
        "status": "active",
        "medicationReference": {"reference": "Medication/m"},
    }
    known = {"Medication/m": {"resourceType": "Medication", "id": "m", "code": {"text": "Aspirin"}}}
    assert sentences.line(pill, known).title == "Aspirin"
    assert sentences.line(pill, known.get).title == "Aspirin"
    assert sentences.line(pill).title == "A medicine that was not named"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026", "2026"),
        ("2026-05", "May 2026"),
        ("2026-05-03", "3 May 2026"),
        ("2026-05-03T09:30:00Z", "3 May 2026"),
        ("yesterday", ""),
        (None, ""),
    ],
)
def test_a_date_is_written_for_people(written, read):
    assert dates.day(written) == read


def test_dates_of_any_precision_sort_in_order():
    written = ["", "2025", "2026", "2026-05", "2026-05-03", "2026-05-03T09:30:00+02:00", "2026-05-03T09:30:00Z"]
    assert sorted(written, key=dates.sortable) == written


@pytest.mark.parametrize(
    ("quantity", "words"),
    [
        ({"code": "mm[Hg]", "unit": "mm[Hg]"}, "mmHg"),
        ({"code": "10*3/uL"}, "thousand per µL"),
        ({"code": "{score}"}, "points"),
        ({"code": "mL/min/{1.73_m2}"}, "mL/min per 1.73 m²"),
        ({"code": "/min", "unit": "breaths per minute"}, "breaths per minute"),
        ({"code": "d", "value": 1}, "day"),
        ({"code": "d", "value": 3}, "days"),
        ({"code": "1", "unit": "T-Score"}, "T-Score"),
        ({"code": "ug/L"}, "µg/L"),
        ({"unit": "mg/dL"}, "mg/dL"),
        ({}, ""),
    ],
)
def test_a_unit_is_in_words_and_signs_people_know(quantity, words):
    assert units.unit(quantity) == words


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("1.50", "1.50"),
        ("7.0", "7.0"),
        ("152.41110144377078", "152.4"),
        ("0.00512345", "0.005123"),
        ("-3", "−3"),
        ("5", "5"),
    ],
)
def test_a_number_keeps_what_was_meant_and_loses_its_tail(sent, shown):
    assert values.number(Decimal(sent)) == shown


@pytest.mark.parametrize(
    ("display", "words"),
    [
        ("Anemia (disorder)", "Anemia"),
        (
            "Alanine aminotransferase [Enzymatic activity/​volume] in Serum or Plasma",
            "Alanine aminotransferase in Serum or Plasma",
        ),
        ("Total score [MMSE]", "Total score [MMSE]"),
        ("Vancomycin [Mass/volume] in Serum or Plasma --trough", "Vancomycin in Serum or Plasma, trough"),
        (
            "Glucose [Mass/volume] in Serum or Plasma --2 hours post meal",
            "Glucose in Serum or Plasma, 2 hours post meal",
        ),
        ("viral sinusitis", "Viral sinusitis"),
        ("mRNA vaccine", "mRNA vaccine"),
        ("UROBILINOGEN", "Urobilinogen"),
    ],
)
def test_a_display_is_cleaned_of_what_only_machines_read(display, words):
    assert codes.plain(display) == words


def test_a_bare_code_is_never_shown():
    assert (
        codes.concept({"coding": [{"system": "http://snomed.info/sct", "code": "38341003"}]}, "something")
        == "something"
    )
    assert codes.concept({"text": "38341003", "coding": [{"code": "38341003"}]}) == ""


def test_hl7s_own_codes_have_words():
    active = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]}
    assert codes.concept(active) == "Active"
