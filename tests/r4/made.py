"""Resources that hold something in every element, and questions about what resources hold.

Made from R4's structure, so that each search parameter of each type meets values of every type it may meet.
"""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

from ehr.r4 import definitions

from . import oracle

DEEPEST = 4
FEWEST = 6  # resources of a type; choices take turns
LEFT_OUT = {"contained", "extension", "modifierExtension", "text", "implicitRules", "resource"}
CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
PREFIXES = ("", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")
EXTENSIONS = {
    "Condition": [
        {"url": "http://hl7.org/fhir/StructureDefinition/condition-assertedDate", "valueDateTime": "2020-03"}
    ],
    "Patient": [
        {"url": f"{CORE}race", "extension": [{"url": "ombCategory", "valueCoding": {"code": "2106-3"}}]},
        {"url": f"{CORE}ethnicity", "extension": [{"url": "text", "valueString": "Other"}]},
        {"url": f"{CORE}genderIdentity", "valueCodeableConcept": {"coding": [{"code": "446151000124109"}]}},
    ],
}


# --- Resources ---------------------------------------------------------------------------------------
def resources(kind: str) -> list[dict]:
    """Return a type's resources: each with all elements, choices taking turns, and one with next to nothing."""
    turns = max(
        [FEWEST, *Counter(field.choice for field in definitions.parts()[kind].values() if field.choice).values()]
    )
    made = [_filled(kind, number, 0) | {"resourceType": kind, "id": f"{kind}-{number}"} for number in range(turns)]
    for resource in made[:2]:
        if kind in EXTENSIONS:
            resource["extension"] = EXTENSIONS[kind]
    return [*made, {"resourceType": kind, "id": f"{kind}-bare"}]


def _filled(part: str, number: int, depth: int) -> dict:
    fields = definitions.parts()[part]
    choices: dict[str, list[str]] = {}
    for name, field in fields.items():
        choices.setdefault(field.choice or name, []).append(name)
    made = {}
    for names in choices.values():
        name = names[number % len(names)]
        if name not in LEFT_OUT and name not in {"id", "project", "author", "onBehalfOf", "account", "accounts"}:
            value = _value(fields[name], number, depth)
            if value is not None:
                made[name] = [value] if fields[name].many else value
    return made


def _value(field: definitions.Field, number: int, depth: int) -> object:
    samples = SAMPLES.get(field.type)
    if field.type == "Reference":
        return _reference(field, number)
    if samples:
        return samples[number % len(samples)]
    if field.type in definitions.parts() and depth < DEEPEST:
        return _filled(field.type, number, depth + 1)
    return None


def _reference(field: definitions.Field, number: int) -> dict:
    if number == FEWEST - 1:
        return {"identifier": {"system": "urn:mrn", "value": "77"}}
    kinds = [kind for kind in field.targets if kind in definitions.resource_types()] or ["Patient", "Observation"]
    return {"reference": f"{kinds[number % len(kinds)]}/{number}" + ("/_history/2" if number == 3 else "")}


def _quantities(**more) -> list[dict]:
    return [
        {"value": Decimal("5.40"), "system": "http://unitsofmeasure.org", "code": "mg", "unit": "mg", **more},
        {"value": 120, "unit": "beats"},
        {"value": Decimal("0.8"), "comparator": "<", "code": "g"},
    ]


CODINGS = [
    {"system": "http://loinc.org", "code": "2345-7", "display": "Glucose in Blood"},
    {"code": "local"},
    {"system": "http://snomed.info/sct", "code": "22298006", "display": "Herzinfarkt (Störung)"},
]
ADDRESSES = ["http://a.example/x/1", "urn:oid:1.2.3", "http://a.example/x"]
WHOLE = [1, 20, 300]
DATES = ["2020-05-03", "2021-02", "2019"]
MOMENTS = ["2020-05-03T10:30:00+02:00", "2020-05-03", "2021-12-31T23:59:59.75Z", "2020-05"]
SAMPLES: dict[str, list] = {
    "CodeableConcept": [{"coding": CODINGS[:2], "text": "Sugar"}, {"coding": CODINGS[2:]}, {"text": "Feels Ill"}],
    "Coding": CODINGS,
    "Identifier": [
        {
            "system": "urn:mrn",
            "value": "A-77",
            "type": {"coding": [{"system": "urn:t", "code": "MR"}], "text": "Number"},
        },
        {"value": "88"},
    ],
    "ContactPoint": [{"system": "phone", "value": "555-1"}, {"system": "email", "value": "ana@a.example"}],
    "HumanName": [
        {"family": "Quiñones-Silva", "given": ["Evelyn", "Zoë"]},
        {"text": "Dr. Mia O'Neill", "prefix": ["Dr."]},
    ],
    "Address": [
        {"line": ["12, High Street"], "city": "Porto", "state": "PT-13", "postalCode": "01040"},
        {"text": "Here"},
    ],
    "Period": [{"start": "2020-01-01", "end": "2020-06"}, {"start": "2020-05-03T10:30:00Z"}, {"end": "2019"}],
    "Timing": [{"event": ["2020-05-03", "2020-05-01"]}, {"repeat": {"boundsPeriod": {"start": "2020"}}}],
    "Range": [{"low": {"value": 40, "code": "a"}, "high": {"value": 50}}, {"high": {"value": Decimal("0.9")}}],
    "SampledData": [{"origin": {"value": 0}, "period": 10, "dimensions": 1, "data": "1 2"}],
    "Money": [{"value": Decimal("12.50"), "currency": "EUR"}],
    "Attachment": [{"contentType": "text/plain", "language": "de", "url": "http://a.example/1", "creation": "2020"}],
    **dict.fromkeys(("Quantity", "SimpleQuantity", "Age", "Duration", "Count", "Distance"), _quantities()),
    "boolean": [True, False],
    "code": ["final", "active", "text/xml"],
    "id": ["a1", "b2"],
    "string": ["Straße 7", "alpha", "Beta, gamma"],
    "markdown": ["Some *text*", "More"],
    "uri": ADDRESSES,
    "url": ADDRESSES,
    "canonical": ["http://a.example/q/1|2.0", "http://a.example/q/1"],
    "oid": ["urn:oid:1.2.3"],
    "date": DATES,
    "dateTime": MOMENTS,
    "instant": ["2020-05-03T10:30:00.123Z", "2020-05-03T10:30:00+02:00"],
    "time": ["10:30:00"],
    "decimal": [Decimal("0.80"), Decimal(100), Decimal("1.5")],
    "integer": WHOLE,
    "positiveInt": WHOLE,
    "unsignedInt": WHOLE,
    "base64Binary": ["QQ=="],
}


# --- Questions ---------------------------------------------------------------------------------------
def questions(
    definition: dict, found: list, parts: list[dict], modifiers: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    """Yield (modifier, raw value) about what one parameter found in some resource."""
    if definition["type"] == "composite":
        firsts = [_firsts(part, items[0]) for part, items in zip(parts, found[0], strict=True)]
        for pieces in zip(*firsts, strict=False):
            yield "", "$".join(pieces)
        return
    for item in found[:2]:
        for modifier, raw in _ASKERS[definition["type"]](item):
            of_type = modifier[:1].isupper() and modifier in definition.get("target", [modifier])
            offered = not modifier or modifier in modifiers or of_type
            if raw and offered and not set(raw) & set(",$\\"):
                yield modifier, raw


def _firsts(part: dict, item: object) -> list[str]:
    return [raw for modifier, raw in _ASKERS[part["type"]](item) if not modifier and raw and not set(raw) & set(",$\\")]


def _ask_token(item: object) -> Iterator[tuple[str, str]]:
    for system, code, text in oracle.tokens(item):
        if code and "|" not in code:
            yield from (
                ("", code),
                ("", f"|{code}"),
                ("not", code),
                ("", code.swapcase()),
                ("below", code.split("/")[0]),
            )
            yield from (("", f"{system}|{code}"), ("", f"{system}|")) if system else ()
        yield from (("text", text[:4]), ("text", text[2:]))
    if isinstance(item, dict) and "value" in item and item.get("type", {}).get("coding"):
        coding = item["type"]["coding"][0]
        yield "of-type", f"{coding.get('system', '')}|{coding.get('code', '')}|{item['value']}"
    yield "", "http://hl7.org/fhir/observation-status|final"


def _ask_date(item: object) -> Iterator[tuple[str, str]]:
    texts = [item] if isinstance(item, str) else [*item.get("event", ()), item.get("start", ""), item.get("end", "")]
    for text in texts:
        for cut in {text[:4], text[:7], text[:10], text[:16] if len(text) > 16 else "", text}:
            yield from (("", f"{prefix}{cut}") for prefix in PREFIXES if cut)


def _ask_string(item: object) -> Iterator[tuple[str, str]]:
    for text in oracle.strings(item):
        yield from (("", text[:3]), ("", text.upper()), ("", text.split()[-1] if text.split() else ""))
        yield from (("exact", text), ("exact", text.lower()), ("contains", text[1:5].strip()))


def _ask_reference(item: object) -> Iterator[tuple[str, str]]:
    target = item if isinstance(item, str) else item.get("reference", "")
    yield from (("", target), ("", target.split("/_history/")[0]), ("", target.split("|")[0].replace("|", "")))
    if isinstance(item, dict) and target[:1].isupper() and "/" in target:
        kind, name = target.split("/")[:2]
        yield from (("", name), (kind, name))
    if isinstance(item, dict) and "identifier" in item:
        yield from _with("identifier", _ask_token(item["identifier"]))


def _with(modifier: str, asked: Iterator[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    yield from ((modifier, raw) for plain, raw in asked if not plain)


def _ask_number(item: object) -> Iterator[tuple[str, str]]:
    for end in oracle.ends_of(item):
        for text in () if end is None else {str(float(end)), f"{float(end) * 1.05:.1f}", f"{float(end):.0f}"}:
            yield from (("", f"{prefix}{text}") for prefix in PREFIXES)


def _ask_quantity(item: dict) -> Iterator[tuple[str, str]]:
    unit = item if "value" in item else item.get("low") or item.get("high")
    for _, raw in _ask_number(item):
        yield "", raw
        yield "", f"{raw}||{unit.get('unit', 'mg')}"
        if "system" in unit:
            yield "", f"{raw}|{unit['system']}|{unit.get('code', '')}"


def _ask_uri(item: str) -> Iterator[tuple[str, str]]:
    yield "", item
    if "://" in item:
        yield from (("below", item.rsplit("/", 1)[0]), ("above", f"{item}/more"), ("below", item[:-1]))


_ASKERS = {
    "token": _ask_token,
    "date": _ask_date,
    "string": _ask_string,
    "reference": _ask_reference,
    "number": _ask_number,
    "quantity": _ask_quantity,
    "uri": _ask_uri,
}
