"""How likely somebody is recognised in a table, by three kinds of attacker (El Emam 2013, chapter 16).

The prosecutor knows that a person is in the table, the journalist does not and looks for anybody, the marketer wants
to recognise as many as possible.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Risks:
    """Probabilities from 0 to 1. `over` is the share of lines whose own risk is above the threshold."""

    prosecutor: float
    prosecutor_over: float
    journalist: float
    journalist_over: float
    marketer: float


NONE = Risks(0.0, 0.0, 0.0, 0.0, 0.0)


def of(
    sizes: Sequence[int] | np.ndarray, *, threshold: float, population: Sequence[int] | np.ndarray | None = None
) -> Risks:
    """Return the risks of classes with these numbers of lines.

    `population` says how many people of the population look like each class; without it the table is taken for the
    population, so that the journalist's risk is never told too low. Raises ValueError where a population is smaller
    than its class.
    """
    lines = np.asarray(sizes, dtype=np.float64)
    people = lines if population is None else np.asarray(population, dtype=np.float64)
    if len(people) != len(lines) or (people < lines).any():
        raise ValueError("Each class needs its own number in the population, and that is never less than the class.")
    if not len(lines):
        return NONE
    everybody = lines.sum()
    return Risks(
        prosecutor=float(1 / lines.min()),
        prosecutor_over=float(lines[1 / lines > threshold].sum() / everybody),
        journalist=float(1 / people.min()),
        journalist_over=float(lines[1 / people > threshold].sum() / everybody),
        marketer=float((lines / people).sum() / everybody),
    )


# Class sizes as they are told: from, to.
BANDS = ((1, 1), (2, 4), (5, 10), (11, 20), (21, 50), (51, 100), (101, None))


@dataclass(frozen=True)
class Band:
    """How many classes have from `low` to `high` lines, and how many lines that is; `high` is None for no end."""

    low: int
    high: int | None
    classes: int
    lines: int


def bands(sizes: Sequence[int] | np.ndarray) -> tuple[Band, ...]:
    """Return how many classes and lines fall into each band of sizes."""
    found = np.asarray(sizes, dtype=np.int64)
    told = []
    for low, high in BANDS:
        here = found[(found >= low) & (found <= (high or found.max(initial=low)))]
        told.append(Band(low, high, len(here), int(here.sum())))
    return tuple(told)
