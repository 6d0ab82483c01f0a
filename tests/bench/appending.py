"""Appending to the log from sixteen connections, beside a hash chain held under a lock, on PostgreSQL."""

import json
import os
import subprocess
import sys

from tests.bench import postgres
from tests.bench.measuring import Row

GOAL = 5.0


def measure() -> list[Row]:
    """Run both in one process of its own, for the database is chosen when Django starts."""
    if postgres.binaries() is None:
        return [Row("Log append on PostgreSQL, 16 connections", "not measured", note="This machine has no PostgreSQL.")]
    with postgres.cluster() as url:
        # A folder of its own: the witness of another database would refuse to sign for this one.
        folder = os.path.join(os.environ["DATA_DIR"], "postgres")
        environment = {**os.environ, "DATABASE_URL": url, "DATABASE_POOL_MAX": "0", "DATA_DIR": folder}
        run = subprocess.run(
            [sys.executable, "-m", "tests.bench.racing"], env=environment, capture_output=True, text=True
        )
    if run.returncode != 0:
        raise RuntimeError(run.stderr[-2000:])
    found = json.loads(run.stdout.splitlines()[-1])
    ratio = found["log"] / found["chain"]
    return [
        Row(
            "Log append on PostgreSQL with 16 connections ÷ a hash chain under a lock",
            f"{ratio:.1f}× ({found['log']:,.0f}/s ÷ {found['chain']:,.0f}/s)",
            f"≥ {GOAL:.0f}×",
            ratio >= GOAL,
            note=found["note"],
        ),
        Row("Sequencing what waits, PostgreSQL", f"{found['sequenced']:,.0f} events/s"),
    ]
