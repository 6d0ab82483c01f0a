"""Measures of chronic illness: diabetes and blood pressure, each by its last result of the period."""

from collections.abc import Hashable
from datetime import date

import polars as pl

from research.measures.definitions import (
    DIABETES,
    DIABETES_ICD,
    DIASTOLIC,
    HBA1C,
    HYPERTENSION,
    HYPERTENSION_ICD,
    SYSTOLIC,
)
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
    code, day, value, unit). Days are dates; `ended` is empty while a condition lasts.
    """
    ill = coded(conditions, DIABETES, DIABETES_ICD).filter(_lasts(period, since=period.last))
    of_whom = _seen(period, people, visits, ill, most=75) - excluded
    inside = coded(results, HBA1C).filter(period.holds("day"), pl.col("person").is_in(list(of_whom)))
    percent = (
        pl.when(pl.col("unit") == "%").then(pl.col("value"))
        .when(pl.col("unit") == "mmol/mol").then(pl.col("value") * IFCC_SLOPE + IFCC_START)
    )  # fmt: skip
    read = inside.with_columns(percent=percent).drop_nulls("percent")
    last = _lowest_of_last_day(read, "percent").filter(pl.col("percent").round(1) <= 9.0)
    return Measured("diabetes", period, of_whom, people_of(last), inside.height - read.height)


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

    A day counts on which both values were taken.
    """
    ill = coded(conditions, HYPERTENSION, HYPERTENSION_ICD).filter(_lasts(period, since=period.middle))
    of_whom = _seen(period, people, visits, ill, most=85) - excluded
    inside = coded(results, SYSTOLIC | DIASTOLIC).filter(period.holds("day"), pl.col("person").is_in(list(of_whom)))
    read = inside.filter(pl.col("unit").is_in(["mm[Hg]", "mmHg"])).drop_nulls("value")
    high = read.filter(pl.col("code").is_in(sorted(SYSTOLIC))).group_by("person", "day").agg(high=pl.col("value").min())
    low = read.filter(pl.col("code").is_in(sorted(DIASTOLIC))).group_by("person", "day").agg(low=pl.col("value").min())
    both = high.join(low, on=["person", "day"])
    last = both.filter(pl.col("day") == pl.col("day").max().over("person"))
    met = last.filter(pl.col("high") < 140, pl.col("low") < 90)
    return Measured("blood-pressure", period, of_whom, people_of(met), inside.height - read.height)


def _lasts(period: Period, *, since: date) -> pl.Expr:
    """Whether a condition began by a day, and had not ended before the period."""
    return (pl.col("onset") <= since) & (pl.col("ended").is_null() | (pl.col("ended") >= period.first))


def _seen(
    period: Period, people: pl.DataFrame, visits: pl.DataFrame, ill: pl.DataFrame, *, most: int
) -> frozenset[Hashable]:
    visited = people_of(visits.filter(period.holds("day")))
    return aged(people, least=18, most=most, at=period.last) & people_of(ill) & visited


def _lowest_of_last_day(results: pl.DataFrame, value: str) -> pl.DataFrame:
    last = results.filter(pl.col("day") == pl.col("day").max().over("person"))
    return last.group_by("person").agg(pl.col(value).min())
