"""The rules that US Core's profiles write in FHIRPath, here in plain Python: a tenth of the time, and the same answer.

Each is known by its place and key, for the guide uses some keys twice. Source: US Core 7.0.0, the profiles'
constraints of severity "error"; vs-1 to vs-3 are those of HL7's vital signs profile.
"""

import re
from collections.abc import Callable, Mapping

from .checks import target_type

ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
UCUM = "http://unitsofmeasure.org"
REPORTED = frozenset({"partial", "preliminary", "final", "amended", "corrected", "appended"})
ORDERED = frozenset({"order", "original-order", "reflex-order", "filler-order", "instance-order"})
CATEGORICAL = frozenset({"72166-2", "11367-0"})
_DAY = len("2026-11-21")


def of(place: str, key: str) -> Callable[[object], bool]:
    """Return the question a rule asks of a value at a place. Raises KeyError for one that nobody wrote here."""
    return RULES.get((place, key)) or RULES["", key]


def _has(value: Mapping, *stems: str) -> bool:
    """Tell whether any of these elements stands in a group, a choice under any of its names, or says why it is not."""
    names = {name.removeprefix("_") for name in value}
    return any(
        name == stem or (name.startswith(stem) and name[len(stem)].isupper()) for name in names for stem in stems
    )


def _value_or_reason(value: Mapping) -> bool:
    return _has(value, "component", "hasMember", "dataAbsentReason", "value")


def _component_says(value: Mapping) -> bool:
    return _has(value, "dataAbsentReason", "value")


def _known_to_the_day(value: object) -> bool:
    return not isinstance(value, str) or len(value) >= _DAY


def _in_ucum(value: object) -> bool:
    return not isinstance(value, dict) or "coding" in value or value.get("system", UCUM) == UCUM or "code" not in value


def _range_in_ucum(value: Mapping) -> bool:
    ends = (value.get("low") or {}, value.get("high") or {})
    return all(end.get("system", UCUM) == UCUM for end in ends)


def _codings(value: Mapping, name: str) -> list[Mapping]:
    concept = value.get(name)
    return list(concept.get("coding") or ()) if isinstance(concept, dict) else []


def _member_number(value: Mapping) -> bool:
    numbers = value.get("identifier") or ()
    codes = {coding.get("code") for number in numbers for coding in _codings(number, "type")}
    return "MB" in codes or _has(value, "subscriberId")


def _named(value: Mapping) -> bool:
    absent = any(one.get("url") == ABSENT for one in value.get("extension") or ())
    return _has(value, "family", "given") != absent


def _acting_for_somebody(value: Mapping) -> bool:
    who = value.get("who")
    kind = target_type(who, {}) if isinstance(who, dict) else ""
    return kind not in {"Practitioner", "Device"} or _has(value, "onBehalfOf")


def _said_to_be_unknown_once(value: Mapping) -> bool:
    groups = [one for one in value.get("extension") or () if one.get("url") == "ombCategory"]
    unknown = any((one.get("valueCoding") or {}).get("code") in {"ASKU", "UNK"} for one in groups)
    return not unknown or len(groups) == 1


def _status_coded(value: Mapping) -> bool:
    categorical = any(coding.get("code") in CATEGORICAL for coding in _codings(value, "code"))
    return not categorical or _has(value, "valueCodeableConcept")


def _written(pattern: str) -> Callable[[object], bool]:
    compiled = re.compile(pattern)
    return lambda value: (
        not isinstance(value, dict) or not value.get("value") or bool(compiled.fullmatch(value["value"]))
    )


def _npi_checks(value: object) -> bool:
    """Luhn's check over 80840 and the number. Source: CMS, Requirements for National Provider Identifier."""
    number = value.get("value") if isinstance(value, dict) else None
    if not isinstance(number, str) or not re.fullmatch("[0-9]{10}", number):
        return True  # us-core-16 says so
    doubled = [int(digit) * 2 if index % 2 == 0 else int(digit) for index, digit in enumerate(number)]
    return (sum(one - 9 if one > 9 else one for one in doubled) + 24) % 10 == 0


RULES: dict[tuple[str, str], Callable] = {
    ("", "vs-1"): _known_to_the_day,
    ("", "vs-2"): _value_or_reason,
    ("", "vs-3"): _component_says,
    ("", "us-core-1"): _known_to_the_day,
    ("", "us-core-2"): _value_or_reason,
    ("", "us-core-3"): _in_ucum,
    ("DocumentReference.content.attachment", "us-core-6"): lambda value: _has(value, "url", "data"),
    ("Patient.name", "us-core-6"): _named,
    ("", "us-core-7"): lambda value: (
        value.get("status") not in {"completed", "in-progress"} or _has(value, "performed")
    ),
    ("", "us-core-8"): lambda value: value.get("status") not in REPORTED or _has(value, "effective"),
    ("", "us-core-9"): lambda value: value.get("status") not in REPORTED or _has(value, "issued"),
    ("", "us-core-10"): lambda value: value.get("status") not in REPORTED or _has(value, "effective"),
    ("", "us-core-13"): lambda value: _has(value, "practitioner", "organization", "healthcareService", "location"),
    ("", "us-core-14"): lambda value: _has(value, "name", "relationship"),
    ("", "us-core-15"): _member_number,
    ("", "us-core-16"): _written("[0-9]{10}"),
    ("", "us-core-17"): _npi_checks,
    ("", "us-core-18"): _written("[0-9]{2}D[0-9]{7}"),
    ("", "us-core-19"): _written("[0-9]{5}"),
    ("", "us-core-20"): lambda value: value.get("status") != "completed" or _has(value, "whenHandedOver"),
    ("", "us-core-21"): lambda value: value.get("intent") not in ORDERED or _has(value, "requester"),
    ("", "us-core-22"): _range_in_ucum,
    ("", "us-core-23"): _said_to_be_unknown_once,
    ("", "us-core-24"): _status_coded,
    ("", "us-core-26"): _component_says,
    ("", "pd-1"): lambda value: _has(value, "telecom", "endpoint"),
    ("", "provenance-1"): _acting_for_somebody,
}
