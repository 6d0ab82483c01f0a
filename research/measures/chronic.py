"""Measures of chronic illness: diabetes and blood pressure, each by its last result of the period."""

from collections.abc import Hashable

import polars as pl

from research.measures.codes import codes
from research.measures.measured import Measured, Period, aged, coded, people_of

# Result in % from mmol/mol: NGSP's master equation, https://ngsp.org/ifccngsp.asp
IFCC_SLOPE, IFCC_START = 0.09148, 2.152
NOBODY: frozenset[Hashable] = frozenset()


def diabetes(
    period: Period,
    *,
    people: pl.DataFrame,
    conditions: pl.DataFrame,
    visits: pl.DataFrame,
    results: pl.DataFrame,
    excluded: frozenset[Hashable] = NOBODY,
) -> Measured:
    """Return who of those with diabetes has it under control.

    Columns: people (person, born), conditions (person, code, onset, ended), visits (person, day), results (person,
    code, day, value, unit). Days are dates; `ended` is empty while a condition lasts. Of several results of the last
    day the lowest counts; a last day without one that can be read counts as none.
    """
    diagnosed = coded(conditions, codes("diabetes", "diabetes-of-no-type"))
    of_whom = _seen(period, people, visits, diagnosed.filter(_lasts(period, pl.col("onset") <= period.last)), most=75)
    of_whom -= excluded
    asked = codes("hba1c", "hba1c-ifcc", "glucose-management-indicator")
    inside = coded(results, asked).filter(period.holds("day"), pl.col("person").is_in(list(of_whom)))
    percent = (
        pl.when(pl.col("unit") == "%").then(pl.col("value"))
        .when(pl.col("unit") == "mmol/mol").then(pl.col("value") * IFCC_SLOPE + IFCC_START)
    )  # fmt: skip
    read = inside.with_columns(percent=percent)
    last = _of_last_day(read).group_by("person").agg(pl.col("percent").min())
    met = last.filter(pl.col("percent").round(1) <= 9.0)
    return Measured("diabetes", period, of_whom, people_of(met), read["percent"].null_count())


def blood_pressure(
    period: Period,
    *,
    people: pl.DataFrame,
    conditions: pl.DataFrame,
    visits: pl.DataFrame,
    results: pl.DataFrame,
    excluded: frozenset[Hashable] = NOBODY,
) -> Measured:
    """Return who of those with hypertension has it under control. Columns are those of `diabetes`.

    A day counts on which both values were taken. Values taken in hospital are to be left out before.
    """
    diagnosed = coded(conditions, codes("hypertension", "hypertension-of-no-type"))
    of_whom = _seen(period, people, visits, diagnosed.filter(_lasts(period, pl.col("onset") < period.half)), most=85)
    of_whom -= excluded
    systolic, diastolic = codes("systolic"), codes("diastolic")
    inside = coded(results, systolic | diastolic).filter(period.holds("day"), pl.col("person").is_in(list(of_whom)))
    read = inside.filter(pl.col("unit").is_in(["mm[Hg]", "mmHg"])).drop_nulls("value")
    high = coded(read, systolic).group_by("person", "day").agg(high=pl.col("value").min())
    low = coded(read, diastolic).group_by("person", "day").agg(low=pl.col("value").min())
    last = _of_last_day(high.join(low, on=["person", "day"]))
    met = last.filter(pl.col("high") < 140, pl.col("low") < 90)
    return Measured("blood-pressure", period, of_whom, people_of(met), inside.height - read.height)


def _lasts(period: Period, begun: pl.Expr) -> pl.Expr:
    """Whether a condition had begun, and had not ended before the period."""
    return begun & (pl.col("ended").is_null() | (pl.col("ended") >= period.first))


def _seen(
    period: Period, people: pl.DataFrame, visits: pl.DataFrame, ill: pl.DataFrame, *, most: int
) -> frozenset[Hashable]:
    visited = people_of(visits.filter(period.holds("day")))
    return aged(people, least=18, most=most, at=period.last) & people_of(ill) & visited


def _of_last_day(results: pl.DataFrame) -> pl.DataFrame:
    return results.filter(pl.col("day") == pl.col("day").max().over("person"))
