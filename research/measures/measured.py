"""What a measure found: the people it is of, and those of them who meet it. True numbers: they do not leave."""

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import date

import polars as pl


@dataclass(frozen=True)
class Period:
    """Days from first to last, both in it."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError("A period ends on its first day or later.")

    @property
    def half(self) -> pl.Expr:
        """The first day that is not of its first six months."""
        return pl.lit(self.first).dt.offset_by("6mo")

    def holds(self, column: str) -> pl.Expr:
        """Whether a day is in the period."""
        return pl.col(column).is_between(self.first, self.last)


@dataclass(frozen=True)
class Measured:
    """The people whom a measure is of, and those who meet it. `unread` results had a unit that is not known."""

    name: str
    period: Period
    people: frozenset[Hashable]
    met: frozenset[Hashable]
    unread: int = 0

    def __post_init__(self) -> None:
        if not self.met <= self.people:
            raise ValueError("Who meets a measure is one of those it is of.")


def aged(people: pl.DataFrame, *, least: int, most: int, at: date) -> frozenset[Hashable]:
    """Return who is from `least` to `most` years old on a day. Whose birth is not known is not counted."""
    return people_of(people.filter(years("born", pl.lit(at)).is_between(least, most)))


def years(born: str, at: pl.Expr) -> pl.Expr:
    """Return whole years from birth to a day; who was born on 29 February has their birthday on 1 March."""
    day = pl.col(born)
    before = (at.dt.month() < day.dt.month()) | ((at.dt.month() == day.dt.month()) & (at.dt.day() < day.dt.day()))
    return at.dt.year() - day.dt.year() - before.cast(pl.Int32)


def coded(table: pl.DataFrame, codes: frozenset[str]) -> pl.DataFrame:
    """Return the rows whose code is one of these."""
    return table.filter(pl.col("code").is_in(sorted(codes)))


def people_of(table: pl.DataFrame) -> frozenset[Hashable]:
    """Return whose rows these are."""
    return frozenset(table["person"].unique().to_list())
