"""HL7 v2 data types as FHIR R4's: times with the precision they came in, codes, units, numbers, names, addresses.

What does not fit its type is refused by place; nothing is guessed. Sources: HL7 v2.8.2 chapter 2A; tables 0001, 0190,
0200, 0201, 0396; HL7 v2-to-FHIR 1.0 (data type maps).
"""

import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal

from .er7 import TYPE, VALUE, Repeat, Segment, Unreadable
from .sender import Sender
from .units import ucum

_TIME = re.compile(
    r"(?P<Y>\d{4})(?:(?P<M>\d\d)(?:(?P<D>\d\d)(?:(?P<h>\d\d)(?:(?P<m>\d\d)(?:(?P<s>\d\d)(?P<f>\.\d{1,6})?)?)?)?)?)?"
    r"(?P<z>[+-]\d{4})?",
    re.ASCII,
)
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d*)?|[+-]?\.\d+", re.ASCII)
_COMPARED = re.compile(r"(<=|>=|<|>)\s*(.+)", re.ASCII)
_CLOCK = re.compile(r"(\d\d)(\d\d)(?:(\d\d)(?:\.\d+)?)?(?:[+-]\d{4})?", re.ASCII)
_LONGEST_NUMBER = 60
_OID = re.compile(r"[0-2](?:\.(?:0|[1-9]\d*))+", re.ASCII)

# Table 0396: names of code systems.
SYSTEMS = {
    "LN": "http://loinc.org",
    "LOINC": "http://loinc.org",
    "SCT": "http://snomed.info/sct",
    "SNM": "http://snomed.info/sct",
    "SNOMED": "http://snomed.info/sct",
    "SNOMED-CT": "http://snomed.info/sct",
    "UCUM": "http://unitsofmeasure.org",
    "I10": "http://hl7.org/fhir/sid/icd-10",
    "I10C": "http://hl7.org/fhir/sid/icd-10-cm",
    "ICD10CM": "http://hl7.org/fhir/sid/icd-10-cm",
    "I9C": "http://hl7.org/fhir/sid/icd-9-cm",
    "CVX": "http://hl7.org/fhir/sid/cvx",
    "NDC": "http://hl7.org/fhir/sid/ndc",
    "RXNORM": "http://www.nlm.nih.gov/research/umls/rxnorm",
    "C4": "http://www.ama-assn.org/go/cpt",
    "ISO3166": "urn:iso:std:iso:3166",
    **{f"HL7{number:04}": f"http://terminology.hl7.org/CodeSystem/v2-{number:04}" for number in (4, 70, 74, 78, 487)},
}
GENDERS = {"F": "female", "M": "male", "O": "other", "A": "other", "N": "other", "X": "other", "U": "unknown"}
NAME_USES = {
    "L": "official", "D": "usual", "B": "official", "M": "maiden", "N": "nickname", "A": "nickname", "P": "anonymous",
    "S": "anonymous", "T": "temp",
}  # fmt: skip
ADDRESS_USES = {"H": "home", "B": "work", "O": "work", "C": "temp", "BA": "old"}


def name_of(*parts: str) -> str:
    """Return the id of what a sender names by these parts: the same each time."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, "\x1f".join(parts)))


# --- Time ----------------------------------------------------------------------------------------
def moment(segment: Segment, number: int, sender: Sender, *, text: str | None = None) -> str:
    """Return a FHIR dateTime, as precise as it came, "" where nothing is said. A time without a zone is the sender's.

    An hour without minutes is a day to FHIR. Raises Unreadable.
    """
    text = segment.text(number) if text is None else text.strip()
    if not text:
        return ""
    if not _TIME.fullmatch(text):
        raise Unreadable(segment.place(number), "must be a time like 202611211030+0100, or the beginning of one.")
    try:
        return time_text(text, sender.zone)
    except ValueError:
        raise Unreadable(segment.place(number), "is a time that no calendar has.") from None


def time_text(text: str, zone: tzinfo) -> str:
    """Return a FHIR dateTime of an HL7 time (2 or 3), as precise as it came. Raises ValueError."""
    found = _TIME.fullmatch(text.strip())
    if found is None:
        raise ValueError("This is no time as HL7 writes it.")
    parts = found.groupdict()
    day = "-".join(part for part in (parts["Y"], parts["M"], parts["D"]) if part)
    try:
        return _with_clock(parts, day, zone) if parts["m"] else _checked_day(parts, day)
    except OverflowError as problem:
        raise ValueError("This is a time that no calendar has.") from problem


def _checked_day(parts: Mapping[str, str], day: str) -> str:
    datetime(int(parts["Y"]), int(parts["M"] or 1), int(parts["D"] or 1))  # noqa: DTZ001 - only whether it exists
    return day


def _with_clock(parts: Mapping[str, str], day: str, zone: tzinfo) -> str:
    zone = _offset(parts["z"]) if parts["z"] else zone
    hour, minute, second = (int(parts[one] or 0) for one in "hms")
    at = datetime(int(parts["Y"]), int(parts["M"]), int(parts["D"]), hour, minute, second, tzinfo=zone)
    at.astimezone(UTC)  # a moment that is in no year elsewhere cannot be compared with any other: OverflowError
    offset = at.strftime("%z")
    return f"{day}T{at:%H:%M:%S}{parts['f'] or ''}{offset[:3]}:{offset[3:5]}"


def _offset(text: str) -> timezone:
    minutes = int(text[1:3]) * 60 + int(text[3:5])
    return timezone(timedelta(minutes=-minutes if text[0] == "-" else minutes))


def instant(segment: Segment, number: int, sender: Sender) -> str:
    """Return a FHIR instant: only what names at least the minute is one; "" for everything else."""
    found = moment(segment, number, sender)
    return found if "T" in found else ""


def day(segment: Segment, number: int, sender: Sender) -> str:
    """Return a FHIR date, "" where nothing is said."""
    return moment(segment, number, sender).partition("T")[0]


def time_of_day(segment: Segment, number: int, text: str) -> str:
    """Return a FHIR time. Raises Unreadable."""
    found = _CLOCK.fullmatch(text.strip())
    if found is None or int(found[1]) > 23 or int(found[2]) > 59 or int(found[3] or 0) > 59:
        raise Unreadable(segment.place(number), "must be a time of day like 1030.")
    return f"{found[1]}:{found[2]}:{found[3] or '00'}"


# --- Codes ---------------------------------------------------------------------------------------
def concept(found: Repeat, sender: Sender) -> dict:
    """Return a CodeableConcept of a CE or CWE, with what the sender's own codes were said to mean; {} for nothing."""
    codings: list[dict] = []
    for start in (1, 4, 10):
        codings += _codings(found.text(start), found.text(start + 1), found.text(start + 2), sender)
    words = found.text(9) or found.text(2) or found.text(5)
    kept = list({(one.get("system"), one["code"]): one for one in codings}.values())
    return ({"coding": kept} if kept else {}) | ({"text": words} if words else {})


def _codings(code: str, words: str, system: str, sender: Sender) -> list[dict]:
    if not code:
        return []
    code = " ".join(code.split())
    shown = {"display": words} if words else {}
    own = {"system": system_of(system, sender), "code": code} | shown
    meant = sender.codes.get((system.upper(), code)) or sender.codes.get(("", code))
    if meant is None:
        return [own]
    translated = {"system": meant[0], "code": meant[1]} | ({"display": meant[2]} if meant[2] else {})
    return [translated, own]


def system_of(name: str, sender: Sender) -> str:
    """Return the address of a code system by its name in table 0396; a local one is the sender's own."""
    upper = name.upper().removeprefix("HL7-") if name.upper().startswith("HL7-") else name.upper()
    if upper in SYSTEMS:
        return SYSTEMS[upper]
    if name.startswith(("http://", "https://", "urn:")) and " " not in name:
        return name
    if _OID.fullmatch(name):
        return f"urn:oid:{name}"
    return sender.own_system(name)


# --- Numbers -------------------------------------------------------------------------------------
def number(segment: Segment, at: int, text: str) -> Decimal:
    """Return a number with the digits it was written in. Raises Unreadable, also for a decimal comma."""
    text = text.strip()
    if len(text) > _LONGEST_NUMBER or not _NUMBER.fullmatch(text):
        raise Unreadable(segment.place(at), "must be a number with a point, such as 5.40.")
    sign = "-" if text.startswith("-") else ""
    whole, point, rest = text.lstrip("+-").partition(".")
    return Decimal(f"{sign}{whole.lstrip('0') or '0'}" + (f".{rest}" if point and rest else ""))


def quantity(segment: Segment, at: int, text: str, unit: Mapping[str, str]) -> dict:
    """Return a Quantity. "<0.5" in a number's place is read as what it says, as many laboratories write it."""
    compared = _COMPARED.fullmatch(text.strip())
    comparator, value = (compared[1], compared[2]) if compared else ("", text)
    found: dict = {"value": number(segment, at, value)}
    return found | ({"comparator": comparator} if comparator else {}) | dict(unit)


def unit_of(found: Repeat, sender: Sender) -> dict[str, str]:
    """Return unit, system and code of a Quantity; UCUM where the sender says so or the unit is one beyond doubt."""
    code, words, system = found.text(1), found.text(2), found.text(3).upper()
    if not code and not words:
        return {}
    said = words or code
    known = sender.units.get(code) or (code if system == "UCUM" and not re.search(r"\s", code) else ucum(code))
    return {"unit": said} | ({"system": SYSTEMS["UCUM"], "code": known} if known else {})


# --- People and places ---------------------------------------------------------------------------
def human_name(found: Repeat) -> dict:
    """Return a HumanName of an XPN, {} for nothing."""
    given = [part for part in (found.text(2), *found.text(3).split()) if part]
    use = NAME_USES.get(found.text(7).upper(), "")
    parts = {
        "use": use,
        "family": found.text(1),
        "given": given,
        "prefix": [found.text(5)] if found.text(5) else [],
        "suffix": [one for one in (found.text(4), found.text(6)) if one],
    }
    said = {name: value for name, value in parts.items() if value}
    return said if said.keys() - {"use"} else {}


def address(found: Repeat) -> dict:
    """Return an Address of an XAD, {} for nothing."""
    lines = [part for part in (found.text(1), found.text(2)) if part]
    parts = {
        "use": ADDRESS_USES.get(found.text(7).upper(), ""),
        "line": lines,
        "city": found.text(3),
        "state": found.text(4),
        "postalCode": found.text(5),
        "country": found.text(6),
    }
    said = {name: value for name, value in parts.items() if value}
    return said if said.keys() - {"use"} else {}


def contact(found: Repeat, use: str) -> dict:
    """Return a ContactPoint of an XTN, {} for nothing."""
    if mail := found.text(4):
        return {"system": "email", "value": mail, "use": use}
    value = found.text(12) or found.text(1) or "".join(found.text(one) for one in (5, 6, 7))
    if "@" in value:
        return {"system": "email", "value": value, "use": use}
    system = {"FX": "fax", "BP": "pager", "CP": "phone", "PH": "phone"}.get(found.text(3).upper(), "phone")
    return (
        {"system": system, "value": value, "use": "mobile" if found.text(3).upper() == "CP" else use} if value else {}
    )


def person_words(found: Repeat) -> str:
    """Return the name of somebody in an XCN or CNN as words, "" for nothing."""
    parts = (found.text(6), found.text(3), found.text(4), found.text(2), found.text(5))
    return " ".join(part for part in parts if part) or found.text(1)


def organization_words(found: Repeat) -> str:
    """Return the name of an XON as words."""
    return found.text(1) or found.text(10)


def place_words(found: Repeat) -> str:
    """Return a PL as words: point of care, room, bed, building."""
    parts = (found.text(9) or found.text(1), found.text(2), found.text(3), found.text(7), found.text(4))
    return ", ".join(dict.fromkeys(part for part in parts if part))


def authority(found: Repeat, component: int, sender: Sender) -> str:
    """Return the system of an identifier by its assigning authority (HD): its OID or URI, or what the feed was told.

    A name that means something only to the sender is a system of the sender's own.
    """
    name, universal, kind = (found.text(component, sub) for sub in (1, 2, 3))
    if known := sender.authorities.get(name) or sender.authorities.get(universal):
        return known
    if kind.upper() == "ISO" and _OID.fullmatch(universal):
        return f"urn:oid:{universal}"
    if kind.upper() in ("URI", "URL") and universal.startswith(("http://", "https://", "urn:")):
        return universal
    if kind.upper() in ("UUID", "GUID") and universal:
        return f"urn:uuid:{universal.lower()}"
    return sender.own_system(name or universal)


def coded(segment: Segment, at: int, table: Mapping[str, str], *, otherwise: str | None = None) -> str:
    """Return what a coded field means. Raises Unreadable for a code that the table does not have."""
    code = segment.text(at).upper()
    if not code and otherwise is not None:
        return otherwise
    if code not in table:
        raise Unreadable(segment.place(at), f"must be one of: {', '.join(sorted(table))}.", VALUE if code else TYPE)
    return table[code]
