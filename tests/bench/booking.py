"""How many visits are booked in a second of times that are held, and whether one was lost or given twice."""

import json
import os
import subprocess
import sys

from tests.bench import postgres
from tests.bench.measuring import Row

GOAL = 100
WHAT = "Visits booked on PostgreSQL, 16 connections"


def measure() -> list[Row]:
    """Run the crowd in a process of its own, for the database is chosen when Django starts."""
    if postgres.binaries() is None:
        return [Row(WHAT, "not measured", note="This machine has no PostgreSQL.")]
    with postgres.cluster() as url:
        folder = os.path.join(os.environ["DATA_DIR"], "booking")
        environment = {**os.environ, "DATABASE_URL": url, "DATA_DIR": folder, "DATABASE_POOL_MAX": "4"}
        run = subprocess.run(
            [sys.executable, "-m", "tests.bench.booking_crowd"], env=environment, capture_output=True, text=True
        )
    if run.returncode != 0:
        raise RuntimeError(run.stderr[-2000:])
    found = json.loads(run.stdout.splitlines()[-1])
    return [
        Row(WHAT, f"{found['rate']:.0f}/s", f"≥ {GOAL}/s", found["rate"] >= GOAL, note=_profile(found)),
        Row("Times searched, checked and held before, 16 connections", f"{found['held']:.0f}/s"),
        Row(
            "Of them lost, or double",
            f"{found['lost']} lost, {found['double']} double of {found['booked']:,}",
            "none",
            found["lost"] == found["double"] == 0,
            note=f"{found['helped']:,} tries for a time that somebody else had were answered with the next free times.",
        ),
    ]


def _profile(found: dict) -> str:
    """Say what bounds it: the cores."""
    cpu = found["writer_ms"] + found["server_ms"]
    return (
        "Each is a visit with its change, its invoice, its notice and its line on the log. With look and hold "
        f"before it, it takes {found['writer_ms']:.1f} ms of CPU here and {found['server_ms']:.1f} ms in the server: "
        f"{found['cores']} cores allow {found['cores'] * 1000 / cpu:.0f}/s of both together."
    )
