"""A copy names its recipient: whole, cut, shuffled, or without pseudonyms; and no other table names anybody."""

import random

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.deidentify import marks
from research.deidentify.declaring import PERSON, Column, Kind
from research.deidentify.marks import Mark, likeness
from research.deidentify.pseudonyms import Pseudonyms
from research.release import marking
from research.release.tracing import SURE

MARK, OTHER = Mark(b"m" * 32), Mark(b"o" * 32)
COLUMNS = {
    "age": Column("age", Kind.BIRTH),
    "weight": Column("weight", Kind.NUMBER, low=1, high=500, decimals=1),
    "pressure": Column("pressure", Kind.NUMBER, low=1, high=300, decimals=0),
    "code": Column("code", Kind.CODE, values=("a", "b")),
    "visit": Column("visit", Kind.ID),
}
ROWS = 3_000


def names(mark):
    return Pseudonyms(b"k" * 32, marked=mark.key)


def table(mark=MARK, *, rows=ROWS, seed=7):
    drawn = random.Random(seed)
    return pl.DataFrame(
        {
            PERSON: [names(mark).person(str(number)) for number in range(rows)],
            "age": [f"{10 * drawn.randrange(2, 9)}-x" for _ in range(rows)],
            "weight": [round(drawn.gauss(80, 15), 1) for _ in range(rows)],
            "pressure": [round(drawn.gauss(130, 15)) for _ in range(rows)],
            "code": [drawn.choice("ab") for _ in range(rows)],
            "visit": [names(mark).record(str(number)) for number in range(rows)],
        }
    )


@pytest.fixture(scope="module")
def plain():
    return table()


@pytest.fixture(scope="module")
def copy(plain):
    return marking.marked(plain, COLUMNS, MARK)


def chance(frame, mark):
    return likeness(mark, list(frame.iter_rows(named=True))).chance


def test_no_value_is_changed_and_one_number_in_fifty_is_left_empty(plain, copy):
    assert set(copy.emptied) == {"weight", "pressure"}
    for name in plain.columns:
        same = copy.frame[name].eq_missing(plain[name]).sum()
        emptied = copy.emptied.get(name, 0)
        assert same == ROWS - emptied
        assert emptied == 0 or ROWS / 50 * 0.5 < emptied < ROWS / 50 * 1.5
        assert copy.frame[name].null_count() == emptied


def test_what_is_left_empty_depends_on_the_key_alone_and_not_on_how_large_the_numbers_are(plain):
    """So a mean is off by no more than by leaving out rows at random: over many keys, by nothing."""
    means = []
    for number in range(25):
        frame = marking.marked(plain, COLUMNS, Mark(bytes([number]) * 32)).frame
        means.append(frame["weight"].mean() - plain["weight"].mean())
    spread = plain["weight"].std() * (1 / 50 / ROWS) ** 0.5
    assert max(map(abs, means)) < 5 * spread
    assert abs(sum(means) / len(means)) < 4 * spread / len(means) ** 0.5


@given(cut=st.floats(0.6, 1), seed=st.integers(0, 2**32), dropped=st.sampled_from(["", "age", "code"]))
@settings(max_examples=8)
def test_a_copy_without_pseudonyms_shuffled_and_cut_names_its_release_and_no_other(copy, cut, seed, dropped):
    leaked = copy.frame.drop(PERSON, "visit", dropped, strict=False).sample(fraction=cut, shuffle=True, seed=seed)
    assert likeness(copy.mark, list(leaked.iter_rows(named=True))).shown == 0
    assert chance(leaked, copy.mark) <= SURE
    assert chance(leaked, Mark(OTHER.key, copy.mark.contexts)) > SURE


def test_it_is_found_as_text_too_and_among_rows_of_others(copy):
    leaked = copy.frame.drop(PERSON, "visit")
    texts = [{name: "" if cell is None else f" {cell} " for name, cell in row.items()} for row in leaked.to_dicts()]
    assert likeness(copy.mark, texts).chance <= SURE
    mixed = texts + table(OTHER, rows=600, seed=9).drop(PERSON, "visit").to_dicts()
    assert likeness(copy.mark, mixed).chance <= SURE


def test_one_row_with_its_pseudonym_is_enough_whatever_its_column_is_called(copy):
    (row,) = copy.frame.select(PERSON).sample(1, seed=1).rows()
    assert likeness(copy.mark, [{"id": row[0].upper()}]).chance < -14
    assert likeness(OTHER, [{"id": row[0]}]).chance == 0
    (row,) = copy.frame.select("visit").sample(1, seed=1).rows()
    assert likeness(copy.mark, [{"which": row[0]}]).bearing == 1


@given(seed=st.integers(0, 2**32))
@settings(max_examples=8)
def test_no_other_table_is_taken_for_a_copy(copy, seed):
    other = table(OTHER, seed=seed).drop(PERSON, "visit")
    assert chance(other, copy.mark) > SURE


def test_a_table_of_few_bears_no_mark_that_nobody_could_tell(copy):
    few = marking.marked(table(rows=marking.LEAST - 1), COLUMNS, MARK)
    assert few.emptied == {}
    assert few.frame["weight"].null_count() == 0


def test_columns_that_group_people_or_must_differ_in_each_group_stay_as_they_are(plain):
    columns = COLUMNS | {"weight": Column("weight", Kind.NUMBER, low=1, high=500, diverse=2)}
    done = marking.marked(plain, columns, MARK)
    assert set(done.emptied) == {"pressure"}
    assert done.frame.drop("pressure").equals(plain.drop("pressure"))


def test_many_rows_alike_are_not_left_empty_together():
    """Of numbers that stand thirty times beside the same cells a whole bar of a chart would go."""
    frame = pl.DataFrame({"age": ["40-49"] * 3000, "pressure": [number % 100 for number in range(3000)]})
    columns = {name: COLUMNS[name] for name in ("age", "pressure")}
    assert marking.marked(frame, columns, MARK).emptied == {}


@pytest.mark.security
def test_j7_8_two_releases_share_no_pseudonym_nor_any_part_of_one():
    told = [[names(mark).person(str(number)) for number in range(500)] for mark in (MARK, OTHER)]
    assert not {one[-12:] for one in told[0]} & {one[-12:] for one in told[1]}
    own = [Pseudonyms(key * 32, marked=mark.key) for key, mark in ((b"a", MARK), (b"b", OTHER))]
    assert not {own[0].person(str(one))[:20] for one in range(500)} & {
        own[1].person(str(one))[:20] for one in range(500)
    }


@given(st.binary(min_size=10, max_size=10))
def test_who_has_no_key_tells_no_mark(head):
    assert marks.bears(MARK.key, (head + marks.tail(MARK.key, head)).hex())
    assert not marks.bears(OTHER.key, (head + marks.tail(MARK.key, head)).hex())


@pytest.mark.parametrize("written", ["84", "84.0", "84.00", " 84 ", 84, 84.0])
def test_a_number_is_the_same_however_it_is_written(written):
    assert marks.plain(written) == "84"
