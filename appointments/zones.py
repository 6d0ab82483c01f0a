"""Wall clocks in steps of five minutes: whole numbers since 1970, in UTC or as a place's clocks show them.

Daylight saving is in one rule: an hour that clocks skip does not exist, and of an hour that they show twice only the
first is offered. Every offset in use today is a multiple of five minutes. Plain Python.
"""

from bisect import bisect_left
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

STEP_SECONDS = 300
DAY = 24 * 3600 // STEP_SECONDS  # steps of a day of 24 hours
STEP = timedelta(seconds=STEP_SECONDS)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(1970, 1, 1).toordinal()


class Span(NamedTuple):
    """Steps of UTC, from one on and before another, in which a place's clocks are `ahead` of it by so many steps."""

    begins: int
    ends: int
    ahead: int


def floor_step(at: datetime) -> int:
    """Return the step that a moment is in."""
    return (at - _EPOCH) // STEP


def ceil_step(at: datetime) -> int:
    """Return the first step that begins at a moment or after it."""
    return -((_EPOCH - at) // STEP)


def moment(step: int) -> datetime:
    """Return when a step begins, in UTC."""
    return _EPOCH + step * STEP


def day_number(day: date) -> int:
    """Return a date as days since 1970-01-01."""
    return day.toordinal() - _EPOCH_DAY


def day_of(number: int) -> date:
    """Return the date that is so many days after 1970-01-01."""
    return date.fromordinal(number + _EPOCH_DAY)


def begin_of(at: time) -> int:
    """Return the first whole step of a day from a wall-clock time on."""
    return -(-(at.hour * 3600 + at.minute * 60 + at.second) // STEP_SECONDS)


def end_of(at: time) -> int:
    """Return the step of a day before which a wall-clock time ends it; 00:00 is the day's own end."""
    return (at.hour * 3600 + at.minute * 60 + at.second) // STEP_SECONDS or (0 if at > time(0) else DAY)


@lru_cache(maxsize=1024)
def spans(zone: str, first: date, last: date) -> tuple[Span, ...]:
    """Return the spans of a zone that hold every step of the local days from one to another, in order.

    Local times of different spans never overlap: what clocks show a second time is in none.
    """
    info = ZoneInfo(zone)
    begins, end = (day_number(first) - 1) * DAY, (day_number(last) + 2) * DAY
    ahead, shown_until, found = _ahead(begins, info), begins - DAY, []
    for mark in range(begins + DAY, end + 1, DAY):
        later = _ahead(mark, info)
        if later == ahead:
            continue
        turn = _turn(mark, ahead, info)
        found.append(Span(max(begins, shown_until - ahead), turn, ahead))
        begins, shown_until, ahead = turn, turn + ahead, later
    found.append(Span(max(begins, shown_until - ahead), end, ahead))
    return tuple(found)


def _ahead(step: int, info: ZoneInfo) -> int:
    offset = moment(step).astimezone(info).utcoffset() or timedelta(0)
    return offset // STEP


def _turn(mark: int, before: int, info: ZoneInfo) -> int:
    """Return the step of the day before a mark at which clocks are set anew."""
    return bisect_left(range(mark - DAY, mark), True, key=lambda step: _ahead(step, info) != before) + mark - DAY


def in_utc(begins: int, ends: int, among: tuple[Span, ...]) -> list[tuple[int, int]]:
    """Return where the local steps from one on and before another are in UTC: no part, one, or several."""
    found = []
    for span in among:
        low, high = max(begins - span.ahead, span.begins), min(ends - span.ahead, span.ends)
        if low < high:
            found.append((low, high))
    return found


@lru_cache(maxsize=256)
def days(zone: str, first: date, last: date) -> tuple[tuple[tuple[int, int], ...], ...]:
    """Return where each local day from one to another is in UTC: in one part, or in two where clocks are set anew."""
    among = spans(zone, first, last)
    numbers = range(day_number(first), day_number(last) + 1)
    return tuple(tuple(in_utc(number * DAY, (number + 1) * DAY, among)) for number in numbers)


def local_day(at: datetime, zone: str) -> date:
    """Return the date at a place at a moment."""
    return at.astimezone(ZoneInfo(zone)).date()
