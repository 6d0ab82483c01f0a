"""Loss and risk, on tables small enough to do by hand, and on the field's yardstick."""

import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from research.anonymity import files, hierarchies, losses, mondrian, outcomes, risks, tables
from research.anonymity.demands import Demands, Sensitive
from research.anonymity.hierarchies import ANY, Hierarchy
from research.anonymity.outcomes import LEFT_OUT, Outcome

ADULT = Path(__file__).resolve().parents[3] / "shared" / "data" / "adult"
QUASI = (
    "sex", "age", "race", "marital-status", "education", "native-country", "workclass", "salary-class"
)  # fmt: skip
NEEDS_ADULT = pytest.mark.skipif(not ADULT.is_dir(), reason="../shared/data/adult is not there")


def outcome(node, left_out=()) -> Outcome:
    rows = tuple((str(age), f"{age // 2 * 2}s", ANY) for age in range(5))
    table = tables.code(
        pl.DataFrame({"age": [0, 1, 1, 2, 4]}), hierarchies=[Hierarchy("age", rows)], demands=Demands(1)
    )
    columns = outcomes.at(table, (node,))
    classes = np.where(np.isin(np.arange(len(table.counts)), left_out), LEFT_OUT, columns[0].of)
    return Outcome(table, columns, classes, (node,))


def test_nothing_is_lost_where_nothing_is_done():
    assert losses.of(outcome(0)) == losses.Losses(0.0, 1 + 4 + 1 + 1, 0.0)


def test_everything_is_lost_where_all_is_one():
    assert losses.of(outcome(2)) == losses.Losses(1.0, 25, 1.0)
    assert losses.of(outcome(0, left_out=(0, 1, 2, 3))) == losses.Losses(1.0, 25, 1.0)


def test_loss_by_hand():
    told = losses.of(outcome(1, left_out=(3,)))
    # 0 and 1 under one label, 2 beside a 3 that nobody is, and the one who is 4 left out.
    assert told.certainty == pytest.approx((4 * 1 / 4 + 1) / 5)
    assert told.discernibility == 9 + 1 + 5
    all_there_is = 3 * np.log2(5) + 2 * np.log2(5 / 2)
    assert told.entropy == pytest.approx((np.log2(3) + 2 * np.log2(3 / 2) + np.log2(5)) / all_there_is)


def test_the_prosecutor_knows_who_is_there_and_the_journalist_looks_for_anybody():
    told = risks.of([2, 5, 10], threshold=0.2, population=[50, 5, 100])
    assert told.prosecutor == 0.5
    assert told.prosecutor_over == pytest.approx(2 / 17)
    assert told.journalist == 0.2
    assert told.journalist_over == 0
    assert told.marketer == pytest.approx((2 / 50 + 1 + 1 / 10) / 17)


def test_without_a_population_the_table_is_taken_for_it():
    told = risks.of([2, 5, 10], threshold=0.2)
    assert (told.journalist, told.journalist_over) == (told.prosecutor, told.prosecutor_over)
    assert told.marketer == pytest.approx(3 / 17)
    assert risks.of([], threshold=0.2) == risks.NONE


def test_a_population_is_never_smaller_than_its_class():
    with pytest.raises(ValueError, match="never less"):
        risks.of([5], threshold=0.2, population=[4])


def test_each_class_is_in_one_band():
    told = risks.bands([1, 1, 4, 5, 10, 11, 100, 101, 5000])
    assert [(band.classes, band.lines) for band in told] == [
        (2, 2),
        (1, 4),
        (2, 15),
        (1, 11),
        (0, 0),
        (1, 100),
        (2, 5101),
    ]
    assert sum(band.classes for band in risks.bands([])) == 0


@pytest.fixture(scope="module")
def adult(tmp_path_factory):
    source = tmp_path_factory.mktemp("adult") / "adult.parquet"
    pl.read_csv(ADULT / "adult.csv", separator=";").write_parquet(source)
    read = [
        hierarchies.read(ADULT / f"adult_hierarchy_{name}.csv", column=name, ordered=name == "age") for name in QUASI
    ]
    return source, read


@NEEDS_ADULT
def test_adult_has_the_optimum_that_others_found(adult, tmp_path):
    source, read = adult
    begun = time.process_time()
    report = files.anonymise(
        source, tmp_path / "adult", hierarchies=read, demands=Demands(5, (Sensitive("occupation", 2),), 0.05)
    )
    assert time.process_time() - begun < 3
    assert round(report.losses.certainty, 5) == 0.17834
    assert report.suppressed == 1346
    assert (report.verdict.lines, report.verdict.classes, report.verdict.smallest) == (30162 - 1346, 397, 5)
    assert report.risks_before.prosecutor == 1
    assert report.risks_after.prosecutor == pytest.approx(0.2)


@NEEDS_ADULT
def test_adult_without_leaving_anybody_out(adult, tmp_path):
    source, read = adult
    demands = Demands(5, (Sensitive("occupation", 2),), 0)
    report = files.anonymise(source, tmp_path / "adult", hierarchies=read, demands=demands)
    assert (round(report.losses.certainty, 3), report.verdict.classes) == (0.625, 26)


@NEEDS_ADULT
def test_local_recoding_loses_less_and_leaves_nobody_out(adult):
    source, read = adult
    frame = pl.read_parquet(source).sample(4000, seed=1)
    table = tables.code(frame, hierarchies=read, demands=Demands(5, (Sensitive("occupation", 2),)))
    cut = mondrian.divide(table, Demands(5, (Sensitive("occupation", 2),)))
    assert cut.suppressed == 0
    assert cut.sizes.min() >= 5
    assert losses.certainty(cut) < 0.17834
