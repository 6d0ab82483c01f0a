"""Readmission: who is back in hospital within 30 days of leaving it."""

from collections.abc import Hashable
from datetime import timedelta

import polars as pl

from research.measures.measured import Measured, Period, people_of, years

WITHIN = 30


def readmission(
    period: Period,
    *,
    people: pl.DataFrame,
    stays: pl.DataFrame,
    excluded: frozenset[Hashable] = frozenset(),
) -> Measured:
    """Return who of those who left a hospital alive was back within 30 days of any of their stays.

    Columns: people (person, born), stays (person, admitted, discharged, died, planned). A stay that begins on the day
    on which another ends, or before, goes on with it. Who was sent home on the day of admission had no stay to come
    back from. `stays` must reach 30 days beyond the period.
    """
    whole = _joined(stays.drop_nulls(["admitted", "discharged"]))
    after = whole.sort("person", "admitted").with_columns(
        back=pl.col("admitted").shift(-1).over("person"), meant=pl.col("planned").shift(-1).over("person")
    )
    left = after.join(people, on="person").filter(
        period.holds("discharged"),
        pl.col("discharged") > pl.col("admitted"),
        ~pl.col("died"),
        years("born", pl.col("admitted")) >= 18,
    )
    of_whom = people_of(left) - excluded
    again = left.filter(pl.col("back") - pl.col("discharged") <= timedelta(days=WITHIN), ~pl.col("meant"))
    return Measured("readmission", period, of_whom, people_of(again) & of_whom)


def _joined(stays: pl.DataFrame) -> pl.DataFrame:
    """Return stays with transfers as one: from the first admission to the last discharge."""
    ordered = stays.sort("person", "admitted", "discharged")
    until = pl.col("discharged").cum_max().shift(1).over("person")
    begins = (until.is_null() | (pl.col("admitted") > until)).cast(pl.Int64)
    return (
        ordered.with_columns(begins=begins)
        .with_columns(number=pl.col("begins").cum_sum().over("person"))
        .group_by("person", "number", maintain_order=True)
        .agg(
            pl.col("admitted").first(), pl.col("discharged").max(), pl.col("died").fill_null(value=False).any(),
            pl.col("planned").fill_null(value=False).first(),
        )
    )  # fmt: skip
