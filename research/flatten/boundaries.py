"""The least and the greatest value that a value of limited precision can mean.

Source: FHIRPath 3.0, lowBoundary() and highBoundary(); zones reach from +14:00 to -12:00.
"""

import calendar
from decimal import Decimal

_LATEST = "23:59:59.999"
_EARLIEST = "00:00:00.000"


class Written(float):
    """A decimal as JSON wrote it: 1.50 is more precise than 1.5."""

    text: str

    def __new__(cls, text: str) -> "Written":
        made = super().__new__(cls, text)
        made.text = text
        return made


def low(value: object, kind: str) -> object:
    """Return the least value meant; None where the value has no boundary."""
    return _boundary(value, kind, highest=False)


def high(value: object, kind: str) -> object:
    """Return the greatest value meant; None where the value has no boundary."""
    return _boundary(value, kind, highest=True)


def _boundary(value: object, kind: str, *, highest: bool) -> object:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float | Decimal):
        return _number(value, highest)
    if not isinstance(value, str):
        return None
    if kind == "time" or (not kind and value[2:3] == ":"):
        return _clock(value, highest)
    day, _, clock = value.partition("T")
    if kind == "date" or not (kind or clock):
        return _day(day, highest)
    return f"{_day(day, highest)}T{_zoned(clock, highest)}"


def _number(value: int | float | Decimal, highest: bool) -> float:
    exact = Decimal(getattr(value, "text", None) or str(value))
    half = Decimal(5).scaleb(int(exact.as_tuple().exponent) - 1)
    return float(exact + half if highest else exact - half)


def _clock(text: str, highest: bool) -> str:
    return text + (_LATEST if highest else _EARLIEST)[len(text) :]


def _day(text: str, highest: bool) -> str:
    year, month, day = [*text.split("-"), "", ""][:3]
    month = month or ("12" if highest else "01")
    last = f"{calendar.monthrange(int(year), int(month))[1]:02}"
    return f"{year}-{month}-{day or (last if highest else '01')}"


def _zoned(text: str, highest: bool) -> str:
    for mark in "Z+-":
        clock, found, zone = text.partition(mark)
        if found:
            return _clock(clock, highest) + found + zone
    return _clock(text, highest) + ("-12:00" if highest else "+14:00")
