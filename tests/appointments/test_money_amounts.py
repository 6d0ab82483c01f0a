"""Amounts in words lose no cent, in any currency."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appointments.payments import amounts


@given(st.integers(-(10**12), 10**12), st.sampled_from(["USD", "EUR", "JPY", "KWD"]))
def test_an_amount_reads_back_to_the_cent(amount, currency):
    told, number = amounts.words(amount, currency).split("\u00a0")
    sign = -1 if told.startswith("−") else 1
    assert told.lstrip("−") == currency
    whole, _point, part = number.replace(",", "").partition(".")
    assert len(part) == amounts.digits(currency)
    assert sign * int(whole + part) == amount


@pytest.mark.parametrize(
    ("amount", "currency", "words"),
    [
        (1_234_567, "USD", "USD\u00a012,345.67"),
        (5, "EUR", "EUR\u00a00.05"),
        (1_500, "JPY", "JPY\u00a01,500"),
        (1_234, "KWD", "KWD\u00a01.234"),
        (-50, "USD", "−USD\u00a00.50"),
    ],
)
def test_an_amount_is_written_as_its_currency_is(amount, currency, words):
    assert amounts.words(amount, currency) == words
