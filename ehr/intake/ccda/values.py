"""HL7 v3 data types as FHIR R4's: codes, times with their precision, quantities, names. What is null says nothing.

Sources: C-CDA R2.1; HL7 C-CDA on FHIR 1.1 (data type maps).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from xml.etree.ElementTree import Element

from ehr.r4.text import dumps

from ..hl7v2.sender import Sender
from ..hl7v2.values import name_of, time_text
from ..refusals import Refused
from .xml import text_of

SYSTEMS = {
    "2.16.840.1.113883.6.1": "http://loinc.org",
    "2.16.840.1.113883.6.96": "http://snomed.info/sct",
    "2.16.840.1.113883.6.88": "http://www.nlm.nih.gov/research/umls/rxnorm",
    "2.16.840.1.113883.6.90": "http://hl7.org/fhir/sid/icd-10-cm",
    "2.16.840.1.113883.6.3": "http://hl7.org/fhir/sid/icd-10",
    "2.16.840.1.113883.6.103": "http://hl7.org/fhir/sid/icd-9-cm",
    "2.16.840.1.113883.6.4": "http://www.cms.gov/Medicare/Coding/ICD10",
    "2.16.840.1.113883.6.69": "http://hl7.org/fhir/sid/ndc",
    "2.16.840.1.113883.6.12": "http://www.ama-assn.org/go/cpt",
    "2.16.840.1.113883.12.292": "http://hl7.org/fhir/sid/cvx",
    "2.16.840.1.113883.4.9": "http://fdasis.nlm.nih.gov",
    "2.16.840.1.113883.3.26.1.1": "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl",
    "2.16.840.1.113883.5.4": "http://terminology.hl7.org/CodeSystem/v3-ActCode",
    "2.16.840.1.113883.5.83": "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation",
}
UCUM = "http://unitsofmeasure.org"
# Written by XML's rules: Python would read other scripts' digits and underscores, too. An exponent of three digits
# would be a number of as many zeros.
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,2})?", re.ASCII)
_INTEGER = re.compile(r"-?\d{1,9}", re.ASCII)


@dataclass
class Reading:
    """What reading one document needs: who sends, whose it is, and the narrative's texts by their ids."""

    sender: Sender
    shared: frozenset[str] = frozenset()  # names that entries of this document share which say different things
    subject: dict[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    found: dict[str, dict] = field(default_factory=dict)  # resources by their names
    clashing: set[str] = field(default_factory=set)  # names that turned out to be shared
    files: dict[str, bytes] = field(default_factory=dict)

    @property
    def resources(self) -> list[dict]:
        return list(self.found.values())

    def add(self, resource: Mapping, *, keeps_name: bool = False) -> dict:
        """Keep a resource without what is empty; the same one twice is one.

        A number that is shared names nothing: what such an entry says is part of its name.
        """
        kept = {name: value for name, value in resource.items() if value not in ("", [], {}, None)}
        if kept["id"] in self.shared and not keeps_name:
            kept["id"] = name_of(kept["id"], dumps(kept).decode())
        if self.found.setdefault(kept["id"], kept) != kept:
            self.clashing.add(kept["id"])
        return kept

    def original(self, element: Element | None) -> str:
        """Return the text of an originalText or text, looked up in the narrative where it refers there."""
        if element is None:
            return ""
        pointer = element.find("reference")
        at = pointer.get("value", "") if pointer is not None else ""
        return self.texts.get(at.removeprefix("#"), "") if at.startswith("#") else text_of(element)


def is_null(element: Element | None) -> bool:
    """Tell whether an element is not there, or says that it says nothing."""
    return element is None or element.get("nullFlavor") is not None


def number_of(element: Element | None) -> tuple[str, str]:
    """Return (root, extension) of an id; empty where it says nothing."""
    if is_null(element) or element is None or not element.get("root"):
        return "", ""
    return element.get("root", "").strip(), element.get("extension", "").strip()


def system_of_root(root: str) -> str:
    """Return the identifier system of an id's root."""
    return f"urn:oid:{root}" if root.replace(".", "").isdigit() else f"urn:uuid:{root.lower()}"


def identifiers(entry: Element) -> list[dict]:
    """Return an entry's own numbers."""
    found = (number_of(one) for one in entry.findall("id"))
    return [{"system": system_of_root(root), "value": value} for root, value in found if root and value]


def named(kind: str, entry: Element, *more: str) -> str:
    """Return the id of what an entry becomes: by its own number, or, where it has none, by what it says."""
    root, value = next((one for each in entry.findall("id") if (one := number_of(each))[0]), ("", ""))
    return name_of(kind, root, value, *more) if root else name_of(kind, *more, _said(entry))


def _said(entry: Element) -> str:
    pieces = [f"{one.tag}{sorted(one.attrib.items())}{(one.text or '').strip()}" for one in entry.iter()]
    return "\x1f".join(pieces)


# --- Codes ---------------------------------------------------------------------------------------
def concept(element: Element | None, reading: Reading) -> dict:
    """Return a CodeableConcept of a CD or CE with its translations; {} where nothing is said."""
    if element is None:
        return {}
    listed = [element, *element.findall("translation")]
    codings = [coding for one in listed if (coding := _coding(one))]
    words = reading.original(element.find("originalText"))
    words = words or (element.get("displayName", "") if not codings else "")
    kept = list({(one.get("system"), one["code"]): one for one in codings}.values())
    return ({"coding": kept} if kept else {}) | ({"text": words} if words else {})


def _coding(element: Element) -> dict:
    code = " ".join(element.get("code", "").split())
    if is_null(element) or not code:
        return {}
    system = element.get("codeSystem", "").strip()
    address = SYSTEMS.get(system) or (system_of_root(system) if system else "")
    words = element.get("displayName", "").strip()
    return ({"system": address} if address else {}) | {"code": code} | ({"display": words} if words else {})


def plain(element: Element | None) -> str:
    """Return the code of an element, "" where it says nothing."""
    return "" if is_null(element) or element is None else element.get("code", "").strip()


# --- Times ---------------------------------------------------------------------------------------
def moment(element: Element | None, reading: Reading) -> str:
    """Return a FHIR dateTime of a TS, as precise as it came. Raises Refused for what is no time."""
    if is_null(element) or element is None or not element.get("value"):
        return ""
    try:
        return time_text(element.get("value", ""), reading.sender.zone)
    except ValueError:
        raise Refused(f"{element.tag} holds a time that is none.") from None


def period(element: Element | None, reading: Reading) -> dict:
    """Return a Period of an IVL_TS; of a single moment, one that starts there."""
    if is_null(element) or element is None:
        return {}
    low, high = moment(element.find("low"), reading), moment(element.find("high"), reading)
    low = low or moment(element, reading) or moment(element.find("center"), reading)
    return ({"start": low} if low else {}) | ({"end": high} if high else {})


def when(entry: Element, reading: Reading) -> str:
    """Return the moment an entry is about: when it began, where it lasted."""
    return period(entry.find("effectiveTime"), reading).get("start", "")


# --- Quantities ----------------------------------------------------------------------------------
def quantity(element: Element | None) -> dict:
    """Return a Quantity of a PQ, {} where it says nothing. Raises Refused for what is no number."""
    if is_null(element) or element is None or not element.get("value"):
        return {}
    unit = element.get("unit", "").strip()
    said = {"value": _decimal(element.get("value", ""))}
    if not unit or unit == "1":
        return said
    return said | {"unit": unit} | ({"system": UCUM, "code": unit} if " " not in unit else {})


def _decimal(text: str) -> Decimal:
    text = text.strip()
    if len(text) > 60 or not _NUMBER.fullmatch(text):
        raise Refused("A value of type PQ holds something that is no number.")
    return Decimal(text)


def value(element: Element | None, reading: Reading) -> dict:
    """Return {"value…": …} of an observation's value by its type, {} where it says nothing."""
    if is_null(element) or element is None:
        return {}
    kind = element.get("xsi:type", "")
    reader = _READERS.get(kind, _words)
    return {name: found for name, found in reader(element, reading).items() if found not in ("", {}, None)}


def _quantity(element: Element, _reading: Reading) -> dict:
    return {"valueQuantity": quantity(element)}


def _interval(element: Element, _reading: Reading) -> dict:
    low, high = quantity(element.find("low")), quantity(element.find("high"))
    if low and high:
        return {"valueRange": {"low": low, "high": high}}
    open_end = element.find("low" if low else "high")
    included = open_end is None or open_end.get("inclusive") != "false"
    sign = (">=" if included else ">") if low else ("<=" if included else "<")
    return {"valueQuantity": (low or high) | {"comparator": sign}} if low or high else {}


def _coded(element: Element, reading: Reading) -> dict:
    return {"valueCodeableConcept": concept(element, reading)}


def _integer(element: Element, _reading: Reading) -> dict:
    text = element.get("value", "")
    return {"valueInteger": int(text)} if _INTEGER.fullmatch(text) else {"valueString": text}


def _real(element: Element, _reading: Reading) -> dict:
    return {"valueQuantity": {"value": _decimal(element.get("value", ""))}} if element.get("value") else {}


def _boolean(element: Element, _reading: Reading) -> dict:
    return {"valueBoolean": element.get("value") == "true"}


def _time(element: Element, reading: Reading) -> dict:
    return {"valueDateTime": moment(element, reading)}


def _period(element: Element, reading: Reading) -> dict:
    return {"valuePeriod": period(element, reading)}


def _words(element: Element, reading: Reading) -> dict:
    return {"valueString": reading.original(element)}


_READERS = {
    "PQ": _quantity, "IVL_PQ": _interval, "CD": _coded, "CE": _coded, "CO": _coded, "CV": _coded, "INT": _integer,
    "REAL": _real, "BL": _boolean, "TS": _time, "IVL_TS": _period, "ST": _words, "ED": _words,
}  # fmt: skip


# --- People --------------------------------------------------------------------------------------
NAME_USES = {"L": "official", "C": "usual", "P": "nickname", "ASGN": "usual", "A": "nickname"}
PLACE_USES = {"H": "home", "HP": "home", "HV": "home", "WP": "work", "MC": "mobile", "TMP": "temp"}


def human_name(element: Element) -> dict:
    """Return a HumanName of a PN."""
    if is_null(element):
        return {}
    parts: dict = {
        "use": NAME_USES.get(element.get("use", "").split(" ")[0], ""),
        "family": text_of(element.find("family")),
        "given": [text_of(one) for one in element.findall("given") if text_of(one)],
        "prefix": [text_of(one) for one in element.findall("prefix") if text_of(one)],
        "suffix": [text_of(one) for one in element.findall("suffix") if text_of(one)],
    }
    if not parts["family"] and not parts["given"]:
        parts["text"] = text_of(element)
    said = {name: found for name, found in parts.items() if found}
    return said if said.keys() - {"use"} else {}


def address(element: Element) -> dict:
    """Return an Address of an AD."""
    if is_null(element):
        return {}
    parts: dict = {
        "use": {"home": "home", "work": "work", "temp": "temp"}.get(PLACE_USES.get(element.get("use", ""), ""), ""),
        "line": [text_of(one) for one in element.findall("streetAddressLine") if text_of(one)],
        "city": text_of(element.find("city")),
        "state": text_of(element.find("state")),
        "postalCode": text_of(element.find("postalCode")),
        "country": text_of(element.find("country")),
    }
    said = {name: found for name, found in parts.items() if found}
    return said if said.keys() - {"use"} else {}


def contact(element: Element) -> dict:
    """Return a ContactPoint of a TEL."""
    scheme, _colon, text = element.get("value", "").partition(":")
    if is_null(element) or not (text or scheme):
        return {}
    system = {"tel": "phone", "mailto": "email", "fax": "fax", "http": "url", "https": "url"}.get(scheme, "phone")
    use = PLACE_USES.get(element.get("use", "").split(" ")[0], "")
    said = text if system not in ("url",) and text else element.get("value", "")
    return {"system": system, "value": said} | ({"use": use} if use else {})


def person_words(element: Element | None) -> str:
    """Return somebody's name as words."""
    if element is None:
        return ""
    found = human_name(element)
    words = [*found.get("prefix", []), *found.get("given", []), found.get("family", ""), *found.get("suffix", [])]
    return " ".join(word for word in words if word) or found.get("text", "")
