"""What a way of generalising makes of a table: the labels of each distinct row, its class, and what is left out."""

from dataclasses import dataclass

import numpy as np

from research.anonymity.hierarchies import Level
from research.anonymity.tables import Table

LEFT_OUT = -1


@dataclass(frozen=True)
class Labels:
    """One column after generalising: `of[row]` is the label of a distinct row, with its name, its loss from 0 to 1,
    and `under[label]`, the lines of the table whose value the label could mean."""

    of: np.ndarray
    names: tuple[str, ...]
    weights: np.ndarray
    under: np.ndarray


@dataclass(frozen=True)
class Outcome:
    """`classes[row]` is the class of a distinct row, or LEFT_OUT. `node` names the level of each column where all of
    it is on one; a column on level 0 is as it was. `checks` of `nodes` were looked at to be sure that none is better.
    """

    table: Table
    columns: tuple[Labels, ...]
    classes: np.ndarray
    node: tuple[int, ...] | None = None
    checks: int = 0
    nodes: int = 0

    @property
    def sizes(self) -> np.ndarray:
        """The number of lines in each class that is released."""
        stays = self.classes != LEFT_OUT
        sizes = np.bincount(self.classes[stays], weights=self.table.counts[stays]).astype(np.int64)
        return sizes[sizes > 0]

    @property
    def suppressed(self) -> int:
        """The number of lines that are left out."""
        return int(self.table.counts[self.classes == LEFT_OUT].sum())

    @property
    def kept_lines(self) -> np.ndarray:
        """For each line of the table, whether it is released."""
        stays: np.ndarray = self.classes != LEFT_OUT
        return np.asarray(stays[self.table.where])


def untouched(table: Table) -> Outcome:
    """Return the table as it is: each distinct row a class of its own."""
    node = (0,) * len(table.codes)
    return Outcome(table, at(table, node), np.arange(len(table.counts)), node)


def at(table: Table, node: tuple[int, ...]) -> tuple[Labels, ...]:
    """Return the labels of each column on the level that the node names for it."""
    return tuple(
        _on(steps[step], codes, table) for steps, step, codes in zip(table.levels, node, table.codes, strict=True)
    )


def _on(level: Level, codes: np.ndarray, table: Table) -> Labels:
    of = level.of[codes]
    under = np.bincount(of, weights=table.counts, minlength=len(level.names))
    return Labels(of, level.names, level.weights, under)
