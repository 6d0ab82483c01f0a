"""Appending to the log from sixteen connections, beside a hash chain held under a lock, on PostgreSQL."""

import json
import os
import subprocess
import sys

from tests.bench import postgres
from tests.bench.measuring import Row

GOAL = 5.0


def measure() -> list[Row]:
    """Run the race in a process of its own, for the database is chosen when Django starts."""
    if postgres.binaries() is None:
        return [Row("Log append on PostgreSQL, 16 connections", "not measured", note="This machine has no PostgreSQL.")]
    found = _race()
    ours, chain, sent, statement = (found[name] for name in ("log", "chain", "sent", "statement"))
    ratio = ours["rate"] / chain["rate"]
    return [
        Row(
            "Log append on PostgreSQL with 16 connections ÷ a hash chain under a lock",
            f"{ratio:.1f}× ({ours['rate']:,.0f}/s ÷ {chain['rate']:,.0f}/s)",
            f"≥ {GOAL:.0f}×",
            ratio >= GOAL,
            note=_profile(found),
        ),
        Row(
            "The same ÷ that chain with each statement sent in one call, as the log's is",
            f"{ours['rate'] / sent['rate']:.1f}× ({ours['rate']:,.0f}/s ÷ {sent['rate']:,.0f}/s)",
        ),
        Row(
            "The same ÷ a chain that the database hashes itself, in one statement sent so",
            f"{ours['rate'] / statement['rate']:.1f}× ({ours['rate']:,.0f}/s ÷ {statement['rate']:,.0f}/s)",
        ),
        Row("Sequencing what waits, PostgreSQL", f"{found['sequenced']:,.0f} events/s"),
    ]


def _race() -> dict:
    with postgres.cluster() as url:
        # A folder of its own: the witness of another database would refuse to sign for this one.
        folder = os.path.join(os.environ["DATA_DIR"], "postgres")
        environment = {**os.environ, "DATABASE_URL": url, "DATA_DIR": folder}
        run = subprocess.run(
            [sys.executable, "-m", "tests.bench.racing"], env=environment, capture_output=True, text=True
        )
    if run.returncode != 0:
        raise RuntimeError(run.stderr[-2000:])
    return json.loads(run.stdout.splitlines()[-1])


def _profile(found: dict) -> str:
    """Say what bounds each: the log the cores, the chain its lock."""
    ours, chain, cores = found["log"], found["chain"], found["cores"]
    cpu = ours["writer_us"] + ours["server_us"]
    return (
        "Four processes with four connections each, pooled as in production, in turns of two seconds; all write the "
        "same words by prepared statements and commit durably. The log sends its one statement in one call of libpq, "
        "the chain its three through psycopg's cursor. "
        f"An append takes {ours['writer_us']:.0f} µs of CPU in the writer and {ours['server_us']:.0f} µs in the "
        f"server, so that {cores} cores bound it near {cores / cpu * 1e6:,.0f}/s; the chain's takes "
        f"{chain['writer_us']:.0f} + {chain['server_us']:.0f} µs, but its lock is held over "
        f"{1e6 / chain['rate']:,.0f} µs, three answers and a flush, and bounds it whatever the cores. "
        f"A flush takes {found['flush_ms']:.2f} ms on this disk: a slower one slows the chain by each flush, while the "
        "log's writers share theirs."
    )
