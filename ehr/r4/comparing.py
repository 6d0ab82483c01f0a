"""One value of a query against one value of an index, for each type of search parameter.

Each maker returns a test of one stored value (forms: indexed.py), or raises BadValue with a sentence for the client.
Source: FHIR R4 search.html, 3.1.1.4.5 to 3.1.1.4.16.
"""

import re
import unicodedata
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from math import asin, cos, radians, sin, sqrt
from typing import Any, NamedTuple

from . import definitions, ranges
from .indexed import on_earth
from .parameters import Parameter

Test = Callable[[Any], bool]
PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")
_PREFIX = re.compile(r"(eq|ne|gt|lt|ge|le|sa|eb|ap)?(.*)", re.DOTALL)
_ESCAPED = re.compile(r"\\([,|$\\])")
_DROPPED = re.compile(r"['’`´.]")
_GAPS = re.compile(r"[\W_]+")
_EARTH_KM = 6371.0088
_UNITS_IN_KM = {
    "": 1.0,
    "km": 1.0,
    "m": 0.001,
    "[mi_i]": 1.609344,
    "mi": 1.609344,
    "[mi_us]": 1.609347,
    "[ft_i]": 0.0003048,
}
_NEAR = Decimal(10)  # km, where a query names no distance


class BadValue(ValueError):
    """The value of a parameter cannot be read; the text says what is expected."""


class Unsupported(ValueError):
    """A parameter or modifier is not offered; the text says what is instead."""


# --- The text of a query -----------------------------------------------------------------------------
def split(text: str, mark: str) -> list[str]:
    """Return what stands between unescaped marks, still escaped."""
    if "\\" not in text:
        return text.split(mark)
    found, start, skip = [], 0, False
    for at, character in enumerate(text):
        if skip:
            skip = False
        elif character == "\\":
            skip = True
        elif character == mark:
            found.append(text[start:at])
            start = at + 1
    return [*found, text[start:]]


def plain(text: str) -> str:
    r"""Return a value without its escapes: `\,` `\|` `\$` `\\`."""
    return _ESCAPED.sub(r"\1", text)


def fold(text: str) -> str:
    """Return text without case, accents, punctuation and superfluous spaces."""
    if not text.isascii():
        decomposed = unicodedata.normalize("NFKD", text.casefold())
        text = "".join(character for character in decomposed if not unicodedata.combining(character))
    return _GAPS.sub(" ", _DROPPED.sub("", text.lower())).strip()


def _prefixed(piece: str) -> tuple[str, str]:
    found = _PREFIX.fullmatch(piece)
    return (found[1] or "eq", found[2]) if found else ("eq", piece)


# --- string ----------------------------------------------------------------------------------------
def string(parameter: Parameter, modifier: str, piece: str) -> Test:
    """Match text that starts with the value; in names and addresses also at the start of a later word."""
    wanted = plain(piece)
    if modifier == "exact":
        return lambda value: value == wanted
    folded = fold(wanted)
    if not folded:  # only punctuation: nothing to fold
        return lambda value: wanted.casefold() in str(value).casefold()
    if modifier == "contains":
        return lambda value: folded in fold(value)
    if _is_name(parameter):
        return lambda value: f" {fold(value)}".find(f" {folded}") >= 0
    return lambda value: fold(value).startswith(folded)


def _is_name(parameter: Parameter) -> bool:
    last = {branch.steps[-1].name for branch in parameter.branches if branch.steps}
    return bool(parameter.kinds & {"HumanName", "Address"}) or bool(last & {"family", "given"})


# --- token -----------------------------------------------------------------------------------------
def token(parameter: Parameter, modifier: str, piece: str) -> Test:
    """Match `code`, `system|code`, `|code` or `system|`; codes without regard to case, systems exactly."""
    if modifier == "text":
        return partial(_starts_at, 2, string(parameter._replace(branches=()), "", piece))
    parts = [plain(part) for part in split(piece, "|")]
    if modifier == "of-type":
        return _of_type(parameter, parts)
    if len(parts) == 1:
        return _media_type(parts[0]) if modifier == "below" else _code(parts[0])
    system, code = parts[0], "|".join(parts[1:])
    if not system and not code:
        raise BadValue(f"“{parameter.code}” needs a code, as in “code”, “system|code”, “|code” or “system|”.")
    systems = {system, ""} if system in parameter.systems else {system}
    if not code:
        return lambda value: value[0] in systems and value[1] != ""
    folded = code.lower()
    return lambda value: value[0] in systems and value[1].lower() == folded


def _code(code: str) -> Test:
    folded = code.lower()
    return lambda value: value[1].lower() == folded


def _starts_at(place: int, test: Test, value: list) -> bool:
    return value[place] != "" and test(value[place])


def _of_type(parameter: Parameter, parts: list[str]) -> Test:
    if len(parts) != 3 or not all(parts):
        raise BadValue(f"“{parameter.code}:of-type” needs three parts: “system|code|value”.")
    system, code, number = parts[0], parts[1].lower(), parts[2].lower()
    return lambda value: value[0] == system and value[1].lower() == code and value[2].lower() == number


def _media_type(wanted: str) -> Test:
    """Match a media type with any parameters: text/xml takes in text/xml; charset=UTF-8, and text all of its kind."""
    folded = wanted.lower()

    def test(value: list) -> bool:
        held = value[1].partition(";")[0].strip().lower()
        return held == folded or held.partition("/")[0] == folded

    return test


def identity(_parameter: Parameter, _modifier: str, piece: str) -> Test:
    """Match an id, with regard to case. An id of another server's is simply not there."""
    wanted = plain(piece).removeprefix("|")
    return lambda value: value[1] == wanted


# --- date ------------------------------------------------------------------------------------------
def date(parameter: Parameter, piece: str, now: datetime | None) -> Test:
    """Match time spans by prefix. Around `ap` lies a tenth of the way to `now`; nothing where no now is given."""
    prefix, text = _prefixed(plain(piece))
    asked = ranges.span(text.strip())
    if asked is None:
        raise BadValue(
            f"“{parameter.code}” needs a date such as 2026, 2026-05, 2026-05-03 or 2026-05-03T10:30:00Z, with one of "
            f"{', '.join(PREFIXES)} before it where wanted."
        )
    if prefix == "ap":
        asked = _widened(asked, now)
    asked, compare = ranges.Span(asked.start, asked.end or ranges.LAST), _SPANS[prefix]
    return lambda value: compare(asked, ranges.Span(value[0], value[1] or ranges.LAST))


def _widened(asked: ranges.Span, now: datetime | None) -> ranges.Span:
    if now is None or not asked.end:
        return asked
    start, end = ranges.read_moment(asked.start), ranges.read_moment(asked.end)
    gap: timedelta = abs(now - start) / 10
    try:
        return ranges.Span(ranges.moment(start - gap), ranges.moment(end + gap))
    except OverflowError:
        return asked


# The query's span, then the entry's with LAST for an open end; "" sorts before every moment.
_SPANS: dict[str, Callable[[ranges.Span, ranges.Span], bool]] = {
    "eq": lambda asked, there: asked.start <= there.start and there.end <= asked.end,
    "ne": lambda asked, there: not (asked.start <= there.start and there.end <= asked.end),
    "gt": lambda asked, there: there.end > asked.end,
    "lt": lambda asked, there: there.start < asked.start,
    "ge": lambda asked, there: there.end > asked.end or (asked.start <= there.start and there.end <= asked.end),
    "le": lambda asked, there: there.start < asked.start or (asked.start <= there.start and there.end <= asked.end),
    "sa": lambda asked, there: there.start >= asked.end,
    "eb": lambda asked, there: there.end <= asked.start,
    "ap": lambda asked, there: there.start < asked.end and there.end > asked.start,
}


# --- number and quantity -----------------------------------------------------------------------------
_LOWEST, _HIGHEST = Decimal("-Infinity"), Decimal("Infinity")


def number(parameter: Parameter, piece: str) -> Test:
    """Match numbers: without a prefix to the precision written, with gt, lt, ge, le, sa, eb exactly."""
    prefix, text = _prefixed(plain(piece))
    asked = ranges.around(text.strip())
    if asked is None:
        raise BadValue(
            f"“{parameter.code}” needs a number such as 100, 5.40 or 5.4e-3, with one of {', '.join(PREFIXES)} before "
            "it where wanted."
        )
    if prefix == "ap":
        tenth = abs(asked.exact) / 10
        asked = asked._replace(low=min(asked.low, asked.exact - tenth), high=max(asked.high, asked.exact + tenth))
    compare = _NUMBERS[prefix]
    return lambda value: compare(asked, _Held(_end(value[0], _LOWEST), _end(value[1], _HIGHEST)))


class _Held(NamedTuple):
    """The number of an entry, or its range; both ends are part of it."""

    low: Decimal
    high: Decimal


def _end(digits: str, otherwise: Decimal) -> Decimal:
    return Decimal(digits) if digits else otherwise


def _within(asked: ranges.Around, held: _Held) -> bool:
    return asked.low <= held.low and held.high < asked.high


_NUMBERS: dict[str, Callable[[ranges.Around, _Held], bool]] = {
    "eq": _within,
    "ne": lambda asked, held: not _within(asked, held),
    "gt": lambda asked, held: held.high > asked.exact,
    "lt": lambda asked, held: held.low < asked.exact,
    "ge": lambda asked, held: held.high >= asked.exact,
    "le": lambda asked, held: held.low <= asked.exact,
    "sa": lambda asked, held: held.low > asked.exact,
    "eb": lambda asked, held: held.high < asked.exact,
    "ap": lambda asked, held: held.low <= asked.high and held.high >= asked.low,
}


def quantity(parameter: Parameter, piece: str) -> Test:
    """Match a quantity, its unit as it was written: units are never converted."""
    parts = split(piece, "|")
    if len(parts) not in (1, 3):
        raise BadValue(f"“{parameter.code}” needs “number”, “number|system|code” or “number||unit”.")
    size = number(parameter, parts[0])
    system, code = (plain(part) for part in (parts[1:] or ["", ""]))
    if not system and not code:
        return size
    if not system:
        return lambda value: code in (value[3], value[4]) and size(value)
    return lambda value: value[2] == system and code in ("", value[3]) and size(value)


# --- uri and reference -------------------------------------------------------------------------------
def uri(parameter: Parameter, modifier: str, piece: str) -> Test:
    """Match a whole URI; a canonical without a version takes in every version. `:below` and `:above` go by path."""
    wanted = plain(piece)
    if not modifier:
        return lambda value: value == wanted or value.partition("|")[0] == wanted
    if "://" not in wanted:
        raise BadValue(
            f"“{parameter.code}:{modifier}” needs a URL; names such as urn:oid:1.2.3 have nothing below them."
        )
    if modifier == "below":
        return lambda value: _is_below(value.partition("|")[0], wanted)
    return lambda value: _is_below(wanted, value.partition("|")[0])


def _is_below(address: str, top: str) -> bool:
    return address == top or address.startswith(top if top.endswith("/") else f"{top}/")


def reference(parameter: Parameter, modifier: str, piece: str, base: str) -> Test:
    """Match `id`, `Type/id`, an absolute URL (of this server too), each with a version where wanted, or a canonical."""
    wanted = plain(piece).removeprefix(base)
    if modifier:
        wanted = _typed(parameter, modifier, wanted)
    if "/" not in wanted and ":" not in wanted:
        return lambda value: id_in(value.removeprefix(base)) == wanted
    starts = (f"{wanted}/_history/", f"{wanted}|")

    def test(value: str) -> bool:
        held = value.removeprefix(base)
        return held == wanted or held.startswith(starts)

    return test


def _typed(parameter: Parameter, kind: str, wanted: str) -> str:
    if "/" not in wanted and ":" not in wanted:
        return f"{kind}/{wanted}"
    if not wanted.startswith(f"{kind}/"):
        raise BadValue(f"“{parameter.code}:{kind}” needs the id of a {kind}, as in “123” or “{kind}/123”.")
    return wanted


def id_in(held: str) -> str:
    """Return the id of "Type/id"; "" of what is elsewhere, whose id could be anybody's."""
    parts = held.partition("/_history/")[0].split("/")
    return parts[1] if len(parts) == 2 and parts[0] in definitions.resource_types() else ""


# --- near ------------------------------------------------------------------------------------------
def near(parameter: Parameter, piece: str) -> Test:
    """Match places within a distance (10 km where none is named) along the surface of a sphere."""
    north, east, distance, unit, *rest = [plain(part).strip() for part in split(piece, "|")] + [""] * 3
    here = _place(north, east)
    reach = ranges.number(distance) if distance else _NEAR
    if any(rest) or here is None or reach is None or unit not in _UNITS_IN_KM:
        raise BadValue(
            f"“{parameter.code}” needs “latitude|longitude|distance|unit”; units: "
            f"{', '.join(unit for unit in _UNITS_IN_KM if unit)}."
        )
    within = float(reach) * (_UNITS_IN_KM[unit] if distance else 1)
    return lambda value: _kilometres(here, (float(value[0]), float(value[1]))) <= within


def _place(north: str, east: str) -> tuple[float, float] | None:
    latitude, longitude = ranges.number(north), ranges.number(east)
    if latitude is None or longitude is None:
        return None
    place = (float(latitude), float(longitude))
    return place if on_earth(*place) else None


def _kilometres(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return the great-circle distance of two (latitude, longitude) in degrees. Source: the haversine formula."""
    (north, east), (north_2, east_2) = ([radians(degrees) for degrees in place] for place in (one, other))
    half = sin((north_2 - north) / 2) ** 2 + cos(north) * cos(north_2) * sin((east_2 - east) / 2) ** 2
    return 2 * _EARTH_KM * asin(sqrt(min(1.0, max(0.0, half))))
