"""A table as the search sees it: numbers for values, and each distinct row once, with how often it stands there."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from research.anonymity.demands import Demands, Sensitive, Unusable
from research.anonymity.hierarchies import MISSING, Hierarchy, Level, levels

# Beyond this a key of numbers no longer fits into 63 bits and is numbered anew.
WIDEST = 1 << 62
# Values of a sensitive column that fit as bits into one number.
BITS = 63


@dataclass(frozen=True)
class Values:
    """A sensitive column over the distinct rows: `row[i]` holds `value[i]` in `count[i]` rows of the table.

    Values are numbered from 0 in their order, an empty cell as the last. `bits[row]` has a bit for each value that
    is not empty, or is None where there are too many values.
    """

    asks: Sensitive
    row: np.ndarray
    value: np.ndarray
    count: np.ndarray
    kinds: int
    empty: int | None
    bits: np.ndarray | None


@dataclass(frozen=True)
class Table:
    """`codes[c][row]` is the leaf of column c in a distinct row, `counts[row]` how often that row stands in the table,
    `where[line]` the distinct row of a line of the table."""

    hierarchies: tuple[Hierarchy, ...]
    levels: tuple[tuple[Level, ...], ...]
    codes: tuple[np.ndarray, ...]
    counts: np.ndarray
    where: np.ndarray
    sensitive: tuple[Values, ...]

    @property
    def lines(self) -> int:
        return len(self.where)


def code(frame: pl.DataFrame, *, hierarchies: Sequence[Hierarchy], demands: Demands) -> Table:
    """Return a frame's quasi-identifiers, those with a hierarchy, and its sensitive columns as numbers.

    Empty cells stay apart until the last step. Raises Unusable where a column holds values that its hierarchy does
    not name; the values themselves are not told, for messages are kept where people's data must not be.
    """
    if not hierarchies:
        raise Unusable("There is no quasi-identifier: name the columns by which people could be recognised.")
    names = [hierarchy.column for hierarchy in hierarchies] + [one.column for one in demands.sensitive]
    if len(set(names)) < len(names):
        raise Unusable("A column is a quasi-identifier or sensitive, and either of them once.")
    hierarchies = [_with_all(frame, hierarchy) for hierarchy in hierarchies]
    lines = [_leaves(frame, hierarchy) for hierarchy in hierarchies]
    keys = combine(lines, [len(hierarchy.rows) for hierarchy in hierarchies])
    distinct = pl.DataFrame({"key": keys}).group_by("key").len("count").sort("key").with_row_index("row")
    found = pl.DataFrame({"key": keys}).join(distinct, on="key", how="left", maintain_order="left")
    where = found["row"].to_numpy().astype(np.int64)
    first = np.empty(len(distinct), dtype=np.int64)
    first[where[::-1]] = np.arange(len(where) - 1, -1, -1)
    return Table(
        hierarchies=tuple(hierarchies),
        levels=tuple(levels(hierarchy) for hierarchy in hierarchies),
        codes=tuple(line[first].astype(np.int64) for line in lines),
        counts=distinct["count"].to_numpy().astype(np.int64),
        where=where,
        sensitive=tuple(_values(frame, one, where, len(distinct)) for one in demands.sensitive),
    )


def combine(codes: Sequence[np.ndarray], radices: Sequence[int]) -> np.ndarray:
    """Return one number for each row, equal where all its codes are; what grows too wide is renumbered."""
    keys = np.zeros(len(codes[0]), dtype=np.int64)
    width = 1
    for column, radix in zip(codes, radices, strict=True):
        if width * radix > WIDEST:
            names, keys = np.unique(keys, return_inverse=True)
            width = len(names)
        keys = keys * radix + column
        width *= radix
    return keys


def _with_all(frame: pl.DataFrame, hierarchy: Hierarchy) -> Hierarchy:
    empty = frame[hierarchy.column].null_count() and MISSING not in hierarchy.leaves
    return hierarchy.with_missing() if empty else hierarchy


def _leaves(frame: pl.DataFrame, hierarchy: Hierarchy) -> np.ndarray:
    name = hierarchy.column
    text = frame[name].cast(pl.String).fill_null(MISSING)
    leaves = text.cast(pl.Enum(hierarchy.leaves), strict=False)
    if unknown := leaves.null_count():
        raise Unusable(f"In {unknown} rows {name} holds what its hierarchy does not name. Add these values to it.")
    return leaves.to_physical().to_numpy()


def _values(frame: pl.DataFrame, asks: Sensitive, where: np.ndarray, rows: int) -> Values:
    column = frame[asks.column]
    known = column.drop_nulls().unique().sort()
    numbers = pl.DataFrame({"value": known, "number": np.arange(len(known), dtype=np.int64)})
    joined = column.to_frame("value").join(numbers, on="value", how="left", maintain_order="left")
    value = joined["number"].fill_null(len(known)).to_numpy()
    kinds = len(known) + int(column.null_count() > 0)
    pairs = pl.DataFrame({"pair": where * kinds + value}).group_by("pair").len("count").sort("pair")
    row, value = np.divmod(pairs["pair"].to_numpy(), max(1, kinds))
    bits = None
    if len(known) <= BITS:
        bits = np.zeros(rows, dtype=np.int64)
        told = value < len(known)
        np.bitwise_or.at(bits, row[told], np.int64(1) << value[told])
    empty = len(known) if kinds > len(known) else None
    return Values(asks, row, value, pairs["count"].to_numpy().astype(np.int64), kinds, empty, bits)
