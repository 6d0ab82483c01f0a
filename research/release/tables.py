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
from research.release import marking, sharing, viewing
from research.release.marking import Marked
from research.release.sharing import Shared

# The share of people who may be left out so that the others need to become less coarse.
LEFT_OUT = 0.05


@dataclass(frozen=True)
class Made:
    """The table, what its columns are, the mark it bears, and what was done, in numbers alone."""

    frame: pl.DataFrame
    columns: dict[str, Column]
    mark: Mark
    facts: dict


@dataclass(frozen=True)
class _Done:
    """A table as the checker found it, and each step's own account."""

    frame: pl.DataFrame
    report: anonymity.Report
    shared: Shared
    marked: Marked


class _Short(Exception):
    """When rows were left out and numbers emptied, a value is shared by some people fewer than it must: by `people`."""

    def __init__(self, people: int) -> None:
        super().__init__(people)
        self.people = people


def make(
    views: Sequence[Mapping],
    documents: pa.Table,
    *,
    names: Pseudonyms,
    rules: Rules,
    mark: Mark,
    folder: Path,
    way: str = "full-domain",
) -> Made:
    """Return what may leave of records, one row for each person. `folder` holds nothing but the anonymous table.

    As many people as a code needs, `rules.fewest`, look alike at least, and share each value. `mark` is of this copy
    alone; `way` is how it becomes coarse, one of `anonymity.files.WAYS`.

    Raises ViewProblem, Refused, anonymity.demands.Unusable, and checker.Refused where the second program disagrees.
    """
    columns = viewing.declared(views)
    frame = pl.DataFrame({PERSON: []}, schema={PERSON: pl.String})
    for view in views:
        rows = _one_each(flattening.table(view, documents), declaring.declared(view))
        named = deidentifying.table(view, rows, rules, names)
        frame = frame.join(pl.DataFrame(named), on=PERSON, how="full", coalesce=True)
    frame = frame.sort(PERSON)
    people, target = rules.fewest, folder / "data.parquet"
    while True:
        try:
            done = _coarse(frame, columns, target, rules=rules, mark=mark, way=way, people=people)
            return Made(done.frame, columns, done.marked.mark, _facts(done, columns, rules))
        except _Short as short:
            people += short.people


def _coarse(
    frame: pl.DataFrame,
    columns: Mapping[str, Column],
    target: Path,
    *,
    rules: Rules,
    mark: Mark,
    way: str,
    people: int,
) -> _Done:
    """Return the table with each value shared by `people`, made coarse and marked. Raises _Short where those who are
    left share one with fewer than `rules.fewest`."""
    apart = sharing.names(columns)
    made = sharing.shared(frame, columns, people, key=mark.key, marked=marking.markable(columns, len(frame)))
    done: list[Marked] = []

    def last(coarse: pl.DataFrame) -> pl.DataFrame:
        done.append(marking.marked(coarse, columns, mark))
        if short := sharing.short(done[0].frame, apart, rules.fewest):
            raise _Short(short)
        return done[0].frame

    report = anonymity.anonymise(
        made.frame,
        target,
        hierarchies=[
            _hierarchy(columns[name], frame, rules) for name in columns if columns[name].kind in viewing.QUASI
        ],
        demands=Demands(rules.fewest, _diverse(columns), LEFT_OUT),
        person=PERSON,
        shared=apart,
        others=[name for name in columns if columns[name].kind == Kind.ID],
        way=way,
        last=last,
    )
    return _Done(pl.read_parquet(target), report, made, done[0])


def _diverse(columns: Mapping[str, Column]) -> tuple[Sensitive, ...]:
    return tuple(Sensitive(name, distinct=column.diverse) for name, column in columns.items() if column.diverse > 1)


def _facts(done: _Done, columns: Mapping[str, Column], rules: Rules) -> dict:
    report, shared = done.report, done.shared
    return {
        "k": rules.fewest,
        "diversity": {one.column: one.distinct for one in _diverse(columns)},
        "rows": report.verdict.lines,
        "classes": report.verdict.classes,
        "smallest class": report.verdict.smallest,
        "suppressed": report.suppressed,
        "way": report.way,
        "rows left out at most": LEFT_OUT,
        "levels": report.levels,
        "hierarchies": {
            name: _steps(column, rules) for name, column in columns.items() if column.kind in viewing.QUASI
        },
        "loss": asdict(report.losses),
        "risks before": asdict(report.risks_before),
        "risks after": asdict(report.risks_after),
        "classes before": _told(report.bands_before),
        "classes after": _told(report.bands_after),
        "left empty as a mark": done.marked.emptied,
        "emptied so that none stands alone": shared.emptied,
        "share of numbers as they were": shared.exact,
        "share of variance left": shared.variance,
        "rows alone by all columns": sharing.alone(done.frame, columns),
        "dates": rules.dates,
        "ages and years of": rules.today.isoformat(),
        "census of ZIP areas": rules.areas.census,
        "fewest people of a code": rules.fewest,
    }


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
