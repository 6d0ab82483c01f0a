"""What a FHIR value is in the index, by the type of the search parameter.

    token      [system, code, text]; text alone is ["", "", text]
    date       [start, end] as in ranges.py
    string     text
    reference  "Type/id", an absolute URL, or a canonical as written
    quantity   [low, high, system, code, unit], decimals as text, "" where open
    number     [low, high]
    uri        text
    special    [latitude, longitude]

Values come from senders: what does not have the shape its type has is passed over.
Source: FHIR R4 search.html, the tables of data types under each parameter type.
"""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from . import ranges

CURRENCY = "urn:iso:std:iso:4217"
Convert = Callable[[Any, list], None]


def _text(holder: dict, name: str) -> str:
    value = holder.get(name)
    return value if value.__class__ is str else ""


def _items(holder: dict, name: str) -> Iterator[dict]:
    value = holder.get(name)
    return (item for item in value if item.__class__ is dict) if value.__class__ is list else iter(())


# --- token -----------------------------------------------------------------------------------------
def _coding(value: Any, found: list) -> None:
    if value.__class__ is dict:
        token = [_text(value, "system"), _text(value, "code"), _text(value, "display")]
        if any(token):
            found.append(token)


def _concept(value: Any, found: list) -> None:
    if value.__class__ is not dict:
        return
    before = len(found)
    for coding in _items(value, "coding"):
        _coding(coding, found)
    text = _text(value, "text")
    if text and all(token[2] != text for token in found[before:]):
        found.append(["", "", text])


def _identifier(value: Any, found: list) -> None:
    if value.__class__ is dict:
        kind = value.get("type")
        token = [_text(value, "system"), _text(value, "value"), _text(kind, "text") if kind.__class__ is dict else ""]
        if any(token):
            found.append(token)


def of_type(value: Any, found: list) -> None:
    """Add [system, code, value] of each type an Identifier has: what `:of-type` asks for."""
    kind = value.get("type") if value.__class__ is dict else None
    if kind.__class__ is dict and _text(value, "value"):
        found.extend(
            [_text(one, "system"), _text(one, "code"), _text(value, "value")] for one in _items(kind, "coding")
        )


def _contact(value: Any, found: list) -> None:
    if value.__class__ is dict and _text(value, "value"):
        found.append(["", value["value"], ""])


def _word(value: Any, found: list) -> None:
    if value.__class__ is bool:
        found.append(["", "true" if value else "false", ""])
    elif value.__class__ in (str, int) and value != "":
        found.append(["", str(value), ""])


# --- date ------------------------------------------------------------------------------------------
def _date(value: Any, found: list) -> None:
    covered = ranges.span(value) if value.__class__ is str else None
    if covered:
        found.append([*covered])


def _instant(value: Any, found: list) -> None:
    covered = ranges.span(value) if value.__class__ is str else None
    if covered:
        found.append([*ranges.instant(ranges.read_moment(covered.start))])


def _period(value: Any, found: list) -> None:
    if value.__class__ is dict:
        start, end = ranges.span(_text(value, "start")), ranges.span(_text(value, "end"))
        if start or end:
            found.append([start.start if start else "", end.end if end else ""])


def _timing(value: Any, found: list) -> None:
    """Add the outer limits of a Timing: of its events, and of the bounds of its rule."""
    if value.__class__ is not dict:
        return
    events, rule = value.get("event"), value.get("repeat")
    spans = [ranges.span(event) for event in events if event.__class__ is str] if events.__class__ is list else []
    known = [covered for covered in spans if covered]
    if known:
        latest = max(known, key=lambda covered: covered.end or ranges.LAST)
        found.append([min(covered.start for covered in known), latest.end])
    if rule.__class__ is dict:
        _period(rule.get("boundsPeriod"), found)


# --- string, uri, reference ------------------------------------------------------------------------
def _string(value: Any, found: list) -> None:
    if value.__class__ is str and value:
        found.append(value)


def _parts(*names: str) -> Convert:
    def take(value: Any, found: list) -> None:
        if value.__class__ is not dict:
            return
        for name in names:
            part = value.get(name)
            for text in part if part.__class__ is list else (part,):
                if text.__class__ is str and text and text not in found:
                    found.append(text)

    return take


def _reference(value: Any, found: list) -> None:
    """Add what a Reference points at; `#…`, into the resource itself, is there without leading anywhere."""
    if value.__class__ is dict and _text(value, "reference"):
        found.append(value["reference"])


def identifier_of(value: Any, found: list) -> None:
    """Add the identifier of a Reference as a token: what `:identifier` asks for."""
    if value.__class__ is dict and "identifier" in value:
        _identifier(value["identifier"], found)


# --- quantity, number, special ---------------------------------------------------------------------
def _digits(value: object) -> str:
    """Return a JSON number as text, "" for anything else. A float only comes from callers that read JSON so."""
    return str(value) if value.__class__ in (int, Decimal, float) else ""


def _quantity(value: Any, found: list) -> None:
    if value.__class__ is not dict or not (digits := _digits(value.get("value"))):
        return
    comparator = _text(value, "comparator")
    low, high = ("" if "<" in comparator else digits), ("" if ">" in comparator else digits)
    found.append([low, high, _text(value, "system"), _text(value, "code"), _text(value, "unit")])


def _money(value: Any, found: list) -> None:
    if value.__class__ is dict and (digits := _digits(value.get("value"))):
        found.append([digits, digits, CURRENCY, _text(value, "currency"), ""])


def _range(value: Any, found: list) -> None:
    if value.__class__ is not dict:
        return
    ends = [end if end.__class__ is dict else {} for end in (value.get("low"), value.get("high"))]
    low, high = (_digits(end.get("value")) for end in ends)
    if low or high:
        unit = ends[0] or ends[1]
        found.append([low, high, _text(unit, "system"), _text(unit, "code"), _text(unit, "unit")])


def _number(value: Any, found: list) -> None:
    if digits := _digits(value):
        found.append([digits, digits])


def _number_range(value: Any, found: list) -> None:
    spans: list = []
    _range(value, spans)
    found.extend(covered[:2] for covered in spans)


def _position(value: Any, found: list) -> None:
    if value.__class__ is dict:
        where = [_digits(value.get("latitude")), _digits(value.get("longitude"))]
        if all(where) and on_earth(float(where[0]), float(where[1])):
            found.append(where)


def on_earth(latitude: float, longitude: float) -> bool:
    """Tell whether degrees name a place."""
    return -90 <= latitude <= 90 and -180 <= longitude <= 180


# FHIR types without an entry have no meaning as that type of parameter: R4's tables leave them out.
CONVERTERS: dict[str, dict[str, Convert]] = {
    "token": {
        "CodeableConcept": _concept,
        "Coding": _coding,
        "Identifier": _identifier,
        "ContactPoint": _contact,
        **dict.fromkeys(("boolean", "code", "id", "string", "uri", "canonical", "integer", "positiveInt"), _word),
    },
    "date": {"date": _date, "dateTime": _date, "instant": _instant, "Period": _period, "Timing": _timing},
    "string": {
        **dict.fromkeys(("string", "markdown"), _string),
        "HumanName": _parts("text", "family", "given", "prefix", "suffix"),
        "Address": _parts("text", "line", "city", "district", "state", "postalCode", "country"),
    },
    "reference": {"Reference": _reference, "canonical": _string, "uri": _string},
    "quantity": {
        **dict.fromkeys(("Quantity", "SimpleQuantity", "Age", "Duration", "Count", "Distance"), _quantity),
        "Money": _money,
        "Range": _range,
    },
    "number": {**dict.fromkeys(("decimal", "integer", "positiveInt", "unsignedInt"), _number), "Range": _number_range},
    "uri": dict.fromkeys(("uri", "url", "canonical", "oid", "uuid"), _string),
    "special": {"Location.position": _position},
}
