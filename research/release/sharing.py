"""Lets no cell leave that stands alone: each value of a column is in as many rows as must look alike, and so is the
empty cell. By what one person alone has in a table, another table's row of theirs would be found.

Not asked of the columns by which people are grouped, which are made coarse together, nor of pseudonyms, which are made
for one release and stand in no other.
"""

import hmac
import random
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import polars as pl

from research.anonymity import microaggregation
from research.deidentify.declaring import Column, Kind
from research.release import viewing


@dataclass(frozen=True)
class Shared:
    """A table whose values are shared, the columns in which cells were emptied for it, and of each column of numbers
    which share stayed as it was, in tenths, and how much of the variance, in hundredths: exact counts would tell how
    many are rare."""

    frame: pl.DataFrame
    emptied: list[str]
    exact: dict[str, float]
    variance: dict[str, float]


def names(columns: Mapping[str, Column]) -> list[str]:
    """Return the columns whose values must be shared."""
    return [name for name, column in columns.items() if column.kind not in viewing.QUASI | {Kind.ID}]


def shared(
    frame: pl.DataFrame, columns: Mapping[str, Column], people: int, *, key: bytes, marked: Collection[str] = ()
) -> Shared:
    """Return the table with each value in the rows of `people` at least.

    Numbers become means of groups; a code that fewer have is left empty, and of truths both, for of two the one tells
    the other. Where cells are empty then, or will be in the columns that are to be `marked`, so many are emptied at
    random, drawn by `key`, that these stand no more alone than others.
    """
    made = {name: _shared(frame[name], columns[name], people, key, name in marked) for name in names(columns)}
    numbers = [name for name in made if columns[name].kind == Kind.NUMBER]
    return Shared(
        frame.with_columns(made.values()),
        [name for name, new in made.items() if new.null_count() > frame[name].null_count()],
        {name: round((made[name] == frame[name]).sum() / max(1, len(frame)), 1) for name in numbers},
        {name: round(_left(frame[name], made[name]), 2) for name in numbers},
    )


def short(frame: pl.DataFrame, of: Iterable[str], people: int) -> int:
    """Return by how many rows that value falls short of `people` which falls short most; 0 where each has enough."""
    least = [frame[name].value_counts()["count"].min() for name in of]
    return max((people - int(str(rows)) for rows in least if rows is not None and int(str(rows)) < people), default=0)


def alone(frame: pl.DataFrame, columns: Mapping[str, Column]) -> int:
    """Return how many rows no other equals in everything but pseudonyms: all cells are shared, all together are not."""
    told = [name for name, column in columns.items() if column.kind != Kind.ID]
    return int(frame.select(told).is_unique().sum())


def _shared(values: pl.Series, column: Column, people: int, key: bytes, marked: bool) -> pl.Series:
    # Where some cells are yet to be emptied, each value must be in enough rows without these.
    if column.kind == Kind.NUMBER:
        spare = _missing(values, people, marked)
        made = microaggregation.grouped(values, people + spare, decimals=column.decimals)
    else:
        made = _common(values, column, people)
        if spare := _missing(made, people, marked):
            made = _common(made, column, people + spare)
    return _emptied(made, people, key, marked)


def _common(values: pl.Series, column: Column, people: int) -> pl.Series:
    """Return codes or truths without those that fewer rows have; of truths none then."""
    counts = values.drop_nulls().value_counts()
    rare = counts.filter(pl.col("count") < people)[values.name].to_list()
    if column.kind == Kind.TRUTH and rare:
        rare = [True, False]
    told = pl.when(~pl.col(values.name).is_in(rare)).then(pl.col(values.name))
    return values.to_frame().select(told).to_series()


def _missing(values: pl.Series, people: int, marked: bool) -> int:
    """Return how many more cells must be empty for the empty ones to be enough, if any is or will be."""
    return max(0, people - values.null_count()) if marked or values.null_count() else 0


def _emptied(values: pl.Series, people: int, key: bytes, marked: bool) -> pl.Series:
    full = values.is_not_null().arg_true().to_list()
    drawn = random.Random(hmac.digest(key, b"emptied in " + values.name.encode(), "sha256"))  # noqa: S311 - seeded by a secret
    taken = drawn.sample(full, min(_missing(values, people, marked), len(full)))
    return values.scatter(taken, None) if taken else values


def _left(before: pl.Series, after: pl.Series) -> float:
    told = before.filter(after.is_not_null())
    was = float(str(told.var(ddof=0) or 0))
    return float(str(after.var(ddof=0) or 0)) / was if was else 1.0
