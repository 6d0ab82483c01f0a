"""The search finds what looking at everything finds."""

from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from research.anonymity import classes, files, lattice, losses, mondrian, outcomes, tables
from research.anonymity.demands import Demands, Sensitive, Unreachable
from research.anonymity.hierarchies import ANY, Hierarchy
from tests.research import anonymous

SEEDS = st.integers(0, 2**32)


def searched(case: anonymous.Case) -> tuple[float, int] | None:
    table = tables.code(case.frame, hierarchies=case.hierarchies, demands=case.demands)
    try:
        outcome = lattice.search(table, case.demands)
    except Unreachable:
        return None
    return losses.certainty(outcome), outcome.suppressed


@given(SEEDS)
@settings(max_examples=200)
def test_the_search_equals_brute_force(seed):
    case = anonymous.drawn(seed, shares=False)
    best, found = anonymous.best_of_all(case), searched(case)
    assert (best is None) == (found is None)
    assert found is None or found[0] == pytest.approx(best[0], abs=1e-9)


@given(SEEDS)
@settings(max_examples=100)
def test_the_search_equals_brute_force_where_good_classes_may_spoil(seed):
    case = anonymous.drawn(seed, shares=True)
    best, found = anonymous.best_of_all(case), searched(case)
    assert (best is None) == (found is None)
    assert found is None or found[0] == pytest.approx(best[0], abs=1e-9)


@given(SEEDS)
@settings(max_examples=100)
def test_every_class_of_either_way_keeps_the_demands(seed):
    case = anonymous.drawn(seed, shares=True)
    table = tables.code(case.frame, hierarchies=case.hierarchies, demands=case.demands)
    asks = case.demands.sensitive[0]
    for way in (lattice.search, mondrian.divide):
        try:
            outcome = way(table, case.demands)
        except Unreachable:
            continue
        held = {}
        for number, value in zip(outcome.classes[table.where], case.frame["illness"], strict=True):
            if number != outcomes.LEFT_OUT:
                held.setdefault(number, []).append(value)
        everybody = [value for values in held.values() for value in values]
        assert all(anonymous.keeps(values, case.demands) for values in held.values())
        assert asks.closeness is None or all(
            anonymous.distance(values, everybody, case.frame["illness"].to_list(), asks.ordered)
            <= asks.closeness + 1e-9
            for values in held.values()
        )


def test_mondrian_cuts_where_people_are_and_stays_coarse_where_they_are_few():
    ages = [20, 21, 22, 23] * 3 + [50, 70]
    case = frame_of(ages)
    table = tables.code(case.frame, hierarchies=case.hierarchies, demands=Demands(2))
    outcome = mondrian.divide(table, Demands(2))
    labels = outcome.columns[0]
    told = {age: labels.names[labels.of[row]] for age, row in zip(ages, table.where, strict=True)}
    assert told == {20: "20", 21: "21", 22: "22", 23: "23", 50: "50-70", 70: "50-70"}


def test_what_is_out_of_reach_is_said():
    case = frame_of([20, 30, 40])
    for way in (lattice.search, mondrian.divide):
        demands = Demands(4, limit=0)
        table = tables.code(case.frame, hierarchies=case.hierarchies, demands=demands)
        with pytest.raises(Unreachable):
            way(table, demands)


def test_a_value_without_a_place_is_refused_and_not_repeated():
    case = frame_of([20, 30, 40])
    with pytest.raises(ValueError, match="In 1 rows age holds") as told:
        tables.code(case.frame, hierarchies=[Hierarchy("age", (("20", ANY), ("30", ANY)))], demands=Demands(2))
    assert "40" not in str(told.value)


def test_many_wide_columns_make_no_key_too_wide():
    columns = {f"c{number}": [str(value) for value in range(100)] for number in range(12)}
    hierarchies = [Hierarchy(name, tuple((str(value), ANY) for value in range(100))) for name in columns]
    demands = Demands(100)
    table = tables.code(pl.DataFrame(columns), hierarchies=hierarchies, demands=demands)
    assert len(table.counts) == 100
    assert lattice.search(table, demands).node == (1,) * 12


def test_more_values_than_bits_are_counted_all_the_same():
    ages = [20 + number // 70 for number in range(140)]
    case = frame_of(ages)
    frame = case.frame.with_columns(illness=pl.Series([number % 70 for number in range(140)]))
    for least, node in ((70, (0,)), (71, None)):
        demands = Demands(2, (Sensitive("illness", least),), limit=0)
        table = tables.code(frame, hierarchies=case.hierarchies, demands=demands)
        if node is None:
            with pytest.raises(Unreachable):
                lattice.search(table, demands)
        else:
            assert lattice.search(table, demands).node == node


def test_a_search_is_ended_by_who_watches_it():
    case = frame_of(list(range(20, 40)))
    table = tables.code(case.frame, hierarchies=case.hierarchies, demands=Demands(2))

    def stop(settled, nodes):
        assert settled <= nodes
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lattice.search(table, Demands(2), watch=stop)


def frame_of(ages: list[int]) -> anonymous.Case:
    rows = tuple((str(age), f"{age // 10 * 10}s", ANY) for age in range(20, 80))
    return anonymous.Case(pl.DataFrame({"age": ages}), [Hierarchy("age", rows, ordered=True)], Demands(2))


@given(SEEDS, st.sampled_from(sorted(files.WAYS)))
@settings(max_examples=30)
def test_what_the_search_finds_the_checker_agrees_to(seed, way):
    case = anonymous.drawn(seed, shares=True)
    with TemporaryDirectory() as folder:
        case.frame.write_parquet(source := Path(folder, "source"))
        try:
            report = files.anonymise(
                source, Path(folder, "target"), hierarchies=case.hierarchies, demands=case.demands, way=way
            )
        except Unreachable:
            return
        assert report.verdict.lines + report.suppressed == report.lines
        assert report.verdict.classes == sum(band.classes for band in report.bands_after)


def test_many_classes_of_many_values_are_measured_some_at_a_time(monkeypatch):
    monkeypatch.setattr(classes, "AT_ONCE", 8)
    monkeypatch.setattr(classes, "SPARSE", 0)
    for seed in range(40):
        case = anonymous.drawn(seed, shares=True)
        best, found = anonymous.best_of_all(case), searched(case)
        assert (best is None) == (found is None)
        assert found is None or found[0] == pytest.approx(best[0], abs=1e-9)
