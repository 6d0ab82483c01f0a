"""Criteria once they are understood, and how they are written down again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

VERSION = 1
SEXES = ("female", "male", "other", "unknown")


@dataclass(frozen=True, order=True)
class Code:
    """A code of a system. What it is called is for people, and is no part of what is asked."""

    system: str
    code: str
    display: str = field(default="", compare=False)


@dataclass(frozen=True)
class When:
    """Between two days, both included, or in the last so many days; at any time, also unknown, where all are None."""

    since: date | None = None
    until: date | None = None
    days: int | None = None


@dataclass(frozen=True)
class Age:
    """From so many years to so many, both included; None where it is open."""

    least: int | None
    most: int | None


@dataclass(frozen=True)
class Sex:
    """Any of these, as FHIR's Patient.gender has them."""

    values: frozenset[str]


@dataclass(frozen=True)
class Event:
    """Any of these codes in a Condition, a prescription or a Procedure."""

    kind: str  # condition, medication, procedure
    codes: tuple[Code, ...]
    when: When


@dataclass(frozen=True)
class Lab:
    """A result of any of these codes, with a number in this range, in this unit."""

    codes: tuple[Code, ...]
    least: Decimal | None
    most: Decimal | None
    unit: str
    latest: bool  # the newest result of all these codes is meant, not some result
    when: When


@dataclass(frozen=True)
class All:
    """Each of these."""

    of: tuple["Node", ...]


@dataclass(frozen=True)
class Any:
    """At least one of these."""

    of: tuple["Node", ...]


@dataclass(frozen=True)
class Not:
    """Not this."""

    of: "Node"


Leaf = Age | Sex | Event | Lab
Node = Leaf | All | Any | Not


@dataclass(frozen=True)
class Criteria:
    """Whom a question is about, and on which day; None for the day of the asking."""

    who: Node
    on: date | None = None


def plain(number: Decimal) -> str:
    """Return a number without zeros that say nothing: 7.50 and 7.5 are one."""
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def written(criteria: Criteria) -> dict[str, object]:
    """Return criteria as JSON again, in the version that is written now."""
    told: dict[str, object] = {"version": VERSION, "who": _node(criteria.who)}
    return told | ({"on": criteria.on.isoformat()} if criteria.on else {})


def _node(node: Node) -> dict[str, object]:
    match node:
        case All(of):
            return {"all": [_node(each) for each in of]}
        case Any(of):
            return {"any": [_node(each) for each in of]}
        case Not(of):
            return {"not": _node(of)}
        case Age(least, most):
            return {"age": _given({"from": least, "to": most})}
        case Sex(values):
            return {"sex": sorted(values)}
        case Event(kind, codes, when):
            return {kind: {"codes": _codes(codes)} | _when(when)}
        case Lab():
            return {"lab": _lab(node)}


def _lab(lab: Lab) -> dict[str, object]:
    numbers = {
        "from": None if lab.least is None else plain(lab.least),
        "to": None if lab.most is None else plain(lab.most),
        "unit": lab.unit or None,
        "which": "latest" if lab.latest else None,
    }
    return {"codes": _codes(lab.codes)} | _given(numbers) | _when(lab.when)


def _codes(codes: tuple[Code, ...]) -> list[dict[str, object]]:
    return [_given({"system": one.system, "code": one.code, "display": one.display or None}) for one in codes]


def _when(when: When) -> dict[str, object]:
    days = {"since": when.since, "until": when.until}
    return {name: day.isoformat() for name, day in days.items() if day} | _given({"days": when.days})


def _given(values: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if value is not None}
