"""Leaves the numbers of a table empty that its mark takes, before the checker looks at it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from research.deidentify.declaring import Column, Kind
from research.deidentify.marks import ONE_IN, Context, Mark

# Below so many numbers nobody could tell a mark from chance, so none is left empty.
LEAST = 250
# Numbers that stand beside the same cells share their lot: at most so many on average.
ALIKE = 4
MOST_CONTEXTS = 3


@dataclass(frozen=True)
class Marked:
    """A table as it leaves, the mark it bears, and how many numbers of which column were left empty for it."""

    frame: pl.DataFrame
    mark: Mark
    emptied: dict[str, int]


def marked(frame: pl.DataFrame, columns: Mapping[str, Column], mark: Mark) -> Marked:
    """Return a table with some numbers left empty. Columns by which people are grouped, and those that must show
    different values in each group, stay as they are."""
    beside = [name for name, column in columns.items() if column.kind != Kind.ID]
    contexts: list[Context] = []
    emptied: dict[str, int] = {}
    found = []
    for name in markable(columns, len(frame)):
        own = _contexts(frame, name, [other for other in beside if other != name])
        if own:
            taken = _taken(frame, mark, own)
            emptied[name] = int(taken.sum())
            found.append(pl.when(taken).then(None).otherwise(pl.col(name)).alias(name))
            contexts += own
    return Marked(frame.with_columns(found), replace(mark, contexts=tuple(contexts)), emptied)


def markable(columns: Mapping[str, Column], rows: int) -> list[str]:
    """Return the columns of which some numbers may be left empty, in a table of so many rows."""
    numbers = [name for name, column in columns.items() if column.kind == Kind.NUMBER and column.diverse == 1]
    return numbers if rows >= LEAST else []


def _contexts(frame: pl.DataFrame, name: str, beside: Sequence[str]) -> list[Context]:
    """Return by what a column's numbers are chosen: pairs, that a copy with fewer columns still has, or else the whole
    row; none where too few numbers would be chosen, or too many together."""
    pairs = [(name, other) for other in beside if _is_fine(frame, (name, other))][:MOST_CONTEXTS]
    if not pairs and _is_fine(frame, (name, *beside)):
        pairs = [(name, *beside)]
    return [Context(one, ONE_IN * len(pairs)) for one in pairs]


def _is_fine(frame: pl.DataFrame, names: Sequence[str]) -> bool:
    told = frame.select(names).drop_nulls()
    return len(told) >= LEAST and len(told) <= ALIKE * told.n_unique()


def _taken(frame: pl.DataFrame, mark: Mark, contexts: Sequence[Context]) -> pl.Series:
    taken = pl.repeat(False, len(frame), eager=True)
    for context in contexts:
        rows = frame.select(context.columns).iter_rows()
        taken |= pl.Series([mark.takes(context, row) for row in rows], dtype=pl.Boolean)
    return taken
