"""Hierarchies are data: read, made by a rule, and refused where they would fall apart."""

from datetime import date

import polars as pl
import pytest

from research.anonymity import files, hierarchies, tables
from research.anonymity.demands import Demands, Sensitive
from research.anonymity.hierarchies import ANY, Hierarchy


def path_of(hierarchy: Hierarchy, value: str) -> tuple[str, ...]:
    return next(row for row in hierarchy.rows if row[0] == value)


def test_ages_become_intervals_that_hold_each_other():
    ages = hierarchies.intervals("age", low=0, high=89, widths=(5, 10, 30), last="90+")
    assert path_of(ages, "37") == ("37", "35-39", "30-39", "30-59", ANY)
    assert path_of(ages, "90+") == ("90+", "90+", "90+", "90+", ANY)
    with pytest.raises(ValueError, match="multiple"):
        hierarchies.intervals("age", low=0, high=89, widths=(5, 12))


def test_days_become_months_years_and_tens_of_years():
    days = hierarchies.dates("born", first=date(1999, 12, 30), last=date(2000, 1, 2))
    assert path_of(days, "1999-12-31") == ("1999-12-31", "1999-12", "1999", "1990-1999", ANY)
    assert len(days.rows) == 4


def test_zip_codes_lose_their_end():
    codes = hierarchies.prefixes("zip", ["02139", "10001"], lengths=(3, 1))
    assert path_of(codes, "02139") == ("02139", "021**", "0****", ANY)


def test_a_hierarchy_is_read_as_it_was_written(tmp_path):
    wrote = hierarchies.intervals("age", low=0, high=9, widths=(5,), last='9;"')
    hierarchies.write(wrote, tmp_path / "age.csv")
    assert hierarchies.read(tmp_path / "age.csv", column="age", ordered=True) == wrote


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ((("a", "x"), ("b",)), "same number of labels"),
        ((), "same number of labels"),
        ((("a", "x"), ("a", "y")), "names a value twice"),
        ((("a", "x", "1"), ("b", "x", "2")), "Step 2 of sex parts values"),
    ],
)
def test_what_falls_apart_is_no_hierarchy(rows, words):
    with pytest.raises(ValueError, match=words):
        Hierarchy("sex", rows)


def test_a_label_s_loss_is_the_share_of_other_values_it_could_mean():
    exact, some, whole = hierarchies.levels(Hierarchy("x", (("a", "ab", ANY), ("b", "ab", ANY), ("c", "c", ANY))))
    assert (list(exact.weights), list(some.weights), list(whole.weights)) == ([0, 0, 0], [0.5, 0], [1])


def test_empty_cells_are_a_value_of_their_own_until_the_last_step(tmp_path):
    frame = pl.DataFrame({"age": [20, None, 21, None, 30]})
    ages = Hierarchy("age", (("20", "20s", ANY), ("21", "20s", ANY), ("30", "30s", ANY)))
    assert ages.with_missing().rows[-1] == ("", "", ANY)
    report = files.anonymise(frame, tmp_path / "target", hierarchies=[ages], demands=Demands(2, limit=0.2))
    released = pl.read_parquet(tmp_path / "target")["age"].to_list()
    assert released == ["20s", "", "20s", ""]
    assert report.verdict.classes == 2
    files.anonymise(frame, tmp_path / "target", hierarchies=[ages], demands=Demands(5, limit=0))
    assert pl.read_parquet(tmp_path / "target")["age"].to_list() == [ANY] * 5
    ordered = Hierarchy("age", ages.rows, ordered=True)
    files.anonymise(frame, tmp_path / "target", hierarchies=[ordered], demands=Demands(2), way="mondrian")
    assert pl.read_parquet(tmp_path / "target")["age"].to_list() == [ANY] * 5


def test_a_table_without_quasi_identifiers_is_refused():
    with pytest.raises(ValueError, match="no quasi-identifier"):
        tables.code(pl.DataFrame({"sex": ["f"]}), hierarchies=[], demands=Demands(2))


def test_a_column_is_not_both_what_is_known_and_what_is_told():
    sex = Hierarchy("sex", (("f", ANY),))
    frame = pl.DataFrame({"sex": ["f"]})
    for hierarchies_of, demands in (([sex], Demands(2, (Sensitive("sex", 2),))), ([sex, sex], Demands(2))):
        with pytest.raises(ValueError, match="either of them once"):
            tables.code(frame, hierarchies=hierarchies_of, demands=demands)


@pytest.mark.parametrize("made", [{"k": 0}, {"k": 2, "limit": 1.5}])
def test_demands_that_ask_for_nothing_or_too_much_are_refused(made):
    with pytest.raises(ValueError, match="k is 1 or more"):
        Demands(**made)
