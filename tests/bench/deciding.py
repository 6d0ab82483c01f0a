"""A decision beside the raw query for the same grants, among a million, on SQLite and PostgreSQL."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.bench import postgres
from tests.bench.measuring import Row

GOAL = 3.0


def measure() -> list[Row]:
    """Measure each database in a process of its own, for it is chosen when Django starts."""
    folder = Path(os.environ["DATA_DIR"], "deciding")
    rows = [_row("SQLite", _in_a_process(f"sqlite:///{folder / 'million.sqlite3'}", folder / "sqlite"))]
    if postgres.binaries() is None:
        return [*rows, Row("Deciding on six categories, PostgreSQL", "not measured", note="There is no PostgreSQL.")]
    with postgres.cluster() as url:
        rows.append(_row("PostgreSQL", _in_a_process(url, folder / "postgres")))
    return rows


def _in_a_process(url: str, folder: Path) -> dict:
    folder.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "DATABASE_URL": url, "DATA_DIR": str(folder)}
    run = subprocess.run([sys.executable, "-m", "tests.bench.judging"], env=environment, capture_output=True, text=True)
    if run.returncode != 0:
        raise RuntimeError(run.stderr[-2000:])
    return json.loads(run.stdout.splitlines()[-1])


def _row(database: str, found: dict) -> Row:
    ratio = found["decision"] / found["raw"]
    return Row(
        f"Deciding on six categories among {found['count']:,} grants ÷ the raw indexed query, {database}, p50",
        f"{ratio:.1f}× ({found['decision'] * 1000:,.0f} µs ÷ {found['raw'] * 1000:,.0f} µs)",
        f"≤ {GOAL:.0f}×",
        ratio <= GOAL,
        note=_where_it_goes({name: 1000 * found[name] for name in found if name != "count"}),
    )


def _where_it_goes(spent: dict[str, float]) -> str:
    """Return in words what the microseconds of a decision are spent on."""
    least = spent["database"] + spent["rules"]
    return (
        f"It takes {spent['standing']:,.0f} µs to read and decide on the reader's standing, {spent['given']:,.0f} to "
        f"read what was given, {spent['rules']:,.0f} to decide by the rules on six parts. The database answers the two "
        f"statements in {spent['database']:,.0f} µs. It and the rules alone are {least / spent['raw']:.1f}× the raw "
        "query; the rest makes Python's values of 36 columns, moments and sets among them, which the raw query leaves "
        f"as they come. Whoever then opens something reads once more, by id, what lets them: "
        f"{spent['opening'] - spent['decision']:,.0f} µs."
    )
