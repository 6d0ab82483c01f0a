"""Odd but valid days and numbers: one of them must never keep a whole record from being read."""

import re
from decimal import Decimal
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from ehr.lines import chart, dates, sentences
from tests.r4 import made

DAY = re.compile(r"\d{4}(-\d\d(-\d\d(T.*)?)?)?")
ZONES = ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago", "America/New_York"]
LAST, FIRST = "9999-12-31T23:59:59-05:00", "0001-01-01T00:00:00+01:00"
ODD_DAYS = st.one_of(
    st.sampled_from([LAST, FIRST, "9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00Z", "0001", "9999-12"]),
    st.sampled_from(["2016-12-31T23:59:60Z", "2024-02-29", "1900-01-01T00:00:00+14:00", "2026-11-01T01:30:00-04:00"]),
    st.builds(
        "{}T{}{}".format,
        st.dates().map(str),
        st.times().map(lambda at: at.isoformat("microseconds")),
        st.sampled_from(["Z", "+14:00", "-12:00", "+05:45"]),
    ),
)
ODD_NUMBERS = st.one_of(
    st.sampled_from(
        [Decimal("12345678901234567890123456789.12345"), Decimal("-0.000"), Decimal("1e-999999"), Decimal("1.5e308")]
    ),
    st.floats(allow_nan=False, allow_infinity=False).map(lambda one: Decimal(repr(one))),
    st.integers(-(10**30), 10**30),
)


@pytest.fixture(scope="module")
def samples() -> list[dict]:
    """Return resources of every type that has a line of its own, and of two without, with something everywhere."""
    kinds = [*sorted(sentences.LINES), "NutritionOrder", "RiskAssessment"]
    return [one for kind in kinds for one in made.resources(kind)]


def changed(value: object, day: str, number: object) -> object:
    """Return a copy in which every day and every decimal number is another."""
    if isinstance(value, dict):
        return {name: changed(one, day, number) for name, one in value.items()}
    if isinstance(value, list):
        return [changed(one, day, number) for one in value]
    if isinstance(value, Decimal):
        return number
    return day if isinstance(value, str) and DAY.fullmatch(value) else value


def measured(day: str, amount: object) -> dict:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "Glucose"},
        "effectiveDateTime": day,
        "valueQuantity": {"value": amount, "unit": "mg/dL"},
    }


@given(which=st.integers(0, 1_000), day=ODD_DAYS, number=ODD_NUMBERS, zone=st.sampled_from(ZONES))
def test_every_resource_has_a_line_whatever_day_and_number_it_names(samples, which, day, number, zone):
    resource = changed(samples[which % len(samples)], day, number)
    with timezone.override(ZoneInfo(zone)):
        assert sentences.line(resource).title


@given(st.lists(st.tuples(ODD_DAYS, ODD_NUMBERS), min_size=2, max_size=6), st.sampled_from(ZONES))
def test_a_chart_is_drawn_whatever_days_and_numbers_its_results_name(results, zone):
    entries = [SimpleNamespace(resource={"id": str(n), **measured(*one)}) for n, one in enumerate(results)]
    with timezone.override(ZoneInfo(zone)):
        [result] = chart.build(entries).results
        assert "nan" not in str(result.trend)
    assert len(result.items) == len(results)


@pytest.mark.parametrize(("sent", "shown"), [(LAST, "31 December 9999"), (FIRST, "1 January 0001")])
def test_a_time_beside_the_calendar_is_shown_as_its_plain_day(sent, shown):
    assert dates.day(sent) == dates.moment(sent) == shown


@pytest.mark.parametrize("zone", ZONES)
def test_times_beside_the_calendar_sort_first_and_last(zone):
    with timezone.override(ZoneInfo(zone)):
        assert sorted([LAST, "2026-05-03T09:30:00Z", FIRST], key=dates.sortable)[::2] == [FIRST, LAST]


def test_a_number_beyond_all_measures_is_told_and_not_drawn():
    amounts = [("2026-01-01", 90), ("2026-01-02", Decimal("1e300"))]
    [result] = chart.build([SimpleNamespace(resource=measured(*one)) for one in amounts]).results
    assert result.latest.line.value == "1E+300"
    assert result.trend == ""
