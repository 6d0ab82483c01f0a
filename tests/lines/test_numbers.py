"""Numbers as people read them: a dose is what was sent, a result as near as people need, and never nothing."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ehr.lines import sentences, values
from ehr.r4 import text

DECIMALS = st.one_of(
    st.decimals(-(10**9), 10**9, allow_nan=False, allow_infinity=False),
    st.decimals(-10, 10, allow_nan=False, allow_infinity=False, places=7),
    st.floats(allow_nan=False, allow_infinity=False).map(lambda one: Decimal(repr(one))),
    st.integers(-(10**40), 10**40).map(Decimal),
)


def pill(amount: object) -> dict:
    return {
        "resourceType": "MedicationRequest",
        "status": "active",
        "medicationCodeableConcept": {"text": "Digoxin"},
        "dosageInstruction": [{"doseAndRate": [{"doseQuantity": {"value": amount, "unit": "mg"}}]}],
    }


def read(shown: str) -> Decimal:
    return Decimal(shown.replace("−", "-"))


@pytest.mark.parametrize("amount", ["0.0625", "0.0125", "0.0004", "0.00000025", "1000.12345", "0.30000000000000004"])
def test_a_dose_is_shown_as_it_was_sent(amount):
    assert sentences.line(pill(Decimal(amount))).detail == f"{amount} mg"


def test_a_range_of_doses_is_shown_as_it_was_sent():
    between = {"low": {"value": Decimal("0.0625"), "unit": "mg"}, "high": {"value": Decimal("0.1875"), "unit": "mg"}}
    line = sentences.line(pill(1) | {"dosageInstruction": [{"doseAndRate": [{"doseRange": between}]}]})
    assert line.detail == "0.0625–0.1875 mg"


def test_what_a_pharmacy_handed_out_is_shown_as_it_was_sent():
    handed = {"resourceType": "MedicationDispense", "quantity": {"value": Decimal("0.0625"), "unit": "mL"}}
    assert sentences.line(handed).detail == "handed out: 0.0625 mL"


@given(DECIMALS)
def test_whatever_dose_was_sent_is_the_dose_that_is_shown(amount):
    shown = sentences.line(pill(amount)).detail.removesuffix(" mg")
    assert read(shown) == amount


@given(DECIMALS)
def test_a_result_is_shown_within_half_a_percent_and_is_zero_only_where_it_is(amount):
    shown = read(values.number(amount))
    assert bool(shown) == bool(amount)
    assert abs(shown - amount) <= abs(amount) * Decimal("0.005")


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("0.0003", "0.0003"),
        ("37.123456789", "37.12"),
        ("6.299999999", "6.3"),
        ("99.99999", "100"),
        ("1.0250", "1.025"),
        ("123456.789", "123456.8"),
        ("1E+3", "1000"),
        ("12345678901234567890123456789.12345", "12345678901234567890123456789.1"),
    ],
)
def test_only_a_long_tail_is_rounded(sent, shown):
    assert values.number(Decimal(sent)) == shown


@pytest.mark.parametrize("sent", ["1e-999999", "1.5e308", "-1e300"])
def test_no_number_fills_a_page(sent):
    assert len(values.number(text.loads(sent))) < 20
