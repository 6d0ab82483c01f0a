"""Reading a stranger's calendar in a process of its own: it gets the calendar and the days, and nothing else."""

import json
import subprocess
import sys
from datetime import UTC, datetime

from django.conf import settings

from appointments.calendars.reading import LARGEST_BYTES, MOST_SECONDS, Interval, TooMuch, Unreadable

# By the clock on the wall: twice what it may use of a processor, and some to start.
_PATIENCE = 2 * MOST_SECONDS + 10


def busy(content: bytes, *, begins: datetime, ends: datetime, zone: str) -> list[Interval]:
    """Return the merged busy hours of a calendar between two moments, in UTC. Raises Unreadable and TooMuch."""
    if len(content) > LARGEST_BYTES:
        raise TooMuch
    asked = json.dumps({"begins": int(begins.timestamp()), "ends": int(ends.timestamp()), "zone": zone})
    try:
        run = subprocess.run(
            [sys.executable, "-m", "appointments.calendars.reading"],
            input=asked.encode() + b"\n" + content,
            capture_output=True,
            timeout=_PATIENCE,
            cwd=settings.BASE_DIR,
            env={"PYTHONDONTWRITEBYTECODE": "1"},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise TooMuch from None
    if run.returncode < 0 or b"MemoryError" in run.stderr:
        raise TooMuch
    try:
        told = json.loads(run.stdout)
    except ValueError:
        raise Unreadable from None
    if told.get("problem"):
        raise TooMuch if told["problem"] == "TooMuch" else Unreadable
    return [(datetime.fromtimestamp(low, UTC), datetime.fromtimestamp(high, UTC)) for low, high in told["busy"]]
