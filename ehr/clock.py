"""The only source of time. A clock that cannot be trusted stops decisions instead of bending them."""

import threading
import time
from datetime import UTC, datetime

from django.conf import settings
from django.db import connection

TOLERANCE_SECONDS = 2.0
_CHECK_EVERY_SECONDS = 10.0


class ClockUnsure(RuntimeError):
    """The process's clock and the database's disagree, or time ran backwards."""


class _Watch:
    """What this process remembers of time: the latest moment told, and the last comparison."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.latest: datetime | None = None
        self.compared_at: float | None = None

    def forget(self) -> None:
        """Start anew, as a new process would."""
        with self.lock:
            self.latest = None
            self.compared_at = None


watch = _Watch()


def _database_now() -> datetime | None:
    """Return the database server's time in UTC, or None where it has no clock of its own (SQLite)."""
    if connection.vendor != "postgresql":
        return None
    with connection.cursor() as cursor:
        cursor.execute("select clock_timestamp()")
        return cursor.fetchone()[0]


def now() -> datetime:
    """Return the current time in UTC.

    Raises ClockUnsure when time ran backwards by more than 2 s in this process, or when the
    database's clock differs from this machine's by more than 2 s (compared every 10 s).
    """
    current = datetime.now(UTC)
    with watch.lock:
        if watch.latest and (watch.latest - current).total_seconds() > TOLERANCE_SECONDS:
            raise ClockUnsure(
                f"Time ran backwards from {watch.latest:%H:%M:%S} to {current:%H:%M:%S} UTC. "
                "Set this machine's clock and start again."
            )
        watch.latest = max(current, watch.latest or current)
        monotonic = time.monotonic()
        due = watch.compared_at is None or monotonic - watch.compared_at > _CHECK_EVERY_SECONDS
        if due:
            watch.compared_at = monotonic
    if due and settings.CLOCK_COMPARE_WITH_DATABASE:
        _compare(current)
    return current


def _compare(current: datetime) -> None:
    theirs = _database_now()
    if theirs is not None and abs((theirs - current).total_seconds()) > TOLERANCE_SECONDS:
        watch.forget()
        raise ClockUnsure(
            f"This machine's clock says {current:%H:%M:%S} UTC and the database's {theirs:%H:%M:%S}. "
            "Synchronise both before anybody reads a record."
        )
