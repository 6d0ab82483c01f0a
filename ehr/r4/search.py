"""What a record is searched by, computed when an entry is written and sealed beside it.

A few values that lists and rules go by (who, what, when, in which state; source: R4's parameters `patient`, `code`,
`date`, `status`, `category`), and under `p` those of every search parameter of the type.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime

from . import extraction, ranges, references

CODED = (
    "code", "type", "vaccineCode", "medicationCodeableConcept", "category", "class", "reasonCode", "modality",
    "serviceType",
)  # fmt: skip
DATED = (
    "effectiveDateTime", "effectivePeriod", "effectiveInstant", "onsetDateTime", "onsetPeriod", "performedDateTime",
    "performedPeriod", "occurrenceDateTime", "occurrencePeriod", "period", "authoredOn", "authored", "started", "date",
    "startDate", "recordedDate", "created", "issued", "billablePeriod", "servicedPeriod", "whenHandedOver",
    "whenPrepared", "collectedDateTime", "receivedTime", "recorded", "birthDate", "dateAsserted", "sent",
)  # fmt: skip
_WHOLE_DAY = len("2026-11-21")
STATES = ("status", "clinicalStatus", "lifecycleStatus", "verificationStatus")


def values(resource: Mapping) -> dict[str, object]:
    """Return {"type", "id", "patient", "codes", "date", "end", "status", "p"}, without what is not said.

    Codes are "system|code"; dates are as written (FHIR's own partial dates); `end` is there for periods. `p` holds the
    values of the type's search parameters, in the forms of indexed.py; matching.py reads them.
    """
    start, end = when(resource)
    found = {
        "type": resource["resourceType"],
        "id": resource.get("id", ""),
        "patient": references.subject_of(resource),
        "codes": list(dict.fromkeys(_codes(resource))),
        "date": start,
        "end": end,
        "status": list(dict.fromkeys(_states(resource))),
        "p": extraction.taken(resource),
    }
    return {name: value for name, value in found.items() if value}


def written(index: dict, at: datetime) -> dict:
    """Return the index with the time its entry was written, which `_lastUpdated` asks for. Changes it in place."""
    index.setdefault("p", {})["_lastUpdated"] = [[*ranges.instant(at)]]
    return index


def when(resource: Mapping) -> tuple[str, str]:
    """Return (start, end) of what a resource is about, as written; "" where it does not say."""
    for name in DATED:
        value = resource.get(name)
        if isinstance(value, str):
            return value, ""
        if isinstance(value, Mapping) and (value.get("start") or value.get("end")):
            return str(value.get("start") or value["end"]), str(value.get("end", ""))
    collection = resource.get("collection") if resource["resourceType"] == "Specimen" else None
    return str((collection or {}).get("collectedDateTime") or ""), ""


def recorded_on(resource: Mapping) -> date | None:
    """Return the day of what a resource is about, as written there; None where it names no whole day."""
    start = when(resource)[0][:10] if resource else ""
    try:
        return date.fromisoformat(start) if len(start) == _WHOLE_DAY else None
    except ValueError:
        return None


def _codes(resource: Mapping) -> Iterator[str]:
    for name in CODED:
        value = resource.get(name)
        for concept in value if isinstance(value, list) else [value]:
            if isinstance(concept, Mapping):
                yield from _codings(concept)


def _codings(concept: Mapping) -> Iterator[str]:
    """Yield "system|code" of a CodeableConcept, or of a Coding on its own."""
    for coding in concept.get("coding") or [concept]:
        if isinstance(coding.get("code"), str):
            yield f"{coding.get('system', '')}|{coding['code']}"


def _states(resource: Mapping) -> Iterator[str]:
    for name in STATES:
        value = resource.get(name)
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            yield from (coding["code"] for coding in value.get("coding") or () if "code" in coding)
