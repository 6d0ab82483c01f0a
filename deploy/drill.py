"""The steps of the restore drill, in the database and folder that `restore_drill.py` made for it."""

import os
import secrets
import sys
import time
import uuid
from pathlib import Path

import backup  # sets Django up
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from restore_drill import Server

from audit import log, queries, tasks

PATIENTS = 10


def fill(events: int) -> None:
    """Write events about some patients, give them their places, and sign the head."""
    patients = [uuid.uuid4() for _ in range(PATIENTS)]
    for number in range(events):
        subject = patients[number % PATIENTS]
        log.record("chart.opened", actor=log.SYSTEM, subject=subject, categories=["labs"], because="grant")
    tasks.sequence()
    tasks.checkpoint()


def head() -> tuple[int, str]:
    """Return size and root of the log as the tree in storage gives them."""
    found = queries.head()
    return found.size, bytes(found.root).hex()


def destroy() -> None:
    """Take the database away as a lost disk would."""
    connection.close()
    if os.environ.get("DRILL_SERVER"):
        connection.close_pool()
        server = Server(os.environ["DRILL_SERVER"], settings.DATABASES["default"]["NAME"])
        server.drop()
        server.make()
        return
    database = Path(settings.DATABASES["default"]["NAME"])
    for path in database.parent.glob(database.name + "*"):
        path.unlink()


class Clock:
    """Prints each step with its seconds."""

    def __init__(self) -> None:
        self.last = time.monotonic()

    def tell(self, words: str) -> None:
        now = time.monotonic()
        print(f"{now - self.last:6.2f} s  {words}", flush=True)
        self.last = now


def drill(events: int) -> bool:
    """Run the steps; True when nothing was lost."""
    key, clock = secrets.token_bytes(32), Clock()
    call_command("migrate", verbosity=0, interactive=False)
    clock.tell("an empty database has its tables")
    fill(events)
    before, rows = head(), backup.describe_live()["rows"]
    clock.tell(f"{before[0]:,} events in a log with root {before[1][:16]}…")
    path = backup.create(settings.DATA_DIR / "backups", key)
    clock.tell(f"backed up: {path.stat().st_size:,} bytes, encrypted")
    destroy()
    clock.tell("the database is destroyed")
    backup.restore(path, key)
    clock.tell("restored")
    after, rows_after = head(), backup.describe_live()["rows"]
    call_command("verify_log", verbosity=0)
    clock.tell("verify_log recomputed the log from storage")
    lost = sum(rows.values()) - sum(rows_after.values())
    print(f"Root {'equal' if before == after else 'DIFFERENT'}, {lost} of {sum(rows.values()):,} rows lost.")
    return before == after and before[0] >= events and rows == rows_after


if __name__ == "__main__":
    sys.exit(0 if drill(int(sys.argv[1])) else 1)
