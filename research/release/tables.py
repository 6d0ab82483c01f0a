"""From records to the one table that may leave: flattened, without names, as coarse as it must be."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import polars as pl
import pyarrow as pa

from research.anonymity import files as anonymity
from research.anonymity.demands import Demands, Sensitive
from research.anonymity.hierarchies import ANY, Hierarchy, dates, intervals, prefixes
from research.anonymity.risks import Band
from research.deidentify import codes, declaring
from research.deidentify import running as deidentifying
from research.deidentify.declaring import PERSON, Column, Kind
from research.deidentify.marks import Mark
from research.deidentify.problems import Refused
from research.deidentify.pseudonyms import Pseudonyms
from research.deidentify.rules import OLDEST, Rules
from research.flatten import running as flattening
from research.flatten.plans import OWNER
from research.release import marking, viewing
from research.release.marking import Marked

# The share of people who may be left out so that the others need to become less coarse.
LEFT_OUT = 0.05


@dataclass(frozen=True)
class Made:
    """The table, what its columns are, the mark it bears, and what was done, in numbers alone."""

    frame: pl.DataFrame
    columns: dict[str, Column]
    mark: Mark
    facts: dict


def make(
    views: Sequence[Mapping], documents: pa.Table, *, names: Pseudonyms, rules: Rules, mark: Mark, folder: Path
) -> Made:
    """Return what may leave of records, one row for each person. `folder` holds nothing but the anonymous table.

    As many people as a code needs, `rules.fewest`, look alike at least. `mark` is of this copy alone.

    Raises ViewProblem, Refused, anonymity.demands.Unusable, and checker.Refused where the second program disagrees.
    """
    columns = viewing.declared(views)
    fewest = rules.fewest
    frame = pl.DataFrame({PERSON: []}, schema={PERSON: pl.String})
    for view in views:
        rows = _one_each(flattening.table(view, documents), declaring.declared(view))
        named = deidentifying.table(view, rows, rules, names)
        frame = frame.join(pl.DataFrame(named), on=PERSON, how="full", coalesce=True)
    frame = frame.sort(PERSON)
    quasi = [name for name, column in columns.items() if column.kind in viewing.QUASI]
    diverse = tuple(Sensitive(name, distinct=column.diverse) for name, column in columns.items() if column.diverse > 1)
    apart = {*quasi, *(one.column for one in diverse)}
    hierarchies = [_hierarchy(columns[name], frame, rules) for name in quasi]
    done: list[Marked] = []

    def last(made: pl.DataFrame) -> pl.DataFrame:
        done.append(marking.marked(made, columns, mark))
        return done[0].frame

    report = anonymity.anonymise(
        frame,
        folder / "data.parquet",
        hierarchies=hierarchies,
        demands=Demands(fewest, diverse, LEFT_OUT),
        person=PERSON,
        others=[name for name in columns if name not in apart],
        last=last,
    )
    facts = {
        "k": fewest,
        "diversity": {one.column: one.distinct for one in diverse},
        "rows": report.verdict.lines,
        "classes": report.verdict.classes,
        "smallest class": report.verdict.smallest,
        "suppressed": report.suppressed,
        "way": report.way,
        "rows left out at most": LEFT_OUT,
        "levels": report.levels,
        "hierarchies": {name: _steps(columns[name], rules) for name in quasi},
        "loss": asdict(report.losses),
        "risks before": asdict(report.risks_before),
        "risks after": asdict(report.risks_after),
        "classes before": _told(report.bands_before),
        "classes after": _told(report.bands_after),
        "left empty as a mark": done[0].emptied,
        "dates": rules.dates,
        "ages and years of": rules.today.isoformat(),
        "census of ZIP areas": rules.areas.census,
        "fewest people of a code": fewest,
    }
    return Made(pl.read_parquet(folder / "data.parquet"), columns, done[0].mark, facts)


def _told(bands: Sequence[Band]) -> list[list]:
    """Return how many classes have from so many to so many rows, and how many rows that is, as JSON has it."""
    return [[one.low, one.high, one.classes, one.lines] for one in bands]


def _steps(column: Column, rules: Rules) -> list[str]:
    """Return how a column becomes coarser, step by step: the rule alone, and no digest of the rows it was made of, for
    from one of areas could be worked out where people live."""
    if column.kind == Kind.DATE and rules.dates == "shifted":
        return ["month", "year", "10 years", ANY]
    years = {Kind.BIRTH: viewing.AGES, Kind.DATE: viewing.YEARS}.get(column.kind, ())
    digits = viewing.DIGITS if column.kind == Kind.ZIP else ()
    return [*(f"{width} years" for width in years), *(f"{length} digits" for length in digits), ANY]


def _one_each(rows: pa.Table, columns: Mapping[str, Column]) -> pa.Table:
    """Return one row for each person: of several the latest, by the view's first date."""
    frame = pl.DataFrame(rows)
    if frame[OWNER].n_unique() == len(frame):
        return rows
    by = next((name for name, column in columns.items() if column.kind == Kind.DATE), None)
    if by is None:
        raise Refused(
            next(iter(columns)), "somebody has more than one row here. Add a column of kind date; the latest counts."
        )
    latest = frame.sort(by, descending=True, nulls_last=True).unique(OWNER, keep="first", maintain_order=True)
    return latest.to_arrow().cast(rows.schema)


def _hierarchy(column: Column, frame: pl.DataFrame, rules: Rules) -> Hierarchy:
    name, first, last = column.name, rules.today.year - OLDEST, rules.today.year + 1
    if column.kind == Kind.BIRTH:
        return intervals(name, low=0, high=OLDEST - 1, widths=viewing.AGES, last=str(OLDEST))
    if column.kind == Kind.DATE and rules.dates == "shifted":
        return dates(name, first=date(first, 1, 1), last=date(last, 12, 31))
    if column.kind == Kind.DATE:
        return intervals(name, low=first, high=last, widths=viewing.YEARS)
    if column.kind == Kind.ZIP:
        return prefixes(name, frame[name].drop_nulls().unique().to_list() or ["000"], lengths=viewing.DIGITS)
    values = codes.SEXES if column.kind == Kind.SEX else codes.STATES
    return Hierarchy(name, tuple((value, ANY) for value in values))
