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

    def due(self) -> bool:
        """Tell whether the database's clock has not been compared for a while."""
        with self.lock:
            return self.compared_at is None or time.monotonic() - self.compared_at > _CHECK_EVERY_SECONDS

    def compared(self) -> None:
        """Note that both clocks agreed just now."""
        with self.lock:
            self.compared_at = time.monotonic()


watch = _Watch()


def _database_now() -> tuple[datetime, datetime, datetime] | None:
    """Return the database server's time between this machine's just before and just after asking, all in UTC.

    None where the database has no clock of its own (SQLite). Waiting for a connection is not part of asking.
    """
    if connection.vendor != "postgresql":
        return None
    connection.ensure_connection()
    with connection.cursor() as cursor:
        before = datetime.now(UTC)
        cursor.execute("select clock_timestamp()")
        return before, cursor.fetchone()[0], datetime.now(UTC)


def now() -> datetime:
    """Return the current time in UTC.

    Raises ClockUnsure when time ran backwards by more than 2 s in this process, or when the
    database's clock differs from this machine's by more than 2 s (compared every 10 s).
    """
    if watch.due() and settings.CLOCK_COMPARE_WITH_DATABASE:
        _compare()
    current = datetime.now(UTC)
    with watch.lock:
        if watch.latest is None or current >= watch.latest:
            watch.latest = current
        elif (watch.latest - current).total_seconds() > TOLERANCE_SECONDS:
            raise ClockUnsure(
                f"Time ran backwards from {watch.latest:%H:%M:%S} to {current:%H:%M:%S} UTC. "
                "Set this machine's clock and start again."
            )
    return current


def _compare() -> None:
    """Compare the two clocks. What raises, also a database that does not answer, is tried again at the next look."""
    if asked := _database_now():
        before, theirs, after = asked
        if max((before - theirs).total_seconds(), (theirs - after).total_seconds()) > TOLERANCE_SECONDS:
            watch.forget()
            raise ClockUnsure(
                f"This machine's clock says {after:%H:%M:%S} UTC and the database's {theirs:%H:%M:%S}. "
                "Synchronise both before anybody reads a record."
            )
    watch.compared()
