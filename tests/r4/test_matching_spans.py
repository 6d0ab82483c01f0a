"""Dates, numbers, quantities and strings in a search, rule by rule. Source of each vector: FHIR R4 search.html."""

from datetime import UTC, datetime

import pytest

from ehr.r4 import search
from ehr.r4.matching import parse

from .asking import HERE, matches, observed

UCUM = "http://unitsofmeasure.org"


# --- date ------------------------------------------------------------------------------------------
def on(written: str) -> dict:
    return observed(effectiveDateTime=written)


def during(start: str = "", end: str = "") -> dict:
    return observed(effectivePeriod={name: text for name, text in (("start", start), ("end", end)) if text})


DATES = [
    # the table of examples
    ("eq2013-01-14", on("2013-01-14T00:00:00Z"), True),
    ("eq2013-01-14", on("2013-01-14T10:00:00Z"), True),
    ("eq2013-01-14", on("2013-01-15T00:00:00Z"), False),
    ("ne2013-01-14", on("2013-01-15T00:00:00Z"), True),
    ("ne2013-01-14", on("2013-01-14T00:00:00Z"), False),
    ("ne2013-01-14", on("2013-01-14T10:00:00Z"), False),
    ("lt2013-01-14T10:00", on("2013-01-14"), True),
    ("gt2013-01-14T10:00", on("2013-01-14"), True),
    ("ge2013-03-14", during("2013-01-21"), True),
    ("le2013-03-14", during("2013-01-21"), True),
    ("sa2013-03-14", during("2013-03-15"), True),
    ("sa2013-03-14", during("2013-01-21"), False),
    ("sa2013-03-14", during(end="2013-01-21"), False),
    ("eb2013-03-14", during("2013-03-15"), False),
    ("eb2013-03-14", during("2013-01-21"), False),
    ("eb2013-03-14", during(end="2013-01-21"), True),
    ("ap2013-03-14", on("2013-03-14"), True),
    ("ap2013-03-14", on("2015-06-15"), False),
    # the search's span has to hold all of the entry's
    ("2013-01", on("2013-01-14"), True),
    ("2013-01-14", on("2013-01"), False),
    ("2013", during("2013-02-01", "2013-03-01"), True),
    ("2013", during("2012-12-31", "2013-03-01"), False),
    ("gt2013", on("2013"), False),
    ("ge2013", on("2013"), True),
    ("le2013-12", on("2013-12-31T23:59:59.999Z"), True),
    ("lt2013-12-31", on("2013-12-31T00:00:00Z"), False),
    ("gt2013-12-31", on("2014"), True),
    # precision, zones, years' ends
    ("2013-01-14T10:00", on("2013-01-14T10:00:59Z"), True),
    ("2013-01-14T10:00:00Z", on("2013-01-14T10:00:00.75Z"), True),
    ("2013-01-14T10:00:00.7Z", on("2013-01-14T10:00:00.75Z"), True),
    ("2013-01-14T10:00:00+02:00", on("2013-01-14T08:00:00Z"), True),
    ("2013-01-14T10:00:00 02:00", on("2013-01-14T08:00:00Z"), True),  # a plus sign that nobody escaped
    ("2013-01-14", on("2013-01-15T01:00:00+02:00"), True),
    ("2013-12", on("2013-12-31"), True),
    ("9999", on("9999-12-31"), True),
    ("eb9999-12-31", on("9999-12-30"), True),
]


@pytest.mark.parametrize(("raw", "resource", "found"), DATES)
def test_dates_are_spans(raw, resource, found):
    assert matches(resource, "date", raw) is found


def test_a_timing_counts_with_its_outer_limits():
    repeated = observed(effectiveTiming={"event": ["2013-03-24", "2013-01-31"], "repeat": {"frequency": 1}})
    assert matches(repeated, "date", "sa2013-01-30")
    assert matches(repeated, "date", "eb2013-03-25")
    bounded = observed(effectiveTiming={"repeat": {"boundsPeriod": {"start": "2013-02-01"}}})
    assert matches(bounded, "date", "gt2020")


def test_an_instant_is_a_point_in_any_precision():
    report = {"resourceType": "DiagnosticReport", "issued": "2013-01-14T10:00:00Z"}
    assert matches(report, "issued", "2013-01-14T10:00:00.000Z")
    assert matches(report, "issued", "lt2013-01-14T10:00:00.001Z")
    assert not matches(report, "issued", "gt2013-01-14T10:00:00Z")


def test_last_updated_is_when_the_entry_was_written():
    index = search.written(search.values(on("2013")), datetime(2026, 5, 3, 10, tzinfo=UTC))
    assert parse("Observation", "_lastUpdated", ["gt2026-05-02"]).matches(index)
    assert not parse("Observation", "_lastUpdated", ["eq2026-05-04"]).matches(index)


def test_about_a_date_reaches_a_tenth_of_the_way_to_now():
    criterion = parse("Observation", "date", ["ap2016-11-21"], HERE)  # ten years ago: a year either way
    assert criterion.matches(search.values(on("2017-11-01")))
    assert not criterion.matches(search.values(on("2017-12-01")))


# --- number and quantity -----------------------------------------------------------------------------
def risk(probability: float) -> dict:
    return {"resourceType": "RiskAssessment", "prediction": [{"probabilityDecimal": probability}]}


NUMBERS = [
    ("100", 99.5, True),
    ("100", 100.5, False),
    ("100", 99.4, False),
    ("100.00", 99.995, True),
    ("100.00", 100.005, False),
    ("100.00", 99.99, False),
    ("1e2", 95, True),
    ("1e2", 105, False),
    ("1e2", 94.9, False),
    ("1.00e2", 99.5, True),
    ("1.00e2", 100.5, False),
    ("lt100", 99.9999, True),
    ("lt100", 100, False),
    ("le100", 100, True),
    ("le100", 100.001, False),
    ("gt100", 100, False),
    ("gt100", 100.001, True),
    ("ge100", 100, True),
    ("ge100", 99.999, False),
    ("ne100", 100.4, False),
    ("ne100", 100.5, True),
    ("sa100", 100.001, True),
    ("sa100", 100, False),
    ("eb100", 99.999, True),
    ("eb100", 100, False),
    ("ap100", 109, True),
    ("ap100", 111, False),
    ("ap-100", -91, True),
    ("gt8e-1", 0.81, True),
    ("gt0.8", 0.8, False),
]


@pytest.mark.parametrize(("raw", "value", "found"), NUMBERS)
def test_numbers_mean_what_their_digits_say(raw, value, found):
    assert matches(risk(value), "probability", raw) is found


def measured(value: float, code: str = "mg", unit: str = "milligram", system: str = UCUM, **more) -> dict:
    return observed(valueQuantity={"value": value, "code": code, "unit": unit, "system": system, **more})


QUANTITIES = [
    (f"5.4|{UCUM}|mg", measured(5.4), True),
    (f"5.4|{UCUM}|mg", measured(5.35), True),
    (f"5.4|{UCUM}|mg", measured(5.45), False),
    (f"5.4|{UCUM}|g", measured(5.4), False),
    (f"5.4|{UCUM}|MG", measured(5.4), False),
    (f"5.4|{UCUM}|", measured(5.4), True),
    ("5.4|http://other.example|mg", measured(5.4), False),
    ("5.4||mg", measured(5.4), True),
    ("5.4||milligram", measured(5.4), True),
    ("5.4||gram", measured(5.4), False),
    ("5.4", measured(5.4, code="g"), True),
    (f"5.40e-3|{UCUM}|g", measured(0.0054, code="g"), True),
    (f"5.40e-3|{UCUM}|g", measured(0.00541, code="g"), False),
    (f"le5.4|{UCUM}|mg", measured(5.4), True),
    (f"lt5.4|{UCUM}|mg", measured(5.4), False),
    (f"ap5.4|{UCUM}|mg", measured(5.9), True),
    (f"ap5.4|{UCUM}|mg", measured(6.0), False),
    # "less than 5" is anything below
    ("lt2", measured(5, comparator="<"), True),
    ("gt5", measured(5, comparator="<"), False),
    ("gt100", measured(5, comparator=">="), True),
    ("eq5", measured(5, comparator=">="), False),
]


@pytest.mark.parametrize(("raw", "resource", "found"), QUANTITIES)
def test_quantities_compare_number_and_unit(raw, resource, found):
    assert matches(resource, "value-quantity", raw) is found


def test_a_range_is_a_span_of_numbers():
    aged = {"resourceType": "Condition", "onsetRange": {"low": {"value": 40, "code": "a"}, "high": {"value": 50}}}
    assert matches(aged, "onset-age", "gt45")
    assert matches(aged, "onset-age", "ge50||a")
    assert matches(aged, "onset-age", "sa39")
    assert not matches(aged, "onset-age", "45")
    assert not matches(aged, "onset-age", "eb50")


def test_money_is_a_quantity_of_a_currency():
    bill = {"resourceType": "Invoice", "totalGross": {"value": 12.5, "currency": "EUR"}}
    assert matches(bill, "totalgross", "12.5|urn:iso:std:iso:4217|EUR")
    assert not matches(bill, "totalgross", "12.5|urn:iso:std:iso:4217|USD")


# --- string ----------------------------------------------------------------------------------------
ANA = {
    "resourceType": "Patient",
    "name": [{"family": "Carreño Quiñones-O’Neill", "given": ["Evelyn"], "text": "Dr. Evelyn Carreño"}],
    "address": [{"line": ["12, High  Street"], "city": "Straße", "use": "home"}],
}
STRINGS = [
    ("given", "eve", True),
    ("given", "EVE", True),
    ("given", "Evelyns", False),
    ("given", "lyn", False),
    ("given:contains", "LYN", True),
    ("given:exact", "Evelyn", True),
    ("given:exact", "evelyn", False),
    ("given:exact", "Eve", False),
    ("family", "carreno", True),
    ("family", "CARREÑO", True),
    ("family", "quinones", True),  # parts of a family name stand on their own
    ("family", "oneill", True),
    ("family", "o'neill", True),
    ("family", "uinones", False),
    ("family:exact", "Carreño Quiñones-O’Neill", True),
    ("family:exact", "Carreno Quinones-O'Neill", False),
    ("name", "evelyn carr", True),
    ("address", "12 high street", True),
    ("address", "strasse", True),
    ("address-city", "stra", True),
    ("name", "dr evelyn", True),
]


@pytest.mark.parametrize(("name", "raw", "found"), STRINGS)
def test_strings_match_without_case_accents_and_punctuation(name, raw, found):
    assert matches(ANA, name, raw) is found


def test_plain_strings_match_from_their_start_only():
    told = observed(valueString="Patient declined")
    assert matches(told, "value-string", "patient decl")
    assert not matches(told, "value-string", "declined")
