"""A record as a chart: allergies first, what is over apart from what is not, results by test."""

import xml.etree.ElementTree as ET
from datetime import date
from decimal import Decimal
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from ehr.lines import chart, trend
from ehr.lines.trend import Point

SVG = "{http://www.w3.org/2000/svg}"


def opened(*resources: dict) -> list[SimpleNamespace]:
    return [SimpleNamespace(resource={"id": str(n), **one}) for n, one in enumerate(resources)]


def status(code: str) -> dict:
    return {"coding": [{"code": code}]}


def glucose(day: str, amount: int, **more) -> dict:
    quantity = {"value": Decimal(amount), "unit": "mg/dL"}
    code = {"coding": [{"system": "http://loinc.org", "code": "2345-7"}]}
    return {"resourceType": "Observation", "code": code, "effectiveDateTime": day, "valueQuantity": quantity, **more}


def point(day: int, amount: int) -> Point:
    return Point(date(2026, 1, day), Decimal(amount), str(amount), f"{day} January 2026")


def test_what_is_over_is_apart_from_what_is_not():
    found = chart.build(
        opened(
            {"resourceType": "Condition", "clinicalStatus": status("active"), "code": {"text": "Asthma"}},
            {"resourceType": "Condition", "clinicalStatus": status("resolved"), "code": {"text": "Sprain"}},
            {"resourceType": "MedicationRequest", "status": "active", "medicationCodeableConcept": {"text": "A"}},
            {"resourceType": "MedicationRequest", "status": "stopped", "medicationCodeableConcept": {"text": "B"}},
        )
    )
    titles = [[item.line.title for item in part] for part in (found.problems, found.past_problems)]
    assert titles == [["Asthma"], ["Sprain"]]
    assert [item.line.title for item in found.medicines + found.past_medicines] == ["A", "B"]


def test_no_known_allergies_is_said_only_where_somebody_wrote_it():
    none = {
        "resourceType": "AllergyIntolerance",
        "code": {"coding": [{"code": "716186003", "display": "No known allergy"}]},
    }
    peanuts = {"resourceType": "AllergyIntolerance", "code": {"text": "Peanuts"}}
    assert chart.build([]).no_known_allergies is False
    assert chart.build(opened(none)).no_known_allergies is True
    both = chart.build(opened(none, peanuts))
    assert (both.no_known_allergies, len(both.allergies)) == (False, 1)


def test_what_was_entered_in_error_stands_apart():
    found = chart.build(
        opened(
            glucose("2026-05-03", 92, status="entered-in-error"),
            {"resourceType": "Condition", "verificationStatus": status("entered-in-error"), "code": {"text": "Asthma"}},
            {"resourceType": "MedicationRequest", "status": "entered-in-error"},
            {"resourceType": "AllergyIntolerance", "verificationStatus": status("entered-in-error")},
        )
    )
    assert len(found.struck) == 4
    assert found.results + found.problems + found.medicines + found.past_medicines + found.allergies == []


def test_an_entry_that_did_not_open_is_counted_not_hidden():
    assert len(chart.build([SimpleNamespace(resource={})]).unreadable) == 1


def test_results_of_one_test_stand_together_newest_first():
    found = chart.build(opened(glucose("2026-01-02", 90), glucose("2026-05-03", 110), glucose("2025-01-01", 70)))
    [result] = found.results
    assert [item.line.value for item in result.items] == ["110", "90", "70"]
    assert result.latest.line.date == "3 May 2026"
    assert "3 values, 1 January 2025 to 3 May 2026" in result.trend


def coded(code: str, day: str, *, system: str = "http://loinc.org", **more) -> dict:
    """Return a result in mmol/L, without words for its test but for those of `more`."""
    concept = {"coding": [{"system": system, "code": code, **more}]}
    return glucose(day, 5, valueQuantity={"value": 5, "unit": "mmol/L"}, code=concept)


def test_a_trough_and_a_peak_are_two_tests():
    name, when = "Vancomycin [Mass/volume] in Serum or Plasma --", {"4092-3": "trough", "4090-7": "peak"}
    found = chart.build(opened(*(coded(code, "2026-01-02", display=name + said) for code, said in when.items())))
    assert {result.name for result in found.results} == {
        "Vancomycin in Serum or Plasma, trough",
        "Vancomycin in Serum or Plasma, peak",
    }


def test_tests_without_words_are_told_apart_by_their_codes():
    found = chart.build(
        opened(coded("1111-1", "2026-01-02"), coded("2222-2", "2026-01-03"), coded("1111-1", "2026-01-04"))
    )
    assert sorted(len(result.items) for result in found.results) == [1, 2]


def test_one_code_of_two_systems_is_two_tests():
    found = chart.build(opened(coded("7", "2026-01-02", system="urn:a"), coded("7", "2026-01-03", system="urn:b")))
    assert len(found.results) == 2


def test_results_with_neither_words_nor_codes_are_drawn_on_no_line():
    found = chart.build(opened(glucose("2026-01-02", 5, code={}), glucose("2026-01-03", 9, code={})))
    assert [len(result.items) for result in found.results] == [1, 1]


def test_of_several_results_on_one_day_the_trend_ends_with_the_latest():
    found = chart.build(opened(glucose("2026-01-02T20:00:00Z", 40), glucose("2026-01-02T08:00:00Z", 71)))
    [result] = found.results
    assert result.latest.line.value == "40"
    assert "The latest is 40 mg/dL." in result.trend


def test_of_two_results_at_one_moment_table_and_trend_name_the_same_as_the_latest():
    [result] = chart.build(opened(glucose("2026-01-02", 40), glucose("2026-01-02", 71))).results
    assert f"The latest is {result.latest.line.value} mg/dL." in result.trend


def test_results_in_different_units_are_not_drawn_on_one_line():
    other = glucose("2026-02-02", 5, valueQuantity={"value": 5, "unit": "mmol/L"})
    assert len(chart.build(opened(glucose("2026-01-02", 90), other)).results) == 2


def test_every_record_becomes_a_chart_and_nothing_is_lost(records):
    for record in records:
        found = chart.build([SimpleNamespace(resource=one) for one in record])
        lists = [part for part in vars(found).values() if isinstance(part, list)]
        placed = sum(len(result.items) for result in found.results) + sum(
            len(part) for part in lists if part is not found.results
        )
        stated = sum(1 for one in record if found.no_known_allergies and one["resourceType"] == "AllergyIntolerance")
        assert placed + stated == len(record)


def test_a_trend_is_a_picture_with_words():
    svg = trend.svg([point(1, 80), point(9, 120)], name="Glucose", unit="mg/dL", low=Decimal(70), high=Decimal(99))
    root = ET.fromstring(svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" '))
    title, description = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
    assert title.text == "Glucose: 2 values, 1 January 2026 to 9 January 2026"
    assert description.text == "Between 80 and 120 mg/dL. The latest is 120 mg/dL. Usual is 70 to 99."


def test_one_value_is_no_trend():
    assert trend.svg([point(1, 80)], name="Glucose") == ""


@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc"])),
    st.lists(st.tuples(st.integers(1, 28), st.decimals(-(10**6), 10**6, places=2)), min_size=2, max_size=80),
)
def test_no_name_and_no_number_breaks_the_picture(name, pairs):
    points = [Point(date(2026, 1, day), amount, str(amount), "x") for day, amount in pairs]
    svg = trend.svg(points, name=name, unit=name)
    root = ET.fromstring(svg)
    assert {element.tag for element in root.iter()} <= {"svg", "title", "desc", "rect", "polyline", "circle"}
    assert not any(attribute.startswith("on") or attribute == "style" for e in root.iter() for attribute in e.attrib)
    for pair in root.find("polyline").get("points").split():
        x, y = map(float, pair.split(","))
        assert 0 <= x <= trend.WIDTH
        assert 0 <= y <= trend.HEIGHT
