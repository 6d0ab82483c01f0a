"""What is owed by the policy, in whole cents, for every price and percent there can be."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appointments.models import Ground
from appointments.payments import policy

STARTS = datetime(2027, 3, 10, 15, 0, tzinfo=UTC)
PRICES = st.integers(0, 2**31 - 1)
PERCENTS = st.integers(0, 100)


@given(PRICES, PERCENTS)
def test_a_fee_and_what_is_left_are_the_price(price, percent):
    fee = policy.share(price, percent)
    assert fee + (price - fee) == price
    assert 0 <= fee <= price


@given(PRICES, PERCENTS)
def test_a_fee_is_rounded_down_and_by_less_than_a_cent(price, percent):
    fee = policy.share(price, percent)
    assert fee * 100 <= price * percent < (fee + 1) * 100


@given(PRICES)
def test_all_and_nothing_are_exact(price):
    assert (policy.share(price, 0), policy.share(price, 100)) == (0, price)


@pytest.mark.parametrize(("price", "percent"), [(-1, 50), (100, 101), (100, -1)])
def test_a_share_of_nonsense_is_refused(price, percent):
    with pytest.raises(ValueError, match="no share"):
        policy.share(price, percent)


@pytest.mark.parametrize(
    ("before", "ground"),
    [
        (timedelta(hours=24, microseconds=1), Ground.CANCELLED),
        (timedelta(hours=24), Ground.CANCELLED),
        (timedelta(hours=24) - timedelta(microseconds=1), Ground.LATE),
        (timedelta(0), Ground.LATE),
        (timedelta(hours=-1), Ground.LATE),
    ],
)
def test_the_last_moment_to_cancel_is_free(before, ground):
    assert policy.cancelled(STARTS, {"free_cancel_hours": 24}, STARTS - before) == ground


@pytest.mark.parametrize(
    ("ground", "owed"),
    [
        (Ground.AHEAD, 9_999),
        (Ground.SEEN, 9_999),
        (Ground.CANCELLED, 0),
        (Ground.LATE, 4_999),
        (Ground.MISSED, 7_999),
        (Ground.LIFTED, 0),
        (Ground.MISTAKE, 0),
    ],
)
def test_each_ground_owes_what_the_policy_says(ground, owed):
    terms = {"free_cancel_hours": 24, "late_fee_percent": 50, "no_show_percent": 80}
    assert policy.owed(9_999, terms, ground) == owed


def test_every_ground_is_known():
    terms = {"free_cancel_hours": 24, "late_fee_percent": 50, "no_show_percent": 80}
    assert all(0 <= policy.owed(100, terms, ground) <= 100 for ground in Ground)
    with pytest.raises(ValueError, match="No policy"):
        policy.owed(100, terms, "because")
