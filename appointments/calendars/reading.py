"""When a calendar says that somebody is busy. Bytes in, moments out; what it says beyond that is read by nobody.

A calendar comes from a stranger, and one line of it can mean work for a century: `apart` runs this as a process of its
own, which has no key, no secret and no database, and a few seconds. Plain Python.
"""

import json
import resource
import sys
from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import recurring_ical_events
from icalendar import Calendar, Component

LARGEST_BYTES = 2 * 1024 * 1024
MOST_EVENTS = 5_000
MOST_INTERVALS = 5_000
MOST_SECONDS = 8  # of a processor
MOST_MEMORY = 512 * 1024 * 1024
# Time that somebody is not busy in, by RFC 5545 and by what the large makers write.
_FREE = frozenset({"FREE", "WORKINGELSEWHERE"})

OWN = "@visits.chartseal"  # how the UIDs of our own feeds end

Interval = tuple[datetime, datetime]


class Unreadable(Exception):
    """What was read is no calendar."""


class TooMuch(Exception):
    """A calendar is larger, or repeats more, than is read."""


def busy(content: bytes, *, begins: datetime, ends: datetime, zone: str) -> list[Interval]:
    """Return the merged hours that a calendar says are busy between two moments, in UTC and in order.

    Times without a zone, and whole days, are those of `zone`. Events that are free or cancelled do not count. Raises
    Unreadable and TooMuch.
    """
    calendar = _parse(content, zone)
    events = [one for one in calendar.walk("VEVENT") if _counts(one)]
    if len(events) > MOST_EVENTS:
        raise TooMuch
    calendar.subcomponents = [one for one in calendar.subcomponents if one.name != "VEVENT" or _counts(one)]
    try:
        found = recurring_ical_events.of(calendar, skip_bad_series=True).between(begins, ends)
        local = ZoneInfo(zone)
        intervals = [_interval(one, local) for one in found]
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, ArithmeticError, LookupError) as problem:
        raise Unreadable from problem
    return merged((max(low, begins), min(high, ends)) for low, high in intervals)


def merged(intervals: Iterable[Interval]) -> list[Interval]:
    """Return intervals in order, those that touch as one. Raises TooMuch."""
    found: list[Interval] = []
    for low, high in sorted(one for one in intervals if one[0] < one[1]):
        if found and low <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], high))
        else:
            found.append((low, high))
    if len(found) > MOST_INTERVALS:
        raise TooMuch
    return found


def _parse(content: bytes, zone: str) -> Calendar:
    if len(content) > LARGEST_BYTES:
        raise TooMuch
    # Cheaper to see in the text than in what a parser makes of it.
    if content.upper().count(b"BEGIN:VEVENT") > MOST_EVENTS:
        raise TooMuch
    try:
        found = Calendar.from_ical(content.decode("utf-8-sig"))
        ZoneInfo(zone)
    except (ValueError, TypeError, KeyError, IndexError, RecursionError, ZoneInfoNotFoundError) as problem:
        raise Unreadable from problem
    if found.name != "VCALENDAR":
        raise Unreadable
    return found


def _counts(event: Component) -> bool:
    if str(event.get("UID", "")).endswith(OWN):
        return False  # a calendar that shows our own feed as well: its visits are known here already
    shown = str(event.get("X-MICROSOFT-CDO-BUSYSTATUS", "")).upper()
    transparent = str(event.get("TRANSP", "")).upper() == "TRANSPARENT"
    cancelled = str(event.get("STATUS", "")).upper() == "CANCELLED"
    # A cancelled occurrence of a series must stay: it takes that occurrence out.
    return not (transparent or shown in _FREE) and (not cancelled or "RECURRENCE-ID" in event)


def _interval(event: Component, local: ZoneInfo) -> Interval:
    return _moment(event.start, local), _moment(event.end, local)


def _moment(value: date | datetime, local: ZoneInfo) -> datetime:
    if not isinstance(value, datetime):
        return datetime.combine(value, time(0), local).astimezone(UTC)
    return (value if value.tzinfo else value.replace(tzinfo=local)).astimezone(UTC)


def main() -> None:
    """Read a calendar from standard input, with a first line that says between when; write its busy hours as JSON."""
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    asked = json.loads(sys.stdin.buffer.readline())
    begins, ends = (datetime.fromtimestamp(asked[name], UTC) for name in ("begins", "ends"))
    try:
        found = busy(sys.stdin.buffer.read(), begins=begins, ends=ends, zone=asked["zone"])
    except (Unreadable, TooMuch) as problem:
        answer: dict[str, object] = {"problem": type(problem).__name__}
    else:
        answer = {"busy": [[int(low.timestamp()), int(high.timestamp())] for low, high in found]}
    sys.stdout.write(json.dumps(answer))


if __name__ == "__main__":
    main()
