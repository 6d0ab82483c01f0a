"""Search as a plain scan: FHIRPath by fhirpathpy on the official expressions, R4's rules written a second time.

Nothing of ehr.r4's compiled expressions, index or comparisons is used here. Slow, and meant to be.
"""

import calendar
import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from functools import cache

from fhirpathpy import compile as compile_fhirpath
from fhirpathpy.models import models

Element = object
BEGINNING, END = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
CONTACTS = {"phone", "fax", "email", "pager", "url", "sms", "other"}
INSTANTS = ("DiagnosticReport.issued", "DocumentReference.date", "Provenance.recorded", "AuditEvent.recorded")


# --- What a resource says ----------------------------------------------------------------------------
@cache
def _compiled(expression: str) -> Callable:
    # fhirpathpy resolves nothing; the resources it is given here name types in their references.
    written = re.sub(r"where\(resolve\(\) is (\w+)\)", r"where(reference.matches('(^|/)\1/[^/]+'))", expression)
    written = written.replace("ofType(DateTime)", "ofType(dateTime)")  # a misprint in R4
    written = written.removeprefix("Resource.")  # fhirpathpy does not know what is a Resource
    return compile_fhirpath(written, models["r4"])


def elements(resource: dict, expression: str, inside: object = None) -> list:
    """Return what an expression finds in a resource, or inside a part of it."""
    return _compiled(expression)(resource if inside is None else inside, {"resource": resource})


def values(resource: dict, definition: dict) -> list:
    """Return the elements of one parameter; for a composite, [the elements of each part] for each focus."""
    if definition["type"] != "composite":
        return [item for item in elements(resource, definition["expression"]) if meaningful(definition["type"], item)]
    found = []
    for focus in elements(resource, definition["expression"]):
        parts = [_part(resource, focus, part["expression"]) for part in definition["component"]]
        if all(parts):
            found.append(parts)
    return found


def _part(resource: dict, focus: object, expression: str) -> list:
    # A part loses its type on its own, so that `value` has to be found by its JSON name.
    names = re.findall(r"value\.ofType\((\w+)\)", expression) or (
        ["CodeableConcept", "Boolean"] if expression == "value" else []
    )
    if names:
        return [focus[key] for name in names if (key := f"value{name[0].upper()}{name[1:]}") in focus]
    return [
        item
        for item in elements(resource, expression, focus)
        if not isinstance(item, dict) or item.keys() - {"identifier"}
    ]


def meaningful(kind: str, item: object) -> bool:
    """Tell whether R4's tables give an element a meaning as a type of parameter."""
    if kind == "quantity":
        return "origin" not in item  # SampledData
    if kind == "date":
        return bool(
            {"start", "end", "event", "repeat"} & set(item) if isinstance(item, dict) else re.match(r"\d{4}", item)
        )
    if kind == "reference":
        return isinstance(item, str) or "reference" in item or "identifier" in item
    return True


# --- How it is compared --------------------------------------------------------------------------------
def matches(definition: dict, modifier: str, raw: str, found: list, parts: list[dict] = ()) -> bool:
    """Tell whether one parameter with one raw value holds for the elements it found."""
    if modifier == "missing":
        return (raw == "true") is (not found)
    if definition["type"] == "composite":
        pieces = raw.split("$")
        return any(
            all(matches(part, "", piece, list(items)) for part, piece, items in zip(parts, pieces, focus, strict=True))
            for focus in found
        )
    hit = any(_one(definition, modifier, piece, item) for piece in raw.split(",") for item in found)
    return not hit if modifier == "not" else hit


def _one(definition: dict, modifier: str, raw: str, item: object) -> bool:
    kind = definition["type"]
    if kind == "token" or modifier == "identifier":
        return _token(definition, modifier, raw, item)
    if kind == "string":
        names = isinstance(item, dict) or definition["expression"].endswith((".family", ".given"))
        return any(_string(modifier, raw, text, words=names) for text in strings(item))
    if kind == "reference":
        return _reference(modifier, raw, item)
    if kind == "uri":
        return _uri(modifier, raw, item)
    prefix, rest = (raw[:2], raw[2:]) if raw[:2].isalpha() else ("eq", raw)
    if kind == "date":
        return _dates(prefix, span(rest), time_of(item, instant=definition["expression"] in INSTANTS))
    if kind == "quantity":
        return _quantity(prefix, rest, item)
    return _numbers(prefix, rest, *ends_of(item))


def tokens(item: object) -> list[tuple[str, str, str]]:
    """Return (system, code, text) of any element that a token parameter may find."""
    if not isinstance(item, dict):
        return [("", str(item).lower() if isinstance(item, bool) else str(item), "")]
    if "coding" in item or set(item) <= {"text", "id", "extension"}:
        return [token for coding in item.get("coding", ()) for token in tokens(coding)] + [
            ("", "", item.get("text", ""))
        ]
    if "value" in item:
        system = "" if item.get("system") in CONTACTS else item.get("system", "")
        return [(system, item["value"], item.get("type", {}).get("text", ""))]
    return [(item.get("system", ""), item.get("code", ""), item.get("display", ""))]


def _token(definition: dict, modifier: str, raw: str, item: object) -> bool:
    if modifier == "identifier":
        item = item.get("identifier", {}) if isinstance(item, dict) else {}
    if modifier == "of-type":
        system, code, number = raw.split("|")
        kinds = [
            (coding.get("system"), coding.get("code", "").lower()) for coding in item.get("type", {}).get("coding", ())
        ]
        return (system, code.lower()) in kinds and item.get("value", "").lower() == number.lower()
    if modifier == "text":
        return any(text and _string("", raw, text) for _, _, text in tokens(item))
    if modifier == "below":
        return str(item).lower().startswith(raw.lower())
    system, bar, code = raw.rpartition("|")
    implied = not isinstance(item, dict) and system in definition.get("systems", ())
    return any(
        (not bar or system == its or implied)
        and (its_code.lower() == code.lower() or (bar and not code and its_code != ""))
        for its, its_code, _ in tokens(item)
    )


def strings(item: object) -> list[str]:
    """Return every text of a string, HumanName or Address."""
    if isinstance(item, str):
        return [item]
    names = (
        "text",
        "family",
        "given",
        "prefix",
        "suffix",
        "line",
        "city",
        "district",
        "state",
        "postalCode",
        "country",
    )
    return [
        text for name in names for text in ([item[name]] if isinstance(item.get(name), str) else item.get(name, []))
    ]


def bare(text: str) -> str:
    """Return a text's letters and figures, in one case, with single spaces."""
    kept = [c for c in unicodedata.normalize("NFKD", text.casefold()) if unicodedata.category(c)[0] != "M"]
    return " ".join("".join("" if c in "'’`´." else c if c.isalnum() else " " for c in kept).split())


def _string(modifier: str, raw: str, text: str, *, words: bool = False) -> bool:
    if modifier == "exact":
        return raw == text
    if not bare(raw):  # only punctuation counts as it was written
        return raw.casefold() in text.casefold()
    if modifier == "contains":
        return bare(raw) in bare(text)
    told = bare(text).split()
    starts = range(len(told)) if words else [0]
    return any(" ".join(told[at:]).startswith(bare(raw)) for at in starts)


def _reference(modifier: str, raw: str, item: object) -> bool:
    target = item if isinstance(item, str) else item.get("reference", "")
    if modifier:
        raw = f"{modifier}/{raw}"
    if "/" not in raw and ":" not in raw:
        return bool(re.fullmatch(r"[A-Z]\w+/" + re.escape(raw) + "(/_history/.*)?", target))
    return target == raw or target.split("|")[0] == raw or target.split("/_history/")[0] == raw


def _uri(modifier: str, raw: str, item: str) -> bool:
    any_version = item.split("|")[0]
    if modifier == "below":
        return any_version == raw or any_version.startswith(raw.rstrip("/") + "/")
    if modifier == "above":
        return raw == any_version or raw.startswith(any_version.rstrip("/") + "/")
    return raw in (item, any_version)


# --- Time --------------------------------------------------------------------------------------------
def span(text: str) -> tuple[datetime, datetime]:
    """Return the first moment that a partial date covers, and the first after it."""
    if "T" in text:
        at = datetime.fromisoformat(text)
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        fraction = re.search(r"\.(\d+)", text)
        if fraction:
            return at, at + timedelta(microseconds=10 ** (6 - len(fraction[1])))
        return at, at + (timedelta(seconds=1) if re.search(r"T\d\d:\d\d:\d\d", text) else timedelta(minutes=1))
    year, month, day = ([int(part) for part in text.split("-")] + [0, 0])[:3]
    last_month = month or 12
    last_day = day or calendar.monthrange(year, last_month)[1]
    end = datetime(year, last_month, last_day, tzinfo=UTC) + timedelta(days=1)
    return datetime(year, month or 1, day or 1, tzinfo=UTC), end


def time_of(item: object, *, instant: bool = False) -> tuple[datetime, datetime]:
    """Return the time that a date, Period or Timing covers."""
    if isinstance(item, str):
        start, end = span(item)
        return (start, start + timedelta(microseconds=1)) if instant else (start, end)
    if item.get("event"):
        spans = [span(event) for event in item["event"]]
        return min(start for start, _ in spans), max(end for _, end in spans)
    bounds = item.get("repeat", {}).get("boundsPeriod", {}) if "repeat" in item else item
    start, end = bounds.get("start"), bounds.get("end")
    return span(start)[0] if start else BEGINNING, span(end)[1] if end else END


def _dates(prefix: str, asked: tuple, told: tuple) -> bool:
    (low, high), (start, end) = asked, told
    inside = low <= start and end <= high
    return {
        "eq": inside,
        "ne": not inside,
        "gt": end > high,
        "lt": start < low,
        "ge": end > high or inside,
        "le": start < low or inside,
        "sa": start >= high,
        "eb": end <= low,
        "ap": start < high and end > low,  # no `now` is given: as exact as it was written
    }[prefix]


# --- Numbers -----------------------------------------------------------------------------------------
def ends_of(item: object) -> tuple[Fraction | None, Fraction | None]:
    """Return the lowest and highest number of a number, Quantity or Range; None where open."""
    if not isinstance(item, dict):
        return Fraction(str(item)), Fraction(str(item))
    if "low" in item or "high" in item:
        low, high = item.get("low", {}).get("value"), item.get("high", {}).get("value")
        return (*(None if end is None else Fraction(str(end)) for end in (low, high)),)
    size, comparator = Fraction(str(item["value"])), item.get("comparator", "")
    return None if "<" in comparator else size, None if ">" in comparator else size


def _numbers(prefix: str, text: str, low: Fraction | None, high: Fraction | None) -> bool:
    exact = Fraction(text)
    half = Fraction(1, 2 * 10 ** len(text.partition(".")[2]))
    reach = max(half, abs(exact) / 10)
    inside = None not in (low, high) and exact - half <= low and high < exact + half
    above, below = high is None or high > exact, low is None or low < exact
    return {
        "eq": inside,
        "ne": not inside,
        "gt": above,
        "lt": below,
        "ge": above or high == exact,
        "le": below or low == exact,
        "sa": low is not None and low > exact,
        "eb": high is not None and high < exact,
        "ap": (low is None or low <= exact + reach) and (high is None or high >= exact - reach),
    }[prefix]


def _quantity(prefix: str, raw: str, item: dict) -> bool:
    text, *unit = raw.split("|")
    if not _numbers(prefix, text, *ends_of(item)):
        return False
    end = item if "value" in item else item.get("low") or item.get("high") or {}
    if "currency" in item:
        end = {"system": "urn:iso:std:iso:4217", "code": item["currency"]}
    if not unit or unit == ["", ""]:
        return True
    if unit[0]:
        return end.get("system") == unit[0] and unit[1] in ("", end.get("code", ""))
    return unit[1] in (end.get("code"), end.get("unit"))
