"""No cell of a table stands alone: each value of a column, and the empty cell, is shared."""

from collections import Counter

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from research.deidentify.declaring import Column, Kind
from research.release import marking, sharing

KEY = b"k" * 32
COLUMNS = {
    "age": Column("age", Kind.BIRTH),
    "weight": Column("weight", Kind.NUMBER, low=0, high=500, decimals=1),
    "smokes": Column("smokes", Kind.TRUTH),
    "code": Column("code", Kind.CODE, values=("a", "b", "c")),
    "visit": Column("visit", Kind.ID),
}
ROW = st.tuples(
    st.none() | st.integers(0, 900).map(lambda tenths: tenths / 10), st.none() | st.booleans(),
    st.none() | st.sampled_from("abc"),
)  # fmt: skip


def table(rows):
    weights, smokes, codes = zip(*rows, strict=True)
    return pl.DataFrame(
        {
            "age": list(range(len(rows))), "weight": weights, "smokes": smokes, "code": codes,
            "visit": [f"v{number}" for number in range(len(rows))],
        },
        schema={"age": pl.Int64, "weight": pl.Float64, "smokes": pl.Boolean, "code": pl.String, "visit": pl.String},
    )  # fmt: skip


def of(rows, people=3, key=KEY, **more):
    return sharing.shared(table(rows), COLUMNS, people, key=key, **more)


@given(st.lists(ROW, min_size=3, max_size=40), st.integers(1, 6), st.booleans())
def test_every_value_and_the_empty_cell_are_shared(rows, people, marked):
    if len(rows) < people:
        return
    made = of(rows, people, marked=["weight"] if marked else [])
    for name in ("weight", "smokes", "code"):
        assert all(count >= people for count in Counter(made.frame[name].to_list()).values()), name
    assert sharing.short(made.frame, sharing.names(COLUMNS), people) == 0
    assert made.frame.select("age", "visit").equals(table(rows).select("age", "visit"))


@given(st.lists(ROW, min_size=3, max_size=40))
def test_what_was_empty_stays_so_and_nobody_gets_another_code_or_truth(rows):
    made = of(rows).frame
    for name in ("weight", "smokes", "code"):
        before, after = table(rows)[name].to_list(), made[name].to_list()
        assert all(new is None for old, new in zip(before, after, strict=True) if old is None)
        if name != "weight":
            assert all(new in (None, old) for old, new in zip(before, after, strict=True))


def test_of_two_truths_the_rare_one_takes_the_other_with_it():
    made = of([(50.0, number < 2, "a") for number in range(20)])
    assert made.frame["smokes"].null_count() == 20
    assert made.emptied == ["smokes"]


@pytest.mark.privacy
def test_one_empty_cell_is_hidden_among_others_that_only_the_key_tells():
    rows = [(None if number == 7 else 50.0, True, "a") for number in range(40)]
    empty = [set(of(rows, 5, key=key).frame["weight"].is_null().arg_true()) for key in (b"a" * 32, b"b" * 32)]
    assert [len(one) for one in empty] == [5, 5]
    assert 7 in empty[0] & empty[1]
    assert empty[0] != empty[1]
    assert of(rows, 5).emptied == ["weight"]


def test_what_is_emptied_as_a_mark_later_stands_no_more_alone():
    rows = [(float(number % 30), True, "a") for number in range(600)]
    made = of(rows, 11, marked=["weight"])
    assert made.frame["weight"].null_count() == 11


def test_how_near_numbers_are_to_what_they_were_is_told():
    made = of([(float(number), True, "a") for number in (1, 1, 1, 5, 6, 7)])
    assert made.exact == {"weight": 0.7}, "the three of 1, and the mean of the others"
    assert made.variance == {"weight": 0.95}
    assert of([(4.0, True, "a")] * 6).variance == {"weight": 1.0}


def test_how_far_a_table_falls_short_is_by_its_rarest_value():
    frame = table([(1.0, True, "a")] * 5 + [(2.0, True, "b")] * 3 + [(None, True, "b")])
    assert sharing.short(frame, ["weight", "smokes", "code"], 4) == 3
    assert sharing.short(frame, ["smokes", "code"], 4) == 0
    assert sharing.short(frame.clear(), ["weight"], 4) == 0


def test_rows_that_no_other_equals_are_counted():
    frame = table([(1.0, True, "a"), (1.0, True, "a"), (1.0, True, "b")]).with_columns(age=pl.lit(40))
    assert sharing.alone(frame, COLUMNS) == 1


def test_small_tables_bear_no_mark_in_numbers():
    assert marking.markable(COLUMNS, marking.LEAST - 1) == []
    assert marking.markable(COLUMNS, marking.LEAST) == ["weight"]
