"""The second opinion before anything leaves: it looks at the file alone, in plain SQL, and knows nothing of the search.

It shares no line with the rest of this package, which an architecture rule holds, so that one mistake cannot be made
in both. It is told which columns are quasi-identifiers and what was promised, and groups the file anew.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log2
from pathlib import Path

import duckdb

# What sums of shares may be off by.
ROUNDING = 1e-9


@dataclass(frozen=True)
class Verdict:
    """What the file holds, and each promise that it breaks in words; none is told of a single person."""

    lines: int
    classes: int
    smallest: int
    broken: tuple[str, ...]

    @property
    def agreed(self) -> bool:
        return not self.broken


class Refused(Exception):
    """The file does not keep what was promised for it. `verdict` says in what."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__("The file may not leave. " + " ".join(verdict.broken))
        self.verdict = verdict


def check(
    path: Path,
    *,
    quasi: Sequence[str],
    k: int,
    distinct: Mapping[str, int] | None = None,
    entropy: Mapping[str, float] | None = None,
    closeness: Mapping[str, float] | None = None,
    ordered: Sequence[str] = (),
    shared: Sequence[str] = (),
    person: str | None = None,
    others: Sequence[str] = (),
) -> Verdict:
    """Return the verdict on a Parquet file. The mappings name sensitive columns: see `demands.Sensitive`.

    With `person`, a column of pseudonyms, classes are counted in people, so that one person's many rows are not taken
    for a crowd. Of the columns `shared` k have each value, and k an empty cell if any has. Each column must be named
    somewhere, `others` for those that tell nothing of anybody: one that nobody thought of is how people are found.
    """
    distinct, entropy, closeness = dict(distinct or {}), dict(entropy or {}), dict(closeness or {})
    with opened(path) as database:
        columns = [row[0] for row in database.execute("describe released").fetchall()]
        named = {*quasi, *distinct, *entropy, *closeness, *shared, *others} | ({person} if person else set())
        broken = [f"Nobody said what the column {name} is." for name in columns if name not in named]
        broken += [f"The column {name} is missing." for name in sorted(named) if name not in columns]
        if not quasi:
            broken.append("No quasi-identifier was named.")
        if broken:
            return Verdict(0, 0, 0, tuple(broken))
        alike = ", ".join(map(_quoted, quasi))
        lines, classes, smallest, found = _grouped(database, alike, k, distinct, entropy, person)
        broken += found
        for name, most in closeness.items():
            broken += _too_far(database, alike, name, most, ordered=name in ordered)
        for name in shared:
            broken += _too_rare(database, name, k, person)
        return Verdict(lines, classes, smallest, tuple(broken))


def _grouped(
    database: duckdb.DuckDBPyConnection,
    alike: str,
    k: int,
    distinct: Mapping[str, int],
    entropy: Mapping[str, float],
    person: str | None,
) -> tuple[int, int, int, list[str]]:
    """Return lines, classes, the smallest class's size and what is broken, in one grouping. Empty cells are alike."""
    heads = f"count(distinct {_quoted(person)})" if person else "count(*)"
    tests: list[tuple[str, str, float]] = [(f"{heads} < ?", f"fewer than {k} {'people' if person else 'rows'}", k)]
    tests += [(f"count(distinct {_quoted(name)}) < ?", f"fewer than {least} values of {name}", least)
              for name, least in distinct.items() if least > 1]  # fmt: skip
    # DuckDB's entropy is in bits, and of cells that are not empty.
    tests += [(f"coalesce(entropy({_quoted(name)}), 0) < ?", f"too little variety of {name}", log2(least) - ROUNDING)
              for name, least in entropy.items()]  # fmt: skip
    flags = ", ".join(f"{test} as broken_{number}" for number, (test, _words, _bound) in enumerate(tests))
    counts = ", ".join(f"count(*) filter (broken_{number})" for number in range(len(tests)))
    row = database.execute(
        f"select coalesce(sum(lines), 0), count(*), coalesce(min(heads), 0), {counts} from "
        f"(select count(*) as lines, {heads} as heads, {flags} from released group by {alike})",
        [bound for _test, _words, bound in tests],
    ).fetchall()[0]
    broken = [
        f"{many} of {row[1]} classes have {words}."
        for many, (_test, words, _bound) in zip(row[3:], tests, strict=True)
        if many
    ]
    return int(row[0]), int(row[1]), int(row[2]), broken


def _too_rare(database: duckdb.DuckDBPyConnection, name: str, k: int, person: str | None) -> list[str]:
    """Return a sentence if fewer than k share a value of a column. Empty cells are a value."""
    heads = f"count(distinct {_quoted(person)})" if person else "count(*)"
    ((many,),) = database.execute(
        f"select count(*) from (select {heads} as heads from released group by {_quoted(name)}) where heads < ?", [k]
    ).fetchall()
    return [f"{many} values of {name} are shared by fewer than {k}."] if many else []


def _too_far(database: duckdb.DuckDBPyConnection, alike: str, name: str, most: float, *, ordered: bool) -> list[str]:
    """Return a sentence if a class's values are further from the file's than promised."""
    value = _quoted(name)
    # Half the differences of shares; or of running totals, by the steps there are between values.
    gap, steps = ("share - held", "2") if not ordered else (
        "sum(share - held) over (partition by sizes.class order by place)", "greatest(1, max(place) - 1)"
    )  # fmt: skip
    ((many, classes),) = database.execute(
        f"""
        with classed as (select dense_rank() over (order by {alike}) as class, {value} as value from released),
        sizes as (select class, count(*) as size from classed group by class),
        overall as (
            select value, row_number() over (order by value nulls last) as place,
                count(*) / (select count(*) from classed) as share
            from classed group by value),
        own as (select class, value, count(*) as lines from classed group by class, value),
        gaps as (
            select sizes.class as class, place, {gap.replace("held", "coalesce(lines, 0) / size")} as gap
            from sizes cross join overall
            left join own on own.class = sizes.class and own.value is not distinct from overall.value)
        select count(*) filter (distance > ?), count(*)
        from (select class, sum(abs(gap)) / {steps} as distance from gaps group by class)
        """,
        [most + ROUNDING],
    ).fetchall()
    return [f"{many} of {classes} classes are further than {most} from all rows in {name}."] if many else []


def opened(path: Path) -> duckdb.DuckDBPyConnection:
    """Return a database in memory with the file as the view `released`; it opens no other, and spills to no disk."""
    database = duckdb.connect(config={"temp_directory": "", "threads": 2})
    database.execute("set allowed_paths = ?", [[str(path)]])
    database.execute("set enable_external_access = false; set lock_configuration = true")
    database.from_parquet(str(path)).create_view("released")
    return database


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
