"""Small tables with hierarchies, drawn at random, and the slow way to the best node: all of them, in plain Python."""

import math
import random
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import product

import polars as pl

from research.anonymity.demands import Demands, Sensitive
from research.anonymity.hierarchies import ANY, Hierarchy


@dataclass
class Case:
    frame: pl.DataFrame
    hierarchies: list[Hierarchy]
    demands: Demands


def drawn(seed: int, *, shares: bool) -> Case:
    """Return a table of at most 60 rows; with `shares` its demands look at entropy or closeness, too."""
    dice = random.Random(seed)
    hierarchies = [_hierarchy(dice, f"quasi {number}") for number in range(dice.randint(1, 3))]
    rows = dice.randint(1, 60)
    columns = {one.column: [_skewed(dice, one.leaves) for _ in range(rows)] for one in hierarchies}
    kinds = dice.randint(1, 5)
    columns["illness"] = [dice.choice([None, *range(kinds)]) if dice.random() < 0.1 else dice.randrange(kinds)
                          for _ in range(rows)]  # fmt: skip
    asks = Sensitive("illness", dice.randint(1, 3))
    if shares:
        asks = Sensitive(
            "illness", dice.randint(1, 2), entropy=dice.choice([1, 1.5, 2]), ordered=dice.random() < 0.5,
            closeness=dice.choice([None, 0.1, 0.25, 0.4]),
        )  # fmt: skip
    demands = Demands(dice.randint(1, 6), (asks,), dice.choice([0, 0.02, 0.05, 0.2, 0.5]))
    return Case(pl.DataFrame(columns, schema_overrides={"illness": pl.Int64}), hierarchies, demands)


def _hierarchy(dice: random.Random, column: str) -> Hierarchy:
    rows = [[f"{column}={number}"] for number in range(dice.randint(1, 7))]
    for level in range(dice.randint(0, 2)):
        part = {row[-1]: f"{column} {level} {dice.randrange(3)}" for row in rows}
        rows = [[*row, part[row[-1]]] for row in rows]
    return Hierarchy(column, tuple((*row, ANY) for row in rows))


def _skewed(dice: random.Random, leaves: tuple[str, ...]) -> str:
    return leaves[min(dice.randrange(len(leaves)), dice.randrange(len(leaves)))]


def best_of_all(case: Case) -> tuple[float, int] | None:
    """Return the least loss of any node that meets the demands and the rows left out there, or None."""
    found = []
    for node in product(*(range(one.height) for one in case.hierarchies)):
        loss, left_out = _at(case, node)
        if left_out <= case.demands.limit * len(case.frame):
            found.append((loss, left_out))
    return min(found) if found else None


def _at(case: Case, node: tuple[int, ...]) -> tuple[float, int]:
    rows = case.frame.rows(named=True)
    paths = [{row[0]: row for row in one.rows} for one in case.hierarchies]
    classes = defaultdict(list)
    for row in rows:
        label = tuple(path[row[one.column]][level]
                      for one, path, level in zip(case.hierarchies, paths, node, strict=True))  # fmt: skip
        classes[label].append(row["illness"])
    good = {label: held for label, held in classes.items() if keeps(held, case.demands)}
    asks = case.demands.sensitive[0]
    while asks.closeness is not None:
        everybody = [one for held in good.values() for one in held]
        values = case.frame["illness"].to_list()
        near = {label: held for label, held in good.items()
                if distance(held, everybody, values, asks.ordered) <= asks.closeness + 1e-11}  # fmt: skip
        if len(near) == len(good):
            break
        good = near
    kept = sum(map(len, good.values()))
    lost = sum(len(held) * _lost(label, node, case.hierarchies) for label, held in good.items())
    return (lost + len(rows) - kept) / len(rows), len(rows) - kept


def keeps(held: list, demands: Demands) -> bool:
    """Whether a class has enough rows, values and entropy."""
    asks, told = demands.sensitive[0], Counter(one for one in held if one is not None)
    shares = [count / told.total() for count in told.values()]
    entropy = -sum(share * math.log(share) for share in shares)
    enough = len(held) >= demands.k and len(told) >= (asks.distinct if asks.distinct > 1 else 0)
    return enough and (asks.entropy == 1 or entropy >= math.log(asks.entropy) - 1e-11)


def distance(held: list, everybody: list, values: list, ordered: bool) -> float:
    """Return the earth mover's distance of a class from all rows, for equal steps or for all values alike."""
    kinds = sorted(set(values), key=lambda one: (one is None, one))
    gaps = [held.count(kind) / len(held) - everybody.count(kind) / len(everybody) for kind in kinds]
    if not ordered:
        return sum(map(abs, gaps)) / 2
    running = [abs(sum(gaps[: number + 1])) for number in range(len(gaps) - 1)]
    return sum(running) / max(1, len(gaps) - 1)


def _lost(label: tuple[str, ...], node: tuple[int, ...], hierarchies: list[Hierarchy]) -> float:
    parts = []
    for name, level, one in zip(label, node, hierarchies, strict=True):
        under = sum(row[level] == name for row in one.rows)
        parts.append((under - 1) / max(1, len(one.rows) - 1))
    return sum(parts) / len(parts)
