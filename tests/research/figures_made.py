"""A study for figures of a population, and people for it by the hundred whose records nobody has to open."""

import uuid
from dataclasses import dataclass, field
from types import SimpleNamespace

from ehr.words import Category
from research.figures import asking, making
from research.figures.making import json
from research.models import Figure, Study
from research.snapshots import Snapshot
from tests.research import studying
from tests.research.criteria_made import DIABETES, HBA1C, condition, patient, result

PARTS = (Category.BASIC, Category.HISTORY, Category.LABS)


def asked(**instead) -> dict:
    """Return what a study for figures asks, as tests.research.studying takes it."""
    facts = {
        "title": "Diabetes under control",
        "plain": "Once a month we count how many people who take part have their diabetes under control.",
        "categories": PARTS,
        "views": (),
        "pay": 0,
        "measures": ("diabetes",),
    }
    return facts | instead


def opened(person=None, board=None, **instead) -> Study:
    return studying.opened(person, board, **asked(**instead))


def visit(day: str, kind: str = "AMB") -> dict:
    return {
        "resourceType": "Encounter",
        "status": "finished",
        "class": {"code": kind},
        "period": {"start": f"{day}T08:00:00Z", "end": f"{day}T09:00:00Z"},
    }


def diabetic(value: float | None = 7.0, *, born="1970-01-01", sex="female", day="2030-09-09") -> list[dict]:
    """Return the record of somebody with diabetes, seen and measured on a day, or not measured."""
    seen = [patient(born, sex), condition(DIABETES, onsetDateTime="2010-01-01"), visit(day)]
    return seen if value is None else [*seen, result(HBA1C, value, day=day)]


@dataclass
class Crowd:
    """People as a run would open them. `parts` is what each shares."""

    people: dict[uuid.UUID, list[dict]] = field(default_factory=dict)
    parts: dict[uuid.UUID, list[str]] = field(default_factory=dict)
    opened: int = 0

    def add(self, record: list[dict], *, parts=PARTS, one: uuid.UUID | None = None) -> uuid.UUID:
        one = one or uuid.uuid4()
        self.people[one], self.parts[one] = record, [str(part) for part in parts]
        return one

    def add_many(self, count: int, value: float | None = 7.0, **more) -> list[uuid.UUID]:
        return [self.add(diabetic(value, **more)) for _ in range(count)]

    def take(self, _run, *, keyring, watch) -> Snapshot:
        """Stand in for research.snapshots.take."""
        assert keyring
        self.opened += 1
        for number, _ in enumerate(self.people):
            watch(number, len(self.people))
        joinings = tuple(SimpleNamespace(patient_id=one, categories=self.parts[one]) for one in self.people)
        told = [(str(one), json.dumps(each)) for one, record in self.people.items() for each in record]
        return Snapshot(joinings, tuple(told), b"")


def made(study: Study, by) -> Figure:
    """Ask for this month's figures, have them made, and return that of diabetes."""
    run = asking.ask(study, by=by)
    assert making.make(run.pk) in {"ready", ""}
    return run.figures.get(measure="diabetes")


def numbers(figure: Figure) -> list:
    """Return what anybody sees of a figure: its own numbers, or those that stand."""
    shown = figure.stands or figure
    return [shown.level, shown.everybody, shown.groups]
