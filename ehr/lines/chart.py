"""A record as a chart: allergies first, then what is the matter, what is taken, what was measured, what happened.

It is made of opened entries and decides nothing: what is not handed in is not there.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

from django.utils.safestring import SafeString

from ehr.r4 import references

from . import clinical, codes, dates, results, sentences, trend, values
from .line import Line
from .trend import Point

ENDED_PROBLEMS = frozenset({"resolved", "inactive", "remission", "error"})
MOST_DIGITS = 15  # before the point; nothing that is measured has more, and no picture has room for it
PLACES = {
    "visit": "encounters",
    "vaccination": "immunizations",
    "dispensing": "dispensed",
    "procedure": "procedures",
    "note": "notes",
    "plan": "plans",
    "goal": "plans",
    "team": "plans",
    "request": "plans",
    "appointment": "plans",
    "task": "plans",
    "report": "reports",
    "image": "reports",
    "sample": "reports",
    "answers": "answers",
    "social": "answers",
    "family": "family",
    "bill": "bills",
    "insurance": "people",
    "person": "people",
    "clinician": "people",
    "place": "people",
}


class Opened(Protocol):
    """An opened entry, as the door hands it out; `resource` is {} where its key did not fit."""

    @property
    def resource(self) -> Mapping: ...


@dataclass(frozen=True)
class Item:
    """One entry with its line."""

    entry: Opened
    line: Line

    @property
    def resource(self) -> Mapping:
        return self.entry.resource

    @property
    def about(self) -> str:
        """What groups entries about the same thing: its name, without words its codes, without either its line."""
        return codes.test_key(self.resource.get("code")) or self.line.title


@dataclass
class Result:
    """All results of one test, newest first."""

    name: str
    unit: str
    items: list[Item] = field(default_factory=list)

    @property
    def latest(self) -> Item:
        return self.items[0]

    @property
    def range_text(self) -> str:
        """The usual range as the latest result that names one has it."""
        return next((item.line.range_text for item in self.items if item.line.range_text), "")

    @property
    def vital(self) -> bool:
        return self.latest.line.kind == "vital"

    @cached_property
    def trend(self) -> SafeString:
        """The small picture of how it went; "" for fewer than two numbers."""
        low, high = next((ends for item in self.items if any(ends := results.limits(item.resource))), (None, None))
        # Of two at one moment the first in the table is the latest here too.
        upper = [point for item in reversed(self.items) if (point := _point(item, 0)) is not None]
        lower = [point for item in reversed(self.items) if (point := _point(item, 1)) is not None]
        return trend.svg(upper, name=self.name, unit=self.unit, low=low, high=high, second=lower)


def _point(item: Item, part: int) -> Point | None:
    """Return a result's number on its day; of blood pressure the upper (0) or the lower (1) one.

    None where there is none, or where something that nobody here understands may change its meaning.
    """
    if item.resource.get("modifierExtension"):
        return None
    on = dates.as_date(item.line.at[:10])
    found = values.value_of(item.resource) if part == 0 else values.Found()
    if found.number is None:
        pressure = [
            one
            for one in item.resource.get("component") or ()
            if codes.has(one.get("code"), results.BLOOD_PRESSURE[part])
        ]
        found = values.value_of(pressure[0]) if pressure else found
    if on is None or found.number is None or found.number.adjusted() > MOST_DIGITS:
        return None
    return Point(on, found.number, found.text, dates.day(item.line.at[:10]), item.line.at)


@dataclass
class Chart:
    """A record in its parts, each newest first; of plans what is not to be done before.

    Lists are empty where nothing was handed in.
    """

    allergies: list[Item] = field(default_factory=list)
    no_known_allergies: bool = False  # somebody wrote down that there are none
    denied_allergies: list[Item] = field(default_factory=list)  # where that was written
    problems: list[Item] = field(default_factory=list)
    past_problems: list[Item] = field(default_factory=list)
    not_given: list[Item] = field(default_factory=list)  # orders that a medicine is not to be given
    medicines: list[Item] = field(default_factory=list)
    past_medicines: list[Item] = field(default_factory=list)
    dispensed: list[Item] = field(default_factory=list)  # what pharmacies handed out
    results: list[Result] = field(default_factory=list)
    reports: list[Item] = field(default_factory=list)
    encounters: list[Item] = field(default_factory=list)
    immunizations: list[Item] = field(default_factory=list)
    procedures: list[Item] = field(default_factory=list)
    notes: list[Item] = field(default_factory=list)
    plans: list[Item] = field(default_factory=list)
    answers: list[Item] = field(default_factory=list)
    family: list[Item] = field(default_factory=list)
    people: list[Item] = field(default_factory=list)
    bills: list[Item] = field(default_factory=list)
    other: list[Item] = field(default_factory=list)
    struck: list[Item] = field(default_factory=list)  # entered in error
    unreadable: list[Opened] = field(default_factory=list)  # a key or ciphertext that does not fit

    @property
    def vitals(self) -> list[Result]:
        return [result for result in self.results if result.vital]

    @property
    def labs(self) -> list[Result]:
        return [result for result in self.results if not result.vital]


def build(entries: Iterable[Opened]) -> Chart:
    """Return the chart of opened entries. References are named from among them."""
    entries = list(entries)
    chart = Chart(unreadable=[entry for entry in entries if not entry.resource])
    readable = [entry for entry in entries if entry.resource]
    known = {references.name_of(entry.resource): entry.resource for entry in readable}
    items = [Item(entry, sentences.line(entry.resource, known)) for entry in readable]
    tests: dict[tuple[str, str], Result] = {}
    for item in sorted(items, key=lambda item: item.line.at, reverse=True):
        _place(chart, tests, item)
    chart.results = list(tests.values())
    chart.plans.sort(
        key=lambda item: not (item.line.forbidden and item.line.state == "active")
    )  # what is not to be done first
    chart.no_known_allergies = chart.no_known_allergies and not chart.allergies
    return chart


def _place(chart: Chart, tests: dict[tuple[str, str], Result], item: Item) -> None:
    """Put an item where it belongs."""
    kind, state = item.line.kind, item.line.state
    if state == "error" or state == "entered-in-error":
        chart.struck.append(item)
    elif kind == "allergy":
        _place_allergy(chart, item)
    elif kind == "problem":
        (chart.past_problems if state in ENDED_PROBLEMS else chart.problems).append(item)
    elif kind == "medicine":
        now = chart.not_given if item.line.forbidden else chart.medicines
        (chart.past_medicines if state == "stopped" else now).append(item)
    elif kind in {"result", "vital"} and item.resource["resourceType"] == "Observation":
        # A result with neither words nor codes is like no other one.
        key = (codes.test_key(item.resource.get("code")) or f"#{id(item)}", item.line.unit)
        tests.setdefault(key, Result(item.line.title, item.line.unit)).items.append(item)
    else:
        getattr(chart, PLACES.get(kind, "other")).append(item)


def _place_allergy(chart: Chart, item: Item) -> None:
    if clinical.no_known_allergies(item.resource):
        chart.no_known_allergies = True
        chart.denied_allergies.append(item)
    elif item.line.state == "resolved":
        chart.other.append(item)
    else:
        chart.allergies.append(item)
