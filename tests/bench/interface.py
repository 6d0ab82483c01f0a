"""The FHIR interface on PostgreSQL: reads with their audit commit, searches, transactions, memory."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.bench import postgres
from tests.bench.measuring import Row


def measure() -> list[Row]:
    """Measure in a process of its own, for the database is chosen when Django starts."""
    if postgres.binaries() is None:
        return [Row("The FHIR interface on PostgreSQL", "not measured", note="There is no PostgreSQL.")]
    folder = Path(os.environ["DATA_DIR"], "interface")
    folder.mkdir(parents=True, exist_ok=True)
    with postgres.cluster() as url:
        environment = {**os.environ, "DATABASE_URL": url, "DATA_DIR": str(folder)}
        command = [sys.executable, "-m", "tests.bench.exchanging"]
        run = subprocess.run(command, env=environment, capture_output=True, text=True)
    if run.returncode != 0:
        raise RuntimeError(run.stderr[-3000:])
    return _rows(json.loads(run.stdout.splitlines()[-1]))


def _rows(found: dict[str, float]) -> list[Row]:
    per_core = 1000 / found["read"]
    return [
        Row(
            "FHIR read with token, decision and audit commit, PostgreSQL",
            f"{per_core:,.0f} requests/s per core ({found['read']:.2f} ms CPU; a plain Django read of one row "
            f"{found['plain']:.2f} ms: {found['read'] / found['plain']:.1f}×)",
            "≥ 200/s",
            per_core >= 200,
            "CPU of the web process. Twelve prepared statements, the line's among them, and their rows are the largest "
            "part; then the token's row as objects, the decision, the grant's one HPKE seal and the lockboxes behind "
            "it, the signature, and one resource named and sent. Of a record no more than the one entry is opened.",
        ),
        Row(
            "FHIR search by code and date in a record of 300 entries, PostgreSQL, p50",
            f"{found['search']:.1f} ms ({found['search_cpu']:.1f} ms CPU)",
            "≤ 25 ms",
            found["search"] <= 25,
            "What a read takes, and for each entry of the type: its key, its search values opened and read as JSON, "
            "what the token's scopes and the permission let be seen of it, and the comparison.",
        ),
        Row(
            "FHIR transactions, validated in three layers, indexed and sealed, PostgreSQL",
            f"{found['resources_per_s']:,.0f} resources/s ({found['resources_per_cpu']:,.0f} per CPU-second)",
            "≥ 300/s",
            found["resources_per_s"] >= 300,
        ),
        Row(
            "Memory of a process that has validated, read and written",
            f"{found['memory_mb']:,.0f} MB",
            "≤ 400 MB",
            found["memory_mb"] <= 400,
        ),
    ]
