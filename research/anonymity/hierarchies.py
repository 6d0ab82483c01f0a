"""Hierarchies: each value of a column, and what it becomes step by step. Data, read from CSV or made by a rule."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np

ANY = "*"
# What an empty cell is called before it is generalised.
MISSING = ""


@dataclass(frozen=True)
class Hierarchy:
    """A row for each value: the value, then its labels, each at least as coarse as the one before.

    `ordered` says that the rows stand in an order that means something, as ages do: Mondrian may then cut anywhere.
    Raises ValueError for rows of different lengths, a value named twice, or a label that later falls apart.
    """

    column: str
    rows: tuple[tuple[str, ...], ...]
    ordered: bool = False

    def __post_init__(self) -> None:
        if not self.rows or len({len(row) for row in self.rows}) != 1 or not self.rows[0]:
            raise ValueError(f"Each value of {self.column} needs the same number of labels, and there must be one.")
        if len({row[0] for row in self.rows}) != len(self.rows):
            raise ValueError(f"The hierarchy of {self.column} names a value twice.")
        for level in range(1, self.height):
            above: dict[str, str] = {}
            if any(above.setdefault(row[level - 1], row[level]) != row[level] for row in self.rows):
                raise ValueError(f"Step {level} of {self.column} parts values that the step before had put together.")

    @property
    def leaves(self) -> tuple[str, ...]:
        return tuple(row[0] for row in self.rows)

    @property
    def height(self) -> int:
        """How many levels there are, the values themselves counted."""
        return len(self.rows[0])

    def with_missing(self) -> "Hierarchy":
        """Return the hierarchy with a row for empty cells, which stay apart until the last step.

        It is no longer ordered: an empty cell stands before nothing and after nothing.
        """
        last = {row[-1] for row in self.rows}
        top = last.pop() if len(last) == 1 else MISSING
        row = (MISSING,) * (self.height - 1) + (top,) if self.height > 1 else (MISSING,)
        return replace(self, rows=(*self.rows, row), ordered=False)


@dataclass(frozen=True)
class Level:
    """One level as numbers: `of[leaf]` is the label's number, `weights[label]` its loss from 0 (exact) to 1 (any)."""

    of: np.ndarray
    names: tuple[str, ...]
    weights: np.ndarray


def levels(hierarchy: Hierarchy) -> tuple[Level, ...]:
    """Return the levels of a hierarchy, the exact one first. A label's loss is (values under it - 1) / (all - 1)."""
    most = max(1, len(hierarchy.rows) - 1)
    found = []
    for labels in zip(*hierarchy.rows, strict=True):
        numbers: dict[str, int] = {}
        of = np.array([numbers.setdefault(label, len(numbers)) for label in labels], dtype=np.int64)
        found.append(Level(of, tuple(numbers), (np.bincount(of) - 1) / most))
    return tuple(found)


def read(path: Path, *, column: str, delimiter: str = ";", ordered: bool = False) -> Hierarchy:
    """Return the hierarchy in a CSV file without a heading, as ARX writes them."""
    with path.open(encoding="utf-8", newline="") as file:
        return Hierarchy(column, tuple(tuple(row) for row in csv.reader(file, delimiter=delimiter) if row), ordered)


def write(hierarchy: Hierarchy, path: Path, *, delimiter: str = ";") -> None:
    """Write a hierarchy as the CSV that `read` reads."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=delimiter, lineterminator="\n").writerows(hierarchy.rows)


def intervals(column: str, *, low: int, high: int, widths: Sequence[int], last: str = "") -> Hierarchy:
    """Return whole numbers from `low` to `high`, then intervals of each width, then any.

    `last` names one more value above all, such as "90+", which is put with the highest interval. Raises ValueError
    unless each width is a multiple of the one before, for intervals would else overlap.
    """
    steps = [1, *widths]
    if any(wide % narrow for narrow, wide in pairwise(steps)):
        raise ValueError("Each width must be a multiple of the one before.")
    rows = [(str(value), *(_interval(value, width) for width in widths), ANY) for value in range(low, high + 1)]
    if last:
        rows.append((last, *(last for _ in widths), ANY))
    return Hierarchy(column, tuple(rows), ordered=True)


def _interval(value: int, width: int) -> str:
    start = value // width * width
    return f"{start}-{start + width - 1}"


def dates(column: str, *, first: date, last: date) -> Hierarchy:
    """Return each day from first to last as ISO writes it, then its month, its year, its ten years, then any."""
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    rows = [(f"{day:%Y-%m-%d}", f"{day:%Y-%m}", f"{day:%Y}", _interval(day.year, 10), ANY) for day in days]
    return Hierarchy(column, tuple(rows), ordered=True)


def prefixes(column: str, values: Iterable[str], *, lengths: Sequence[int]) -> Hierarchy:
    """Return codes such as ZIP codes, then only their first characters, as many as each length says, then any."""
    if list(lengths) != sorted(lengths, reverse=True):
        raise ValueError("Lengths must fall from step to step.")
    rows = [(value, *(_prefix(value, length) for length in lengths), ANY) for value in sorted(set(values))]
    return Hierarchy(column, tuple(rows), ordered=True)


def _prefix(value: str, length: int) -> str:
    return value[:length] + ANY * max(0, len(value) - length)
