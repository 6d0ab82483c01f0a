"""A result says all that was found: its parts, its code where there are no words, and why there is nothing."""

from decimal import Decimal
from types import SimpleNamespace

import pytest

from ehr.lines import chart, sentences

LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
MASKED = {"extension": [{"url": ABSENT, "valueCode": "masked"}]}


def seen(**more) -> dict:
    return {"resourceType": "Observation", "status": "final", "code": {"text": "Saturation"}, **more}


def amount(value: str, unit: str, **more) -> dict:
    return {"valueQuantity": {"value": Decimal(value), "unit": unit}, **more}


def pressure(upper: str, lower: str, unit: str) -> list[dict]:
    pairs = (("8480-6", upper), ("8462-4", lower))
    return [amount(value, unit, code={"coding": [{"system": LOINC, "code": code}]}) for code, value in pairs]


OXYGEN = seen(**amount("95", "%"), component=[amount("2", "L/min", code={"text": "Oxygen flow"})])


def test_what_was_measured_beside_a_value_is_said():
    line = sentences.line(OXYGEN)
    assert (line.value, line.unit, line.beside, line.detail) == (
        "95",
        "%",
        "Oxygen flow 2 L/min",
        "Oxygen flow 2 L/min",
    )


def test_a_value_with_something_beside_it_is_drawn_with_those_without():
    plain = seen(**amount("93", "%"), effectiveDateTime="2026-01-01")
    entries = [SimpleNamespace(resource=one) for one in (OXYGEN | {"effectiveDateTime": "2026-01-02"}, plain)]
    [result] = chart.build(entries).results
    assert "The latest is 95 %." in result.trend


def test_a_part_without_a_name_is_said():
    assert sentences.line(seen(component=[amount("2", "L/min")])).value == "a part that was not named 2 L/min"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"coding": [{"system": SNOMED, "code": "260373001"}]}, "No words, only a code: SNOMED CT 260373001"),
        ({"coding": [{"system": "urn:own", "code": "P1"}]}, "No words, only a code: P1"),
        ({"coding": [{"code": "P1"}], "text": "P1"}, "No words, only a code: P1"),
        ({"coding": [{"system": SNOMED, "code": "260373001", "display": "Detected"}]}, "Detected"),
    ],
)
def test_a_coded_result_without_words_is_not_taken_for_none(value, words):
    assert sentences.line(seen(valueCodeableConcept=value)).value == words


@pytest.mark.parametrize(
    "more",
    [
        {"_valueString": MASKED},
        {"valueQuantity": MASKED},
        {"valueQuantity": {"_value": MASKED, "unit": "mg/dL"}},
        {"valueCodeableConcept": MASKED},
        {"dataAbsentReason": {"coding": [{"code": "masked", "display": "Masked"}]}},
    ],
)
def test_a_value_that_is_masked_says_so(more):
    assert sentences.line(seen(**more)).value == "No value (masked)"


def test_a_part_that_is_masked_says_so():
    line = sentences.line(seen(component=[{"code": {"text": "Oxygen flow"}, "_valueString": MASKED}]))
    assert line.value == "Oxygen flow no value (masked)"


@pytest.mark.parametrize(
    ("unit", "said"),
    [("kPa", ("16.0/10.6", "kPa")), ("mmHg", ("16/11", "mmHg"))],
)
def test_blood_pressure_loses_its_decimals_in_mmhg_alone(unit, said):
    line = sentences.line(seen(component=pressure("16.0", "10.6", unit)))
    assert (line.value, line.unit) == said


def test_blood_pressure_in_two_units_is_not_written_as_one():
    upper, lower = pressure("120", "10.6", "mmHg")
    lower["valueQuantity"]["unit"] = "kPa"
    line = sentences.line(seen(component=[upper, lower]))
    assert line.value == "Upper (systolic) 120 mmHg, Lower (diastolic) 10.6 kPa"
