"""Vaccinations of children: all that a child should have had on the second birthday."""

from collections.abc import Hashable

import polars as pl

from research.measures.definitions import COMBINATION_10, ROTAVIRUS, Series
from research.measures.measured import Measured, Period, coded, people_of


def immunisation(
    period: Period,
    *,
    people: pl.DataFrame,
    vaccinations: pl.DataFrame,
    excluded: frozenset[Hashable] = frozenset(),
) -> Measured:
    """Return which children had all vaccinations. Columns: people (person, born), vaccinations (person, code, day)."""
    turned = people.with_columns(second=_birthday("born", 2)).filter(period.holds("second"))
    of_whom = people_of(turned) - excluded
    given = vaccinations.join(turned, on="person").filter(pl.col("day") >= pl.col("born"))
    by_then = given.filter(pl.col("day") <= pl.col("second")).with_columns(first=_birthday("born", 1))
    met = of_whom
    for series in COMBINATION_10:
        met &= _complete(by_then, series)
    met &= frozenset().union(*(_complete(by_then, series) for series in ROTAVIRUS))
    return Measured("immunisation", period, of_whom, met)


def _complete(given: pl.DataFrame, series: Series) -> frozenset[Hashable]:
    """Return who had a series' doses, on different days and old enough."""
    doses = coded(given, series.codes).filter(
        (pl.col("day") - pl.col("born")).dt.total_days() >= series.from_days,
        pl.col("day") >= pl.col("first") if series.from_year else pl.lit(value=True),
    )
    counted = doses.group_by("person").agg(days=pl.col("day").n_unique())
    return people_of(counted.filter(pl.col("days") >= series.doses))


def _birthday(born: str, number: int) -> pl.Expr:
    """Return a birthday; who was born on 29 February has it on 28 February here, as calendars that add years do."""
    return pl.col(born).dt.offset_by(f"{number}y")
