"""OBX: one result. What it says by its type, how it is to be read, and whether it still stands.

Sources: HL7 v2.8.2 chapter 7, tables 0078, 0085, 0125; HL7 v2-to-FHIR 1.0 (OBX map).
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from .er7 import MISSING, VALUE, Repeat, Segment, Unreadable
from .sender import Sender
from .values import (
    concept,
    instant,
    moment,
    name_of,
    number,
    organization_words,
    person_words,
    quantity,
    time_of_day,
    unit_of,
)

Lines = list[tuple[Segment, list[Segment]]]
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
STATES = {
    "F": "final", "P": "preliminary", "R": "preliminary", "S": "preliminary", "I": "registered", "C": "corrected",
    "A": "amended", "B": "amended", "V": "final", "W": "entered-in-error", "D": "entered-in-error", "X": "cancelled",
    "N": "cancelled",
}  # fmt: skip
# A result that is taken back shows no value: what it said may be somebody else's.
WITHOUT_VALUE = {"entered-in-error": "error", "cancelled": "not-performed"}
FLAGS = frozenset(
    [
        "<",
        ">",
        "A",
        "AA",
        "B",
        "D",
        "DET",
        "H",
        "HH",
        "HU",
        "IE",
        "IND",
        "I",
        "L",
        "LL",
        "LU",
        "MS",
        "N",
        "ND",
        "NEG",
        "NR",
        "NS",
        "POS",
        "R",
        "RR",
        "S",
        "SDD",
        "SYN-R",
        "SYN-S",
        "U",
        "VS",
        "W",
        "WR",
    ]
)
MOST_FILE_BYTES = 12 * 1024 * 1024
VITAL = frozenset(
    [
        "8867-4",
        "9279-1",
        "8310-5",
        "8302-2",
        "29463-7",
        "39156-5",
        "8480-6",
        "8462-4",
        "85354-9",
        "59408-5",
        "2708-6",
        "8287-5",
        "9843-4",
    ]
)
_RANGE = re.compile(r"\s*([+-]?\d+(?:\.\d+)?)\s*(?:-|–|to)\s*([+-]?\d+(?:\.\d+)?)\s*(?:[A-Za-z/%].*)?", re.ASCII)
_BOUND = re.compile(r"\s*(<=|>=|<|>)\s*([+-]?\d+(?:\.\d+)?)\s*(?:[A-Za-z/%].*)?", re.ASCII)


@dataclass
class Place:
    """What a result shares with the others of its order."""

    key: tuple[str, ...]
    about: dict  # subject, and encounter where the visit is named
    category: str
    taken: str
    reported: str
    files: dict[str, bytes] = field(repr=False)


def observation(lines: Lines, place: Place, test: tuple[str, str], count: int, sender: Sender) -> dict:
    """Return what an OBX (or several lines of one text) becomes; {} where it says nothing. Raises Unreadable."""
    obx = lines[0][0]
    status = _state(obx)
    if status == "":
        return {}
    code = concept(obx.first(3), sender)
    if not code:
        raise Unreadable(obx.place(3), "is missing: it says what was observed.", MISSING)
    kind = obx.text(2).upper()
    if kind in ("ED", "RP") and status not in WITHOUT_VALUE:
        return _file(obx, place, code, (*place.key, *test, str(count)), sender)
    value = {} if status in WITHOUT_VALUE else _value(lines, kind, sender)
    absent = {"dataAbsentReason": _absent(WITHOUT_VALUE.get(status, "unknown"))} if not value else {}
    said: dict = {
        "resourceType": "Observation",
        "id": name_of("Observation", *place.key, *test, str(count)),
        "status": status,
        "category": [{"coding": [{"system": CATEGORY, "code": _category(code, place)}]}],
        "code": code,
        **place.about,
        **_when(obx, place, sender),
        "issued": instant(obx, 19, sender) or (place.reported if "T" in place.reported else ""),
        "performer": _performers(obx),
        **value,
        **absent,
        "interpretation": [] if absent else _flags(obx),
        "note": []
        if status in WITHOUT_VALUE
        else [{"text": text} for one in _comments(lines) if (text := comment(one))],
        "method": concept(obx.first(17), sender),
        "referenceRange": [] if absent else _range(obx, sender),
    }
    return {name: found for name, found in said.items() if found not in ("", [], {})}


def comment(nte: Segment) -> str:
    """Return the text of a NTE, its repetitions as lines."""
    return nte.whole(3)


def _comments(lines: Lines) -> list[Segment]:
    return [one for _obx, comments in lines for one in comments]


def _state(obx: Segment) -> str:
    """Return the status by OBX-11, "" for a line that only describes the order. Raises Unreadable."""
    code = obx.text(11).upper() or "F"
    if code == "O":
        return ""
    if code == "U":
        raise Unreadable(obx.place(11), "is U, a new state without its result. Send the result again as F.", VALUE)
    if code not in STATES:
        raise Unreadable(obx.place(11), f"must be one of: {', '.join(sorted(STATES))}.", VALUE)
    return STATES[code]


def _absent(code: str) -> dict:
    return {"coding": [{"system": ABSENT, "code": code}]}


def _category(code: dict, place: Place) -> str:
    loinc = {one["code"] for one in code.get("coding", ()) if one.get("system") == "http://loinc.org"}
    return "vital-signs" if loinc & VITAL else place.category


def _when(obx: Segment, place: Place, sender: Sender) -> dict:
    at = moment(obx, 14, sender) or place.taken
    return {"effectiveDateTime": at} if at else {}


def _performers(obx: Segment) -> list[dict]:
    names = [person_words(one) for one in obx.repeats(16)] + [organization_words(one) for one in obx.repeats(23)]
    return [{"display": name} for name in dict.fromkeys(names) if name]


# --- What it says --------------------------------------------------------------------------------
def _value(lines: Lines, kind: str, sender: Sender) -> dict:
    """Return {"value…": …} by OBX-2, {} where nothing is said. Raises Unreadable."""
    obx = lines[0][0]
    if len(lines) > 1:
        return {"valueString": "\n".join(one.whole(5) for one, _ in lines).strip()}
    if not obx.raw_field(5).strip() or obx.is_null(5):
        return {}
    if not kind:
        raise Unreadable(obx.place(2), "is missing: it says how the result is to be read.", MISSING)
    if kind not in READERS:
        raise Unreadable(obx.place(2), f"must be one of: {', '.join(sorted(READERS))}.", VALUE)
    found = READERS[kind](obx, sender)
    return {name: value for name, value in found.items() if value not in ("", {})}


def _numeric(obx: Segment, sender: Sender) -> dict:
    return {"valueQuantity": quantity(obx, 5, obx.text(5), unit_of(obx.first(6), sender))}


def _structured(obx: Segment, sender: Sender) -> dict:
    """Read SN: comparator^number^separator^number."""
    found, unit = obx.first(5), unit_of(obx.first(6), sender)
    comparator, first, mark, second = (found.text(one) for one in (1, 2, 3, 4))
    if comparator not in ("", "<", "<=", ">", ">=", "=") or mark not in ("", "-", "/", ":", "+"):
        return {"valueString": "".join((comparator, first, mark, second))}
    low = {"value": number(obx, 5, first)} | unit
    if mark and not second and mark != "+":
        raise Unreadable(obx.place(5, 4), "is missing after a separator.", MISSING)
    if mark == "-":
        return {"valueRange": {"low": low, "high": {"value": number(obx, 5, second)} | unit}}
    if mark in ("/", ":"):
        return {"valueRatio": {"numerator": low, "denominator": {"value": number(obx, 5, second)}}}
    if mark == "+":
        return {"valueString": f"{first}+"}
    return {"valueQuantity": low | ({"comparator": comparator} if comparator not in ("", "=") else {})}


def _coded(obx: Segment, sender: Sender) -> dict:
    found = [concept(one, sender) for one in obx.repeats(5)]
    codings = [coding for one in found for coding in one.get("coding", ())]
    words = "; ".join(one["text"] for one in found if "text" in one)
    return {"valueCodeableConcept": ({"coding": codings} if codings else {}) | ({"text": words} if words else {})}


def _text(obx: Segment, _sender: Sender) -> dict:
    return {"valueString": obx.whole(5)}


def _dated(obx: Segment, sender: Sender) -> dict:
    return {"valueDateTime": moment(obx, 5, sender)}


def _clock(obx: Segment, _sender: Sender) -> dict:
    return {"valueTime": time_of_day(obx, 5, obx.text(5))}


def _pieces(obx: Segment, _sender: Sender) -> dict:
    """Read a name, an address or a number of something as words, its pieces in their order."""
    lines = (
        " ".join(part.strip() for component in one for part in component if part.strip()) for one in obx.repeats(5)
    )
    return {"valueString": "\n".join(lines)}


READERS: dict[str, Callable[[Segment, Sender], dict]] = {
    "NM": _numeric, "SN": _structured, "DT": _dated, "TS": _dated, "DTM": _dated, "TM": _clock,
    **dict.fromkeys(("CE", "CWE", "CNE", "CF"), _coded),
    **dict.fromkeys(("ST", "TX", "FT", "IS", "ID", "SI"), _text),
    **dict.fromkeys(("CX", "XPN", "XAD", "XTN", "XCN", "XON", "EI", "PN", "AD", "TN", "CK", "MO", "CP", "DR"), _pieces),
}  # fmt: skip


# --- How it is to be read ------------------------------------------------------------------------
def _flags(obx: Segment) -> list[dict]:
    found: list[dict] = []
    for one in obx.repeats(8):
        code = one.text(1)
        if code.upper() in FLAGS:
            found.append({"coding": [{"system": INTERPRETATION, "code": code.upper()}]})
        elif code or one.text(2):
            found.append({"text": one.text(2) or code})
    return found


def _range(obx: Segment, sender: Sender) -> list[dict]:
    words = obx.whole(7)
    if not words:
        return []
    unit = unit_of(obx.first(6), sender)
    if both := _RANGE.fullmatch(words):
        low, high = Decimal(both[1]), Decimal(both[2])
        if low <= high:
            return [{"low": {"value": low} | unit, "high": {"value": high} | unit, "text": words}]
    if one := _BOUND.fullmatch(words):
        side = "high" if one[1].startswith("<") else "low"
        return [{side: {"value": Decimal(one[2])} | unit, "text": words}]
    return [{"text": words}]


# --- Files ---------------------------------------------------------------------------------------
KINDS = {
    "PDF": "application/pdf", "JPEG": "image/jpeg", "JPG": "image/jpeg", "PNG": "image/png", "GIF": "image/gif",
    "TIFF": "image/tiff", "DICOM": "application/dicom", "RTF": "application/rtf", "PLAIN": "text/plain",
    "TEXT": "text/plain", "XML": "application/xml",
}  # fmt: skip


def _file(obx: Segment, place: Place, code: dict, key: tuple[str, ...], sender: Sender) -> dict:
    """Return a picture as Media, any other file as DocumentReference; its content lies sealed beside it."""
    found = obx.first(5)
    content, kind = decoded(obx, found)
    media = kind.startswith("image/")
    name = "Media" if media else "DocumentReference"
    title = code.get("text") or code.get("coding", [{}])[0].get("display", "")
    attachment = described(content, kind, title) if content else {"url": found.text(1), "contentType": kind}
    at = moment(obx, 14, sender) or place.taken
    id_ = name_of(name, *key)
    if content:
        place.files[f"{name}/{id_}"] = content
    if media:
        said = {"status": "completed", "content": attachment} | place.about
        said |= {"type": code} | ({"createdDateTime": at} if at else {})
    else:
        about = {"encounter": [place.about["encounter"]]} if "encounter" in place.about else {}
        said = {"status": "current", "type": code, "subject": place.about["subject"]}
        said["content"] = [{"attachment": attachment}]
        said |= ({"date": at} if "T" in at else {}) | ({"context": about} if about else {})
    return {"resourceType": name, "id": id_} | said


def described(content: bytes, kind: str, title: str) -> dict:
    """Return an Attachment whose content lies beside it: its type, size and SHA-1, as FHIR wants it."""
    digest = hashlib.sha1(content, usedforsecurity=False).digest()
    found = {"contentType": kind, "size": len(content), "hash": base64.b64encode(digest).decode()}
    return found | ({"title": title} if title else {})


def decoded(obx: Segment, found: Repeat) -> tuple[bytes, str]:
    """Return the bytes of an ED and their media type; no bytes for an RP, which only says where. Raises Unreadable."""
    if obx.text(2).upper() == "RP":
        if not found.text(1).startswith("https://"):
            raise Unreadable(obx.place(5), "must be the file itself (ED), or an https address.", VALUE)
        return b"", _media_type(found.text(3), found.text(4))
    raw, encoding = found.text(5), found.text(4).upper()
    try:
        content = _unwrapped(raw, encoding)
    except (ValueError, binascii.Error):
        raise Unreadable(obx.place(5, 5), f"is not {encoding or 'text'} as OBX-5.4 says.") from None
    if not content:
        raise Unreadable(obx.place(5, 5), "is missing: there is no file.", MISSING)
    if len(content) > MOST_FILE_BYTES:
        raise Unreadable(obx.place(5, 5), f"is larger than {MOST_FILE_BYTES // 1024**2} MB.")
    return content, _media_type(found.text(2), found.text(3))


def _unwrapped(raw: str, encoding: str) -> bytes:
    if encoding == "BASE64":
        return base64.b64decode("".join(raw.split()), validate=True)
    if encoding == "HEX":
        return bytes.fromhex(raw)
    if encoding in ("A", ""):
        return raw.encode()
    raise ValueError


def _media_type(kind: str, subtype: str) -> str:
    for name in (subtype, kind):
        if known := KINDS.get(name.upper().removeprefix("X-")):
            return known
    if "/" in subtype and re.fullmatch(r"[a-z]+/[a-z0-9.+-]+", subtype.lower()):
        return subtype.lower()
    return "application/octet-stream"
