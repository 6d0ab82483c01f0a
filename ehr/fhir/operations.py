"""Operations: everything of one record, checking without writing, and the last of each measurement.

Source: FHIR R4 patient-operation-everything.html, resource-operation-validate.html, observation-operation-lastn.html.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from ehr import clock
from ehr.fhir import kinds, outcomes, pages, reading, records, search
from ehr.fhir.asking import Asking
from ehr.fhir.outcomes import Refusal
from ehr.fhir.query import Asked
from ehr.fhir.records import Seen
from ehr.fhir.told import KINDS
from ehr.fhir.wire import Answer, Sent
from ehr.r4 import matching, ranges, validate
from ehr.rights import summary
from ehr.smart.scopes import TOLD
from patients.models import Patient

MOST_EACH = 100


# --- $everything ---------------------------------------------------------------------------------
def everything(_sent: Sent, told: Asked, asking: Asking, fhir_id: str) -> Answer:
    """Return all of one patient's record that may be seen, page by page: the Patient first, then the newest written."""
    path = f"Patient/{fhir_id}/$everything"
    told, place = pages.opened(asking, told, path)
    wanted = _wanted(asking, told)
    patient = records.patient_of(asking, fhir_id)
    record = records.open_one(asking, patient, action="record.exported", kinds=wanted)
    since = reading.instant_of(told.one("_since"), "_since")
    within = _between(told)
    kept = [
        one
        for one in record.current.values()
        if one.kind in wanted and (since is None or one.written_at >= since) and _is_between(one, within)
    ]
    asked = search.Question("Patient", told, matching.NOWHERE, used=[*told.criteria])
    found = search.Found(asked, [record], record.current, _patient_first(kept))
    return Answer(200, pages.searchset(found, place, asking=asking, path=path, order=_patient_first))


def _wanted(asking: Asking, told: Asked) -> frozenset[str]:
    """Return the types that are asked for and that the token's scopes reach. Raises Refusal."""
    unknown = {name for name, _value in told.criteria} - {"_since", "_type", "start", "end"}
    if unknown and told.strict:
        words = "$everything knows _since, _type, _count, start and end."
        raise outcomes.not_understood(words, code="not-supported")
    named = [kind for value in told.all("_type") for kind in value.split(",") if kind]
    if any(kind not in kinds.kept() for kind in named):
        raise outcomes.not_understood("_type lists types that this server keeps.", at="http._type", code="value")
    # Who looked and who may is part of it where it is named.
    every = named or [kind for kind in kinds.kept() if kind not in KINDS]
    wanted = frozenset(kind for kind in every if asking.allow(kind, "read"))
    if not wanted:
        raise outcomes.beyond_scope("anything of this record")
    return wanted


def _patient_first(items) -> list:
    plain = sorted(sorted(items, key=lambda one: one.name), key=lambda one: one.written_at, reverse=True)
    return sorted(plain, key=lambda one: one.kind != "Patient")


def _between(told: Asked) -> tuple[str, str]:
    """Return the moments between which care must lie; "" where open."""
    start, end = told.one("start"), told.one("end")
    first = reading.span_of(start, "start").start if start else ""
    last = (reading.span_of(end, "end").end or ranges.LAST) if end else ""
    return first, last


def _is_between(one: Seen, within: tuple[str, str]) -> bool:
    """Tell whether what something is about overlaps a time. What names no time, and who it is about, always does."""
    first, last = within
    start = str(one.index.get("date", ""))
    if one.kind == "Patient" or not start or not (first or last):
        return True
    began, ended = ranges.span(start), ranges.span(str(one.index.get("end", "") or start))
    if began is None or ended is None:
        return True
    return (not last or began.start < last) and (not first or (ended.end or ranges.LAST) > first)


# --- $summary ------------------------------------------------------------------------------------
def summarize(_sent: Sent, _told: Asked, asking: Asking, fhir_id: str) -> Answer:
    """Return the International Patient Summary of what may be seen of a record, as a document."""
    left_out = KINDS | TOLD  # a summary has no place for them, so nobody looked at them
    wanted = frozenset(kind for kind in kinds.kept() if kind not in left_out and asking.allow(kind, "read"))
    if not wanted:
        raise outcomes.beyond_scope("anything of this record")
    record = records.open_one(asking, records.patient_of(asking, fhir_id), action="record.exported", kinds=wanted)
    entries = [one for one in record.current.values() if one.kind in wanted | {"Patient"}]
    record.fetch(entries)
    return Answer(200, summary.document(_Opened(record.patient, entries), clock.now()))


class _Opened(NamedTuple):
    """A record as a summary is made of it."""

    patient: Patient
    entries: list[Seen]


# --- $validate -----------------------------------------------------------------------------------
def check(sent: Sent, told: Asked, asking: Asking, kind: str, fhir_id: str = "") -> Answer:
    """Return what is wrong with a resource that is sent, or with one that is there; nothing is written."""
    kinds.known(kind)
    resource = sent.resource() if sent.is_parameters else None
    if resource is not None and resource["resourceType"] == "Parameters":
        resource = _parameter(resource)
    if resource is None:
        resource = _there(told, asking, kind, fhir_id)
    if resource.get("resourceType") != kind:
        raise outcomes.not_understood("The resource is of another type than the address.", at="resourceType")
    return Answer(200, outcomes.outcome(outcomes.from_problems(validate.check(resource))))


def _parameter(parameters: Mapping) -> dict | None:
    """Return the resource in Parameters, None where there is none. Raises Refusal for a mode that is not known."""
    listed = parameters.get("parameter")
    given = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    modes = {str(one.get("valueCode")) for one in given if one.get("name") == "mode"}
    if modes - {"create", "update", "delete"}:
        raise outcomes.not_understood("mode is one of: create, update, delete.", at="Parameters.parameter")
    found = next((one.get("resource") for one in given if one.get("name") == "resource"), None)
    return found if isinstance(found, dict) else None


def _there(told: Asked, asking: Asking, kind: str, fhir_id: str) -> dict:
    if told.one("mode") not in {"", "create", "update", "delete", "profile"}:
        raise outcomes.not_understood("mode is one of: create, update, delete, profile.", at="http.mode")
    if not fhir_id:
        raise outcomes.not_understood("Send the resource that is to be checked.", code="required")
    found = reading.newest(asking, kind, fhir_id)
    if found.deleted:
        raise outcomes.gone()
    return found.resource


# --- $lastn --------------------------------------------------------------------------------------
def last_of_each(_sent: Sent, told: Asked, asking: Asking) -> Answer:
    """Return the newest `max` Observations (1 if not said) of each code that answer a question, newest first."""
    most = _most(told.one("max"))
    kept = tuple((name, value) for name, value in told.criteria if name != "max")
    if not {name.partition(":")[0] for name, _value in kept} & {"patient", "subject"}:
        raise Refusal(400, "required", "Name the patient: patient=Patient/ and their id.", at="http.patient")
    asked = search.question("Observation", replace(told, criteria=kept))
    found = search.find(asking, asked)
    counts: dict[str, int] = {}
    chosen = []
    for one in sorted(found.matches, key=lambda one: str(one.index.get("date", "")), reverse=True):
        code = next(iter(one.index.get("codes", ())), one.name)
        counts[code] = counts.get(code, 0) + 1
        if counts[code] <= most:
            chosen.append(one)
    found.matches = chosen
    return Answer(200, pages.all_of(found, path="Observation/$lastn"))


def _most(text: str) -> int:
    if not text:
        return 1
    if not (text.isascii() and text.isdigit() and 0 < int(text[:6]) <= MOST_EACH):
        raise outcomes.not_understood(f"max is a number from 1 to {MOST_EACH}.", at="http.max", code="value")
    return int(text)
