"""Tables of a population, from its records as FHIR R4: what the measures ask, one row for each code and day.

What is in error, refuted, planned or not done is not read. A day is the one written down, in the place where it was;
what is known by its month or year alone has no day, and does not count as inside of any period.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

import polars as pl

from research.measures.codes import CVX, ICD, LOINC, SNOMED, SYSTEMS, codes

Resource = Mapping[str, Any]
Row = tuple[object, ...]
_REFUTED = frozenset({"entered-in-error", "refuted"})
_OVER = frozenset({"inactive", "remission", "resolved"})
_FINAL = frozenset({"final", "amended", "corrected"})
# HL7 v3 ActEncounterCode: where somebody comes and goes, and where they stay.
_VISIT = frozenset({"AMB", "HH", "VR"})
_STAY = frozenset({"IMP", "ACUTE", "NONAC"})
_IN_HOSPITAL = _STAY | {"EMER", "PRENC", "SS"}
_ELECTIVE = frozenset({"EL"})  # HL7 v3 ActPriority
_EXPIRED = "exp"
_PERCENT_OF = {"%": "%", "mmol/mol": "mmol/mol", "mm[Hg]": "mm[Hg]", "mmHg": "mm[Hg]"}


@dataclass(frozen=True)
class Records:
    """A population. Columns are those of the measures; `care` is what was done, or what a visit was for."""

    people: pl.DataFrame  # person, born, sex: female, male or other, died
    conditions: pl.DataFrame  # person, code, onset, ended
    visits: pl.DataFrame  # person, day
    results: pl.DataFrame  # person, code, day, value, unit, hospital
    vaccinations: pl.DataFrame  # person, code, day
    stays: pl.DataFrame  # person, admitted, discharged, died, planned
    care: pl.DataFrame  # person, code, first, last


_SHAPES: Mapping[str, Mapping[str, Any]] = {
    "people": {"born": pl.Date, "sex": pl.String, "died": pl.Date},
    "conditions": {"code": pl.String, "onset": pl.Date, "ended": pl.Date},
    "visits": {"day": pl.Date},
    "results": {"code": pl.String, "day": pl.Date, "value": pl.Float64, "unit": pl.String, "hospital": pl.Boolean},
    "vaccinations": {"code": pl.String, "day": pl.Date},
    "stays": {"admitted": pl.Date, "discharged": pl.Date, "died": pl.Boolean, "planned": pl.Boolean},
    "care": {"code": pl.String, "first": pl.Date, "last": pl.Date},
}


def read(resources: Iterable[tuple[str, Resource]]) -> Records:
    """Return the tables of (owner, resource) pairs. Of two entries about one person the last stands."""
    rows: dict[str, list[Row]] = {name: [] for name in _SHAPES}
    inside: list[Row] = []
    for owner, resource in resources:
        for table, row in _rows(resource):
            (inside if table == "inside" else rows[table]).append((owner, *row))
    tables = {
        name: pl.DataFrame(rows[name], schema={"person": pl.String, **shape}, orient="row")
        for name, shape in _SHAPES.items()
    }
    tables["people"] = tables["people"].unique("person", keep="last", maintain_order=True)
    tables["stays"] = _with_deaths(tables["stays"], tables["people"])
    tables["results"] = _with_hospital(tables["results"], inside)
    return Records(**{one.name: tables[one.name] for one in fields(Records)})


def _rows(resource: Resource) -> Iterator[tuple[str, Row]]:
    kinds = {
        "Patient": _person,
        "Condition": _condition,
        "Observation": _result,
        "Immunization": _vaccination,
        "Encounter": _encounter,
        "Procedure": _procedure,
    }
    if kind := kinds.get(resource.get("resourceType", "")):
        yield from kind(resource)


def _person(resource: Resource) -> Iterator[tuple[str, Row]]:
    sex = resource.get("gender")
    sex = sex if sex in {"female", "male"} else "other"
    yield "people", (_day(resource.get("birthDate")), sex, _day(resource.get("deceasedDateTime")))


def _condition(resource: Resource) -> Iterator[tuple[str, Row]]:
    if _REFUTED & _codes(resource.get("verificationStatus")):
        return
    onset = _day(resource.get("onsetDateTime") or _start(resource, "onsetPeriod") or resource.get("recordedDate"))
    ended = _day(resource.get("abatementDateTime") or _end(resource, "abatementPeriod"))
    if ended is None and _OVER & _codes(resource.get("clinicalStatus")):
        ended = onset  # over, and nobody wrote down when: it is not taken to have gone on
    for code in _known(resource.get("code"), SNOMED, ICD):
        yield "conditions", (code, onset, ended)


def _result(resource: Resource) -> Iterator[tuple[str, Row]]:
    if resource.get("status") not in _FINAL:
        return
    told = resource.get("effectiveDateTime") or _end(resource, "effectivePeriod") or resource.get("effectiveInstant")
    if (day := _day(told)) is None:
        return
    for one in (resource, *resource.get("component", ())):
        quantity = one.get("valueQuantity") or {}
        exact = quantity.get("comparator") is None
        unit = _PERCENT_OF.get(quantity.get("code") or quantity.get("unit") or "")
        value = quantity.get("value") if exact else None
        for code in _known(one.get("code"), LOINC):
            yield "results", (code, day, None if value is None else float(value), unit, False)


def _vaccination(resource: Resource) -> Iterator[tuple[str, Row]]:
    if resource.get("status") == "completed":
        for code in _known(resource.get("vaccineCode"), CVX):
            yield "vaccinations", (code, _day(resource.get("occurrenceDateTime")))


def _encounter(resource: Resource) -> Iterator[tuple[str, Row]]:
    if resource.get("status") != "finished":
        return
    first, last = _day(_start(resource, "period")), _day(_end(resource, "period"))
    kind = (resource.get("class") or {}).get("code")
    if kind in _VISIT:
        yield "visits", (first,)
    if kind in _IN_HOSPITAL:
        yield "inside", (first, last or first)
    left = (resource.get("hospitalization") or {}).get("dischargeDisposition")
    if kind in _STAY:
        planned = bool(_ELECTIVE & _codes(resource.get("priority")))
        yield "stays", (first, last, _EXPIRED in _codes(left), planned)
    for code in _known(left, SNOMED):
        yield "care", (code, last, last)
    for one in resource.get("type", ()):
        for code in _known(one, SNOMED):
            yield "care", (code, first, last or first)


def _procedure(resource: Resource) -> Iterator[tuple[str, Row]]:
    if resource.get("status") != "completed":
        return
    first = _day(resource.get("performedDateTime") or _start(resource, "performedPeriod"))
    last = _day(_end(resource, "performedPeriod")) or first
    for code in _known(resource.get("code"), SNOMED):
        yield "care", (code, first, last)


def _with_deaths(stays: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
    """Note that a stay ended with a death, too, where the record says so of the person and not of the stay."""
    dead = stays.join(people.select("person", gone="died"), on="person", how="left")
    in_it = pl.col("gone").is_between(pl.col("admitted"), pl.col("discharged")).fill_null(value=False)
    return dead.with_columns(died=pl.col("died") | in_it).drop("gone")


def _with_hospital(results: pl.DataFrame, inside: list[Row]) -> pl.DataFrame:
    """Note which results are of a day on which the person was in hospital, the emergency room included."""
    spans = pl.DataFrame(inside, schema={"person": pl.String, "first": pl.Date, "last": pl.Date}, orient="row")
    wanted = codes("systolic", "diastolic")
    days = results.filter(pl.col("code").is_in(sorted(wanted))).select("person", "day").unique()
    there = (
        days.join(spans, on="person")
        .filter(pl.col("day").is_between(pl.col("first"), pl.col("last")))
        .select("person", "day", found=pl.lit(value=True))
        .unique()
    )
    marked = results.join(there, on=["person", "day"], how="left")
    return marked.with_columns(hospital=pl.col("found").fill_null(value=False)).drop("found")


def _known(concept: object, *systems: str) -> list[str]:
    """Return the codes of a CodeableConcept that are of these systems, each once."""
    found = {
        str(one["code"]): None
        for one in _codings(concept)
        if one.get("code") and SYSTEMS.get(one.get("system", "")) in systems
    }
    return list(found)


def _codes(concept: object) -> set[str]:
    return {str(one.get("code")) for one in _codings(concept)}


def _codings(concept: object) -> list[Resource]:
    return list(concept.get("coding", ())) if isinstance(concept, Mapping) else []


def _start(resource: Resource, name: str) -> str | None:
    return (resource.get(name) or {}).get("start")


def _end(resource: Resource, name: str) -> str | None:
    return (resource.get(name) or {}).get("end")


def _day(told: object) -> date | None:
    """Return the day of a FHIR date or moment, None for one that is known by its month or year alone."""
    try:
        return date.fromisoformat(str(told)[:10]) if told else None
    except ValueError:
        return None
