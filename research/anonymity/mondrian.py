"""Mondrian: local recoding. The table is cut in two or more where it is widest, again and again, as long as each
part meets the demands; what is 20-24 in a crowd may stay 20-59 where few live. No row is left out.
(LeFevre 2006; columns whose order means nothing are cut along their hierarchy.)
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from research.anonymity import classes
from research.anonymity.demands import Demands, Unreachable
from research.anonymity.outcomes import Labels, Outcome
from research.anonymity.tables import Table


@dataclass(frozen=True)
class _Part:
    """Some distinct rows, and for each sensitive column where in `Values` what they hold stands."""

    rows: np.ndarray
    held: tuple[np.ndarray, ...]


@dataclass(frozen=True)
class _Span:
    """What a part covers of a column: a label's name, its loss, and the number of lines of the table it could mean."""

    name: str
    weight: float
    under: float


def divide(table: Table, demands: Demands, *, watch: Callable[[int, int], None] | None = None) -> Outcome:
    """Return the table cut as fine as Mondrian can. Raises Unreachable when even the whole does not meet the demands.

    `watch` is called with the distinct rows that are settled and those there are; what it raises ends the work.
    """
    cutter = _Cutter(table, demands)
    waiting = [_Part(np.arange(len(table.counts)), tuple(np.arange(len(one.row)) for one in table.sensitive))]
    if not cutter.meets(waiting[0]):
        raise Unreachable("Even the whole table as one class does not meet the demands.")
    whole: list[_Part] = []
    settled = 0
    while waiting:
        part = waiting.pop()
        pieces = cutter.cut(part)
        waiting += pieces
        if not pieces:
            whole.append(part)
            settled += len(part.rows)
            if watch:
                watch(settled, len(table.counts))
    return cutter.outcome(whole)


class _Cutter:
    def __init__(self, table: Table, demands: Demands) -> None:
        self.table, self.demands = table, demands
        self.lines = [
            np.bincount(codes, weights=table.counts, minlength=len(levels[0].of))
            for codes, levels in zip(table.codes, table.levels, strict=True)
        ]
        self.shares = [np.bincount(one.value, weights=one.count, minlength=one.kinds) for one in table.sensitive]
        self.side = np.zeros(len(table.counts), dtype=np.int64)

    def meets(self, part: _Part) -> bool:
        """Whether a part may be a class."""
        if int(self.table.counts[part.rows].sum()) < self.demands.k:
            return False
        return all(
            classes.fits(values, values.value[held], values.count[held], overall)
            for values, held, overall in zip(self.table.sensitive, part.held, self.shares, strict=True)
        )

    def cut(self, part: _Part) -> list[_Part]:
        """Return the pieces of a part, cut in the widest column where all pieces meet the demands, or nothing."""
        if int(self.table.counts[part.rows].sum()) < 2 * self.demands.k:
            return []
        widths = [self.span(column, part).weight for column in range(len(self.table.codes))]
        for column in np.argsort(widths, kind="stable")[::-1]:
            if widths[column] == 0:
                break
            for sides in self._ways(int(column), part):
                pieces = self._pieces(part, sides)
                if len(pieces) > 1 and all(self.meets(piece) for piece in pieces):
                    return pieces
        return []

    def _ways(self, column: int, part: _Part) -> Iterator[np.ndarray]:
        """Yield ways to cut: for each row of the part the number of its side."""
        codes = self.table.codes[column][part.rows]
        if self.table.hierarchies[column].ordered:
            order = np.argsort(codes, kind="stable")
            running = np.cumsum(self.table.counts[part.rows][order])
            median = codes[order][np.searchsorted(running, running[-1] / 2)]
            yield (codes > median).astype(np.int64)
            yield (codes >= median).astype(np.int64)
            return
        for level in reversed(self.table.levels[column]):
            sides = level.of[codes]
            if (sides != sides[0]).any():
                yield sides
                return

    def _pieces(self, part: _Part, sides: np.ndarray) -> list[_Part]:
        self.side[part.rows] = sides
        held = [self.side[one.row[at]] for one, at in zip(self.table.sensitive, part.held, strict=True)]
        return [
            _Part(part.rows[sides == side], tuple(at[of == side] for at, of in zip(part.held, held, strict=True)))
            for side in np.unique(sides)
        ]

    def span(self, column: int, part: _Part) -> _Span:
        """Return what a part covers of a column: from the least to the greatest, or the lowest label above all."""
        leaves = self.table.hierarchies[column].rows
        codes, lines = self.table.codes[column][part.rows], self.lines[column]
        if self.table.hierarchies[column].ordered:
            low, high = int(codes.min()), int(codes.max())
            name = leaves[low][0] if low == high else f"{leaves[low][0]}-{leaves[high][0]}"
            return _Span(name, (high - low) / max(1, len(leaves) - 1), lines[low : high + 1].sum())
        for level in self.table.levels[column]:
            labels = level.of[codes]
            if (labels == labels[0]).all():
                label = int(labels[0])
                return _Span(level.names[label], float(level.weights[label]), lines[level.of == label].sum())
        return _Span("*", 1.0, lines.sum())

    def outcome(self, parts: list[_Part]) -> Outcome:
        of = np.empty(len(self.table.counts), dtype=np.int64)
        for number, part in enumerate(parts):
            of[part.rows] = number
        return Outcome(
            self.table, tuple(self._labels(column, parts, of) for column in range(len(self.table.codes))), of
        )

    def _labels(self, column: int, parts: list[_Part], of: np.ndarray) -> Labels:
        spans = [self.span(column, part) for part in parts]
        numbers = {span: number for number, span in enumerate(dict.fromkeys(spans))}
        label = np.array([numbers[span] for span in spans], dtype=np.int64)
        return Labels(
            label[of],
            tuple(span.name for span in numbers),
            np.array([span.weight for span in numbers]),
            np.array([span.under for span in numbers]),
        )
