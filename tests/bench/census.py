"""The Adult census extract, the yardstick of the field, and a million rows made of it."""

import sys
from pathlib import Path

import numpy as np
import polars as pl

from research.anonymity import hierarchies
from research.anonymity.demands import Demands, Sensitive
from research.anonymity.hierarchies import Hierarchy

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "adult"
QUASI = ("sex", "age", "race", "marital-status", "education", "native-country", "workclass", "salary-class")
DEMANDS = Demands(5, (Sensitive("occupation", distinct=2),), limit=0.05)
MILLION, STRAY = 1_000_000, 0.05


def read() -> list[Hierarchy]:
    """Return the hierarchies that stand beside the extract."""
    return [
        hierarchies.read(FOLDER / f"adult_hierarchy_{name}.csv", column=name, ordered=name == "age") for name in QUASI
    ]


def small(path: Path) -> None:
    """Write the extract's 30,162 rows as Parquet."""
    pl.read_csv(FOLDER / "adult.csv", separator=";").write_parquet(path)


def large(path: Path) -> None:
    """Write a million rows: each is a random one of the extract, with one cell in twenty from another random one.

    Copies alone would stand together in classes of 33 and ask nothing of a search; the strays make rare people.
    """
    frame = pl.read_csv(FOLDER / "adult.csv", separator=";")
    dice = np.random.default_rng(7)
    drawn = frame[dice.integers(0, len(frame), MILLION)]
    columns = []
    for name in frame.columns:
        other = frame[name][dice.integers(0, len(frame), MILLION)]
        stray = pl.Series(dice.random(MILLION) < STRAY)
        columns.append(pl.select(pl.when(stray).then(other).otherwise(drawn[name]).alias(name)).to_series())
    pl.DataFrame(columns).write_parquet(path)


if __name__ == "__main__":
    {"small": small, "large": large}[sys.argv[1]](Path(sys.argv[2]))
