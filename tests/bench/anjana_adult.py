"""ANJANA on Adult, run by the Python of its own environment with the folder of the extract; prints a line of JSON."""

import csv
import json
import sys
import time
from importlib.metadata import version
from pathlib import Path

import anjana.anonymity
import pandas as pd

QUASI = ["sex", "age", "race", "marital-status", "education", "native-country", "workclass", "salary-class"]


def main(folder: Path) -> None:
    data = pd.read_csv(folder / "adult.csv", sep=";", dtype=str)
    rows = {}
    for name in QUASI:
        with (folder / f"adult_hierarchy_{name}.csv").open(encoding="utf-8", newline="") as file:
            rows[name] = list(csv.reader(file, delimiter=";"))
    steps = {name: dict(enumerate(map(list, zip(*read, strict=True)))) for name, read in rows.items()}
    begun = time.perf_counter()
    found = anjana.anonymity.l_diversity(data, [], list(QUASI), "occupation", 5, 2, 5, steps)
    seconds = time.perf_counter() - begun
    lost = sum(found[name].map(weights(read)).sum() for name, read in rows.items())
    suppressed = len(data) - len(found)
    loss = (lost / len(QUASI) + suppressed) / len(data)
    told = {"seconds": seconds, "loss": loss, "suppressed": suppressed, "version": version("anjana")}
    print(json.dumps(told))  # noqa: T201


def weights(rows: list) -> dict:
    """Return each label's loss: (values under it - 1) / (all values - 1)."""
    under = {}
    for labels in zip(*rows, strict=True):
        for label in set(labels):
            under[label] = max(under.get(label, 0), labels.count(label))
    return {label: (count - 1) / max(1, len(rows) - 1) for label, count in under.items()}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
