"""What was submitted is what is stored: no number changes on the way."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ehr.r4 import text

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=20,
)


@pytest.mark.parametrize("number", ["1.50", "0.10", "152.41110144377078", "1.0E+2", "-0.0", "3", "0.000000001", "7.00"])
def test_a_number_comes_back_as_it_was_written(number):
    assert text.dumps(text.loads(f'{{"value":{number}}}')) == f'{{"value":{number}}}'.encode()


@given(VALUES)
def test_whatever_is_written_reads_back_the_same(value):
    assert text.loads(text.dumps(value)) == value


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "0." + "1" * 500, "1e-99999999999999999999"])
def test_what_is_no_number_is_refused(number):
    with pytest.raises(ValueError, match=r"number|line 1"):
        text.loads(f'{{"value":{number}}}')


@pytest.mark.parametrize("half", [r'"\ud800"', r'"\udc00x"', r'{"\ud83d": 1}', b'"\xed\xa0\x80"'])
def test_half_a_character_is_refused(half):
    with pytest.raises(ValueError, match="line 1"):
        text.loads(half)


def test_json_nested_without_end_is_refused():
    with pytest.raises(ValueError, match="nested"):
        text.loads("[" * 200_000)


def test_what_has_no_place_in_a_resource_is_refused():
    with pytest.raises(TypeError):
        text.dumps({"value": Decimal("NaN")})
