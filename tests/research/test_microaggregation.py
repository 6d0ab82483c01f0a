"""Numbers in groups: each is shared, none could be nearer to what it was, and what is common stays as it is."""

from fractions import Fraction
from itertools import combinations, pairwise

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from research.anonymity.microaggregation import cuts, grouped

FEW = st.lists(st.integers(-20, 20), min_size=1, max_size=11)
K = st.integers(1, 5)


def loss(groups) -> Fraction:
    """Return the squared distance of numbers from their groups' means, exactly."""
    total = Fraction(0)
    for group in groups:
        mean = Fraction(sum(group), len(group))
        total += sum((number - mean) ** 2 for number in group)
    return total


def cut(numbers, k):
    distinct = sorted(set(numbers))
    found = cuts(distinct, [numbers.count(one) for one in distinct], k)
    return [[one for one in numbers if distinct[first] <= one <= distinct[end - 1]] for first, end in found]


def every_way(numbers, k):
    """Return all ways to cut sorted numbers into groups of k at least that part no equals."""
    distinct = sorted(set(numbers))
    for many in range(len(distinct)):
        for ends in combinations(range(1, len(distinct)), many):
            bounds = [0, *ends, len(distinct)]
            groups = [[one for one in numbers if one in distinct[first:last]] for first, last in pairwise(bounds)]
            if all(len(group) >= k for group in groups):
                yield groups


@given(FEW, K)
def test_no_way_to_group_loses_less(numbers, k):
    if len(numbers) < k:
        return
    found = cut(numbers, k)
    assert sum(map(len, found)) == len(numbers)
    assert min(map(len, found)) >= k
    assert loss(found) == min(map(loss, every_way(numbers, k)))


@given(st.lists(st.none() | st.floats(-1e6, 1e6), max_size=60), K)
def test_whoever_has_a_number_shares_it_with_k(numbers, k):
    made = grouped(pl.Series("it", numbers, dtype=pl.Float64), k, decimals=1)
    told = [one for one in made if one is not None]
    assert all(told.count(one) >= k for one in told)
    there = [one for one in numbers if one is not None]
    assert [one is None for one in made] == [one is None or len(there) < k for one in numbers]


@given(st.lists(st.integers(0, 300), min_size=3, max_size=60))
def test_the_mean_of_all_stays_but_for_rounding(numbers):
    made = grouped(pl.Series("it", numbers, dtype=pl.Float64), 3, decimals=6)
    assert made.mean() == pytest.approx(sum(numbers) / len(numbers), abs=1e-5)


def test_a_number_that_enough_people_have_stays_as_it_is_and_the_others_stay_near():
    numbers = [37] * 11 + [36] * 12 + [41, 42, 43]
    assert sorted(set(grouped(pl.Series("it", numbers), 11, decimals=0))) == [36, 38]
    assert sorted(set(grouped(pl.Series("it", numbers), 3, decimals=0))) == [36, 37, 42]


def test_large_numbers_that_differ_little_are_told_apart():
    numbers = [1e15 + one for one in (0, 0, 1, 1, 2, 2)]
    assert grouped(pl.Series("it", numbers), 2, decimals=0).to_list() == numbers


def test_whole_numbers_stay_whole():
    made = grouped(pl.Series("it", [1, 2, 4, None]), 3, decimals=0)
    assert (made.dtype, made.to_list()) == (pl.Int64, [2, 2, 2, None])
