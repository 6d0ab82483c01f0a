"""Dates and numbers as ranges: what was written says how exactly it was meant.

A moment is ISO text in UTC whose order as text is its order in time: "2026-05-03" (midnight), "2026-05-03T10:30:00",
"2026-05-03T10:30:00.5". A range is half-open. Text without a zone is read as UTC.
Source: FHIR R4 search.html#prefix, #number, #date.
"""

import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Context, Decimal, InvalidOperation
from typing import NamedTuple

LAST = "~"  # sorts after every moment: the end of what has none
_MOMENT = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,20}))?)?(Z|[-+ ]\d\d:\d\d)?)?)?)?", re.ASCII
)
_NUMBER = re.compile(r"[-+]?\d{1,60}(?:\.\d{1,60})?(?:[eE][-+]?\d{1,3})?", re.ASCII)
_TINY = timedelta(microseconds=1)
_ROOMY = Context(prec=130)  # no number that _NUMBER lets through is rounded


class Span(NamedTuple):
    """From a moment to before another; "" where it is open."""

    start: str
    end: str


# --- Dates -----------------------------------------------------------------------------------------
def span(text: str) -> Span | None:
    """Return the time that a date, dateTime or instant as written covers; None where it is not one."""
    found = _MOMENT.fullmatch(text)
    if not found:
        return None
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    try:
        if hour is None:
            return _of_date(int(year), int(month or 0), int(day or 0))
        micros = (fraction or "")[:6]
        # A leap second counts as the second before it.
        start = datetime(
            int(year), int(month), int(day), int(hour), int(minute), min(int(second or 0), 59),
            int(micros.ljust(6, "0")), tzinfo=_zone(zone),
        ).astimezone(UTC)  # fmt: skip
    except (ValueError, OverflowError):
        return None
    if second is None:
        return Span(moment(start), _after(start, timedelta(minutes=1)))
    return Span(moment(start), _after(start, timedelta(microseconds=10 ** (6 - len(micros)))))


def _of_date(year: int, month: int, day: int) -> Span:
    if day:
        start = datetime(year, month, day, tzinfo=UTC)
        return Span(moment(start), _after(start, timedelta(days=1)))
    start = datetime(year, month or 1, 1, tzinfo=UTC)
    following = year + 1 if not month or month == 12 else year
    if following > 9999:
        return Span(moment(start), "")
    return Span(moment(start), moment(datetime(following, month % 12 + 1 if month else 1, 1, tzinfo=UTC)))


def _zone(text: str | None) -> timezone:
    if text in (None, "Z"):
        return UTC
    hours, minutes = int(text[1:3]), int(text[4:6])
    # A plus sign that nobody escaped arrives as a space.
    return timezone((-1 if text[0] == "-" else 1) * timedelta(hours=hours, minutes=minutes))


def _after(start: datetime, length: timedelta) -> str:
    try:
        return moment(start + length)
    except OverflowError:
        return ""


def moment(at: datetime) -> str:
    """Return an aware time as a moment's text."""
    text = at.astimezone(UTC).isoformat()[:-6]
    if text.endswith("T00:00:00"):
        return text[:10]
    return text.rstrip("0") if "." in text else text


def instant(at: datetime) -> Span:
    """Return the span of a point in time: no wider than what a clock tells."""
    return Span(moment(at), _after(at, _TINY))


def read_moment(text: str) -> datetime:
    """Return the time of a moment's text."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# --- Numbers ---------------------------------------------------------------------------------------
class Around(NamedTuple):
    """A number as it was asked for, and the half-open range that its digits mean."""

    exact: Decimal
    low: Decimal
    high: Decimal


def number(text: str) -> Decimal | None:
    """Return a number written in digits, None where it is not one."""
    try:
        return Decimal(text) if _NUMBER.fullmatch(text) else None
    except InvalidOperation:
        return None


def around(text: str) -> Around | None:
    """Return what a number in a query means: 100 is [99.5, 100.5), 100.00 is [99.995, 100.005), 1e2 is [95, 105)."""
    exact = number(text)
    if exact is None:
        return None
    _sign, digits, exponent = exact.as_tuple()
    # One digit with an exponent is read with two, as R4's own example has it.
    last = int(exponent) - (1 if len(digits) == 1 and "e" in text.lower() else 0)
    half = Decimal((0, (5,), last - 1))
    return Around(exact, _ROOMY.subtract(exact, half), _ROOMY.add(exact, half))
