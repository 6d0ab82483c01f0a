"""Operations: everything of one record, checking without writing, and the last of each measurement.

Source: FHIR R4 patient-operation-everything.html, resource-operation-validate.html, observation-operation-lastn.html.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from ehr import clock
from ehr.fhir import kinds, outcomes, pages, query, reading, records, search
from ehr.fhir.asking import Asking
from ehr.fhir.outcomes import Issue, Refusal
from ehr.fhir.query import Asked
from ehr.fhir.records import Seen
from ehr.fhir.told import KINDS
from ehr.fhir.wire import Answer, Sent
from ehr.r4 import matching, profiles, ranges, validate
from ehr.rights import summary
from ehr.smart.scopes import TOLD
from patients.models import Patient

MOST_EACH = 100
_EVERYTHING = frozenset({"_since", "_type", "_count", "start", "end"})


# --- $everything ---------------------------------------------------------------------------------
def everything(_sent: Sent, told: Asked, asking: Asking, fhir_id: str) -> Answer:
    """Return all of one patient's record that may be seen, page by page: the Patient first, then the newest written."""
    path = f"Patient/{fhir_id}/$everything"
    told, place = pages.opened(asking, told, path)
    told, issues = query.without_unknown(told, _EVERYTHING, by="$everything")
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
    asked = search.Question("Patient", told, matching.NOWHERE, used=[*told.criteria], issues=issues)
    found = search.Found(asked, [record], record.current, _patient_first(kept))
    return Answer(200, pages.searchset(found, place, asking=asking, path=path, order=_patient_first))


def _wanted(asking: Asking, told: Asked) -> frozenset[str]:
    """Return the types that are asked for and that the token's scopes reach. Raises Refusal."""
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
def summarize(_sent: Sent, told: Asked, asking: Asking, fhir_id: str) -> Answer:
    """Return the International Patient Summary of what may be seen of a record, as a document."""
    query.without_unknown(told, {"_format"}, by="$summary")
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
    """Return what is wrong with a resource that is sent, or with one that is there; nothing is written.

    A profile that is named is one it is held to. Raises Refusal 422 for one that is not known: to say nothing of it
    would read as if it were kept.
    """
    kinds.known(kind)
    resource: dict | None = sent.resource() if sent.has_body else None
    given = _given(resource) if resource is not None and resource["resourceType"] == "Parameters" else None
    _check_mode({told.one("mode"), *_values(given or (), "mode")})
    if given is not None:
        found = next((one.get("resource") for one in given if one.get("name") == "resource"), None)
        resource = found if isinstance(found, dict) else None
    if resource is None:
        resource = _there(asking, kind, fhir_id)
    if resource.get("resourceType") != kind:
        raise outcomes.not_understood("The resource is of another type than the address.", at="resourceType")
    wanted = _profiles(kind, [*told.all("profile"), *_values(given or (), "profile")])
    return Answer(200, outcomes.outcome(outcomes.from_problems(validate.check(resource, also=wanted))))


def _given(parameters: Mapping) -> list[dict]:
    listed = parameters.get("parameter")
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def _values(given: Iterable[Mapping], name: str) -> list[str]:
    """Return the values that Parameters give by one name, whatever type says that they are texts."""
    return [
        str(value)
        for one in given
        if one.get("name") == name
        for element, value in one.items()
        if element.startswith("value")
    ]


def _check_mode(modes: set[str]) -> None:
    """Raise Refusal for a mode that is not known."""
    if modes - {"", "create", "update", "delete", "profile"}:
        raise outcomes.not_understood("mode is one of: create, update, delete, profile.", at="http.mode")


def _profiles(kind: str, addresses: Iterable[str]) -> list[str]:
    """Return the short names of profiles of a type. R4's own of it asks nothing more. Raises Refusal 422."""
    found = []
    for address in addresses:
        name = profiles.named(address)
        if name and profiles.types()[name] == kind:
            found.append(name)
        elif address.partition("|")[0] != f"http://hl7.org/fhir/StructureDefinition/{kind}":
            words = f"This profile is none of {kind} that is known here, so nothing can be checked against it."
            raise Refusal(422, "not-supported", words, at="http.profile")
    return found


def _there(asking: Asking, kind: str, fhir_id: str) -> dict:
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
    if told.includes and told.strict:
        raise outcomes.not_understood("Nothing comes along with $lastn.", at="http._include", code="not-supported")
    asked = search.question("Observation", replace(told, criteria=kept, includes=()))
    asked.used += [("max", told.one("max"))] if told.one("max") else []
    asked.issues += [
        Issue("not-supported", "Left out: nothing comes along with $lastn.", f"http.{name[:100]}", "warning")
        for name, _value in told.includes
    ]
    found = search.find(asking, asked)
    counts: dict[frozenset[str], int] = {}
    chosen = []
    for one in sorted(found.matches, key=_began, reverse=True):
        codes = _codes(one)
        counts[codes] = counts.get(codes, 0) + 1
        if counts[codes] <= most:
            chosen.append(one)
    found.matches = chosen
    return Answer(200, pages.all_of(found, path="Observation/$lastn"))


def _codes(one: Seen) -> frozenset[str]:
    """Return what an Observation is one of: all its codes, in whatever order; of one without any, itself."""
    codings = matching.held(one.index, "code")
    return frozenset(f"{coding[0]}|{coding[1]}" for coding in codings if coding[1]) or frozenset({one.name})


def _began(one: Seen) -> str:
    """Return the moment at which an Observation was made, in UTC: as they are written, times of two zones mislead."""
    span = ranges.span(str(one.index.get("date", "")))
    return span.start if span else ""


def _most(text: str) -> int:
    if not text:
        return 1
    if not (text.isascii() and text.isdigit() and 0 < int(text[:6]) <= MOST_EACH):
        raise outcomes.not_understood(f"max is a number from 1 to {MOST_EACH}.", at="http.max", code="value")
    return int(text)
