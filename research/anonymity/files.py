"""From a table or Parquet to Parquet: read, generalise, let the checker look, and only then is there a file."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from research.anonymity import checker, lattice, losses, mondrian, risks
from research.anonymity.demands import Demands, Unusable
from research.anonymity.hierarchies import Hierarchy
from research.anonymity.losses import Losses
from research.anonymity.outcomes import Labels, Outcome, untouched
from research.anonymity.risks import Band, Risks
from research.anonymity.tables import code

# The two ways, by the names that a study's configuration uses.
WAYS: dict[str, Callable[..., Outcome]] = {"full-domain": lattice.search, "mondrian": mondrian.divide}


@dataclass(frozen=True)
class Report:
    """What was done and what it means, in numbers alone. `levels` names each column's level where columns have one."""

    way: str
    lines: int
    suppressed: int
    levels: dict[str, int]
    losses: Losses
    risks_before: Risks
    risks_after: Risks
    bands_before: tuple[Band, ...]
    bands_after: tuple[Band, ...]
    verdict: checker.Verdict


def anonymise(
    source: Path | pl.DataFrame,
    target: Path,
    *,
    hierarchies: Sequence[Hierarchy],
    demands: Demands,
    person: str | None = None,
    shared: Sequence[str] = (),
    others: Sequence[str] = (),
    way: str = "full-domain",
    watch: lattice.Watch | None = None,
    last: Callable[[pl.DataFrame], pl.DataFrame] = lambda frame: frame,
) -> Report:
    """Write the anonymous table to `target` and return the report. One row is one person; see `checker.check` for
    `person`, `shared` and `others`. The source may be a table in memory, so that it need not be written in the clear.
    What is to be done to the table at the very end is done by `last`, before the checker looks; what it raises ends it.

    Raises Unusable where a person has more than one row or a value has no place in its hierarchy, Unreachable where
    no way meets the demands, checker.Refused where the checker disagrees. There is no target then.
    """
    frame = source if isinstance(source, pl.DataFrame) else pl.read_parquet(source)
    if person and frame[person].n_unique() < len(frame):
        raise Unusable("Somebody has more than one row. Make one row of them: rows alike must be different people.")
    table = code(frame, hierarchies=hierarchies, demands=demands)
    outcome = WAYS[way](table, demands, watch=watch)
    waiting = target.with_name(target.name + ".unchecked")
    try:
        last(generalised(frame, outcome)).write_parquet(waiting, statistics=False)
        verdict = _checked(waiting, outcome, demands, person=person, shared=shared, others=others)
        waiting.replace(target)
    finally:
        with suppress(FileNotFoundError):
            waiting.unlink()
    return _report(way, outcome, demands, verdict)


def generalised(frame: pl.DataFrame, outcome: Outcome) -> pl.DataFrame:
    """Return the frame with its quasi-identifiers as the outcome labels them, without the lines that are left out.

    Columns that stay exact keep their type, others become text. The order of lines is that of the frame.
    """
    where = outcome.table.where
    columns = []
    for number, (hierarchy, labels) in enumerate(zip(outcome.table.hierarchies, outcome.columns, strict=True)):
        if outcome.node is None or outcome.node[number]:
            columns.append(_text(hierarchy.column, labels, where))
    frame = frame.with_columns(columns)
    return frame.filter(pl.Series(outcome.kept_lines)) if outcome.suppressed else frame


def _text(name: str, labels: Labels, where: np.ndarray) -> pl.Series:
    names = {label: number for number, label in enumerate(dict.fromkeys(labels.names))}
    numbers = np.array([names[label] for label in labels.names], dtype=np.uint32)
    return pl.Series(name, numbers[labels.of][where]).cast(pl.UInt32).cat.to(pl.Enum(list(names)))


def _checked(
    path: Path,
    outcome: Outcome,
    demands: Demands,
    *,
    person: str | None,
    shared: Sequence[str],
    others: Sequence[str],
) -> checker.Verdict:
    verdict = checker.check(
        path,
        quasi=[hierarchy.column for hierarchy in outcome.table.hierarchies],
        k=demands.k,
        distinct={one.column: one.distinct for one in demands.sensitive},
        entropy={one.column: one.entropy for one in demands.sensitive if one.entropy > 1},
        closeness={one.column: one.closeness for one in demands.sensitive if one.closeness is not None},
        ordered=[one.column for one in demands.sensitive if one.ordered],
        shared=shared,
        person=person,
        others=others,
    )
    if not verdict.agreed:
        raise checker.Refused(verdict)
    return verdict


def _report(way: str, outcome: Outcome, demands: Demands, verdict: checker.Verdict) -> Report:
    before, after = untouched(outcome.table).sizes, outcome.sizes
    names = [hierarchy.column for hierarchy in outcome.table.hierarchies]
    return Report(
        way=way,
        lines=outcome.table.lines,
        suppressed=outcome.suppressed,
        levels=dict(zip(names, outcome.node, strict=True)) if outcome.node else {},
        losses=losses.of(outcome),
        risks_before=risks.of(before, threshold=1 / demands.k),
        risks_after=risks.of(after, threshold=1 / demands.k),
        bands_before=risks.bands(before),
        bands_after=risks.bands(after),
        verdict=verdict,
    )
