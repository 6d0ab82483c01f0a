"""Whether a record meets criteria. What the record does not say for certain does not count as said.

A date that is known by its year alone is inside a time only where the whole year is. Units are compared as written,
in UCUM, and never converted. What was entered in error, refuted, or not done counts for nothing.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any as Json

from ehr.r4.ranges import Span, span
from research.criteria.tree import Age, All, Any, Code, Criteria, Event, Lab, Node, Not, Sex, When

TYPES = {
    "condition": ("Condition",),
    "medication": ("MedicationRequest", "MedicationStatement", "MedicationAdministration"),
    "procedure": ("Procedure",),
}
_DATED = {
    "Condition": ("onsetDateTime", "onsetPeriod", "recordedDate"),
    "MedicationRequest": ("authoredOn",),
    "MedicationStatement": ("effectiveDateTime", "effectivePeriod"),
    "MedicationAdministration": ("effectiveDateTime", "effectivePeriod"),
    "Procedure": ("performedDateTime", "performedPeriod"),
    "Observation": ("effectiveDateTime", "effectivePeriod", "effectiveInstant"),
}
# Statuses under which something stands in a record without having been the case.
_NOT_SO = {"entered-in-error", "cancelled", "not-done", "not-taken", "draft", "registered", "preparation", "unknown"}
_NOT_VERIFIED = {"entered-in-error", "refuted"}

Resource = Mapping[str, Json]


def asks_for(criteria: Criteria) -> frozenset[str]:
    """Return the types of resources that an answer depends on."""
    found: set[str] = set()
    for node in leaves(criteria.who):
        match node:
            case Event(kind):
                found.update(TYPES[kind])
            case Lab():
                found.add("Observation")
            case _:
                found.add("Patient")
    return frozenset(found)


def matches(criteria: Criteria, resources: Iterable[Resource], today: date) -> bool:
    """Tell whether one person's FHIR R4 resources meet the criteria. `today` counts where they name no day."""
    return _Asking(_sorted(resources), criteria.on or today).meets(criteria.who)


def sex(resources: Iterable[Resource]) -> str | None:
    """Return the administrative gender that a record says; None where it says none."""
    told = _Asking(_sorted(resources), date.min).patient().get("gender")
    return told if isinstance(told, str) else None


def age(resources: Iterable[Resource], on: date) -> int | None:
    """Return years completed on a day; None where no birth date is known."""
    return _Asking(_sorted(resources), on).age()


def latest(resources: Iterable[Resource], codes: Iterable[Code], unit: str) -> Decimal | None:
    """Return a record's latest result of any of these codes, in a unit; None where it has none that is a number.

    Of several at one moment it is the highest: whichever it is, it must not depend on how they were stored.
    """
    lab = Lab(tuple(codes), None, None, unit, latest=False, when=When())
    every = _Asking(_sorted(resources), date.min).results(lab)
    numbers = [(time, number) for time, part in every if (number := _number(part, unit)) is not None]
    return max(numbers)[1] if numbers else None


def _sorted(resources: Iterable[Resource]) -> dict[str, list[Resource]]:
    by_type: dict[str, list[Resource]] = {}
    for resource in resources:
        by_type.setdefault(str(resource.get("resourceType")), []).append(resource)
    return by_type


class _Asking:
    """One record, on one day."""

    def __init__(self, by_type: dict[str, list[Resource]], on: date) -> None:
        self.by_type, self.on = by_type, on

    def meets(self, node: Node) -> bool:
        match node:
            case All(of):
                return all(map(self.meets, of))
            case Any(of):
                return any(map(self.meets, of))
            case Not(of):
                return not self.meets(of)
            case Age(least, most):
                age = self.age()
                return age is not None and (least or 0) <= age and (most is None or age <= most)
            case Sex(values):
                return self.patient().get("gender") in values
            case Event(kind, codes, when):
                return any(self.within(each, when) for each in self.events(kind, set(codes)))
            case Lab():
                return self.lab(node)

    def patient(self) -> Resource:
        return next(iter(self.by_type.get("Patient", ())), {})

    def age(self) -> int | None:
        """Return years completed; who is known by a year or a month alone counts from its first day."""
        known = span(str(self.patient().get("birthDate", "")))
        if known is None:
            return None
        born = date.fromisoformat(known.start[:10])
        years = self.on.year - born.year - ((self.on.month, self.on.day) < (born.month, born.day))
        return years if years >= 0 else None

    def events(self, kind: str, codes: set[Code]) -> Iterator[Resource]:
        for name in TYPES[kind]:
            for each in self.by_type.get(name, ()):
                if _is_so(each) and not codes.isdisjoint(_codings(self.concept(each, kind))):
                    yield each

    def concept(self, resource: Resource, kind: str) -> Json:
        """Return what a resource is about; a medication may stand beside it, or inside it."""
        if kind != "medication" or "medicationCodeableConcept" in resource:
            return resource.get("code" if kind != "medication" else "medicationCodeableConcept")
        named = str((resource.get("medicationReference") or {}).get("reference", ""))
        inside = [each for each in resource.get("contained", ()) if f"#{each.get('id')}" == named]
        beside = [each for each in self.by_type.get("Medication", ()) if named.endswith(f"Medication/{each.get('id')}")]
        return next((each.get("code") for each in inside + beside), None)

    def within(self, resource: Resource, when: When) -> bool:
        since, until = when.since, when.until
        if when.days:
            since, until = self.on - timedelta(days=when.days), self.on
        if since is None and until is None:
            return True
        known = _time_of(resource)
        if known is None or not known.start or not known.end:
            return False
        return (since is None or known.start >= since.isoformat()) and (
            until is None or known.end <= (until + timedelta(days=1)).isoformat()
        )

    def results(self, lab: Lab) -> list[tuple[str, Resource]]:
        """Return results of these codes in their time, whatever they say, each with when it began to be so."""
        codes = set(lab.codes)
        return [
            (time.start if (time := _time_of(each)) else "", part)
            for each in self.by_type.get("Observation", ())
            if _is_so(each) and self.within(each, lab.when)
            for part in _parts(each)
            if not codes.isdisjoint(_codings(part.get("code")))
        ]

    def lab(self, lab: Lab) -> bool:
        found = self.results(lab)
        if lab.latest and found:
            newest = max(start for start, _ in found)
            found = [one for one in found if one[0] == newest]
        return any(_in_range(part, lab) for _, part in found)


def leaves(node: Node) -> Iterator[Node]:
    match node:
        case All(of) | Any(of):
            for each in of:
                yield from leaves(each)
        case Not(of):
            yield from leaves(of)
        case _:
            yield node


def _parts(observation: Resource) -> Iterator[Resource]:
    """Yield an observation and its components: a blood pressure has its two numbers there."""
    yield observation
    yield from observation.get("component", ())


def _codings(concept: Json) -> set[Code]:
    codings = concept.get("coding", ()) if isinstance(concept, Mapping) else ()
    return {Code(str(each.get("system", "")), str(each.get("code", ""))) for each in codings}


def _is_so(resource: Resource) -> bool:
    if resource.get("status") in _NOT_SO or resource.get("doNotPerform"):
        return False
    verified = {code.code for code in _codings(resource.get("verificationStatus"))}
    return verified.isdisjoint(_NOT_VERIFIED)


def _time_of(resource: Resource) -> Span | None:
    """Return the time of an event, from the first field that has one; None where it has none that can be read."""
    for name in _DATED[str(resource["resourceType"])]:
        value = resource.get(name)
        if isinstance(value, str):
            return span(value)
        if isinstance(value, Mapping):
            start, end = (span(str(value.get(side, ""))) for side in ("start", "end"))
            return Span(start.start if start else "", end.end if end else "")
    return None


def _in_range(part: Resource, lab: Lab) -> bool:
    if lab.least is None and lab.most is None:
        return True
    value = _number(part, lab.unit)
    return value is not None and (lab.least is None or lab.least <= value) and (lab.most is None or value <= lab.most)


def _number(part: Resource, unit: str) -> Decimal | None:
    """Return the number of a result in a unit. "Less than 5" is not known to be 4."""
    quantity = part.get("valueQuantity")
    if not isinstance(quantity, Mapping) or quantity.get("comparator"):
        return None
    if unit not in (quantity.get("code"), quantity.get("unit")):
        return None
    try:
        value = Decimal(str(quantity.get("value")))
    except InvalidOperation:
        return None
    return value if value.is_finite() else None
