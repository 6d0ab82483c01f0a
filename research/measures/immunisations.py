"""Vaccinations of children: all that a child should have had on the second birthday."""

from collections.abc import Hashable
from dataclasses import dataclass

import polars as pl

from research.measures.codes import codes
from research.measures.measured import Measured, Period, coded, people_of


@dataclass(frozen=True)
class Series:
    """Vaccinations against one thing: how many on different days, and from which age in days, or from a birthday on.

    `lists` are code lists of vaccines. Where one of `longer` is among the doses, one more is needed. Who had what each
    list of `or_ill` names, or a reaction in `or_reacted`, counts as vaccinated.
    """

    lists: tuple[str, ...]
    doses: int
    from_days: int = 0
    from_birthday: int = 0
    longer: tuple[str, ...] = ()
    or_ill: tuple[str, ...] = ()
    or_reacted: tuple[str, ...] = ()


COMBINATION_10 = (
    Series(("dtap",), 4, from_days=42, or_reacted=("reaction-dtap", "encephalitis-dtap")),
    Series(("polio",), 3, from_days=42, or_reacted=("reaction-polio",)),
    Series(("mmr",), 1, from_birthday=1, or_ill=("ill-measles", "ill-mumps", "ill-rubella"),
           or_reacted=("reaction-mmr",)),
    Series(("hib-three", "hib-four"), 3, from_days=42, longer=("hib-four",), or_reacted=("reaction-hib",)),
    Series(("hepatitis-b",), 3, or_ill=("ill-hepatitis-b",), or_reacted=("reaction-hepatitis-b",)),
    Series(("varicella",), 1, from_birthday=1, or_ill=("ill-varicella",), or_reacted=("reaction-varicella",)),
    Series(("pneumococci",), 4, from_days=42, or_reacted=("reaction-pneumococci",)),
    Series(("hepatitis-a",), 1, from_birthday=1, or_ill=("ill-hepatitis-a",), or_reacted=("reaction-hepatitis-a",)),
    Series(("rotavirus-two", "rotavirus-three"), 2, from_days=42, longer=("rotavirus-three",),
           or_reacted=("reaction-rotavirus",)),
    Series(("influenza",), 2, from_days=180, or_reacted=("reaction-influenza",)),
)  # fmt: skip


def immunisation(
    period: Period,
    *,
    people: pl.DataFrame,
    visits: pl.DataFrame,
    vaccinations: pl.DataFrame,
    conditions: pl.DataFrame,
    excluded: frozenset[Hashable] = frozenset(),
) -> Measured:
    """Return which children had all vaccinations, of those who turned two and had a visit in the period.

    Columns: people (person, born), visits (person, day), vaccinations (person, code, day), conditions (person, code,
    onset).
    """
    turned = people.with_columns(second=_birthday("born", 2)).filter(period.holds("second"))
    of_whom = (people_of(turned) & people_of(visits.filter(period.holds("day")))) - excluded
    given = vaccinations.join(turned, on="person").filter(pl.col("day").is_between(pl.col("born"), pl.col("second")))
    ill = conditions.join(turned, on="person").filter(pl.col("onset").is_between(pl.col("born"), pl.col("second")))
    by_then = _live_counts_from_two(given).with_columns(first=_birthday("born", 1))
    met = of_whom
    for series in COMBINATION_10:
        met &= _complete(by_then, series) | _spared(ill, series)
    return Measured("immunisation", period, of_whom, met)


def _live_counts_from_two(given: pl.DataFrame) -> pl.DataFrame:
    """Let the live vaccine against influenza, which is for children of two, stand for one dose on that birthday."""
    live = pl.col("code").is_in(sorted(codes("influenza-live"))) & (pl.col("day") == pl.col("second"))
    return given.with_columns(code=pl.when(live).then(pl.lit(min(codes("influenza")))).otherwise(pl.col("code")))


def _complete(given: pl.DataFrame, series: Series) -> frozenset[Hashable]:
    """Return who had a series' doses, on different days and old enough."""
    doses = coded(given, codes(*series.lists)).filter(
        (pl.col("day") - pl.col("born")).dt.total_days() >= series.from_days,
        pl.col("day") >= pl.col("first") if series.from_birthday else pl.lit(value=True),
    )
    longer = pl.col("code").is_in(sorted(codes(*series.longer))).any().cast(pl.Int64)
    counted = doses.group_by("person").agg(days=pl.col("day").n_unique(), wanted=series.doses + longer)
    return people_of(counted.filter(pl.col("days") >= pl.col("wanted")))


def _spared(ill: pl.DataFrame, series: Series) -> frozenset[Hashable]:
    """Return who needs no doses: they had each illness, or must not be given the vaccine."""
    had = [people_of(coded(ill, codes(name))) for name in series.or_ill]
    immune = frozenset.intersection(*had) if had else frozenset()
    return immune | people_of(coded(ill, codes(*series.or_reacted)))


def _birthday(born: str, number: int) -> pl.Expr:
    """Return a birthday; who was born on 29 February has it on 28 February here, as calendars that add years do."""
    return pl.col(born).dt.offset_by(f"{number}y")
