"""A study whose people are made up, by the hundred: what counts are made of comes from here instead of from records."""

import uuid
from dataclasses import dataclass, field
from types import SimpleNamespace

from research.cohorts import asking, counting
from research.snapshots import Snapshot
from tests.research.criteria_made import DIABETES, condition, document, patient
from tests.research.studying import BASIC

HISTORY = "history"


@dataclass
class Crowd:
    """People as a run would open them. `parts` is what each shares."""

    people: dict[uuid.UUID, list[dict]] = field(default_factory=dict)
    parts: dict[uuid.UUID, list[str]] = field(default_factory=dict)
    opened: int = 0

    def add(self, *, born="1980-01-01", sex="female", has=(DIABETES,), parts=(BASIC, HISTORY)) -> uuid.UUID:
        one = uuid.uuid4()
        self.people[one] = [patient(born, sex), *map(condition, has)]
        self.parts[one] = [str(part) for part in parts]
        return one

    def take(self, _run, *, keyring, watch) -> Snapshot:
        """Stand in for research.snapshots.take."""
        assert keyring
        self.opened += 1
        for number, _ in enumerate(self.people):
            watch(number, len(self.people))
        joinings = tuple(SimpleNamespace(patient_id=one, categories=self.parts[one]) for one in self.people)
        told = [(str(one), counting.json.dumps(each)) for one, record in self.people.items() for each in record]
        return Snapshot(joinings, tuple(told), b"")


def said(study, by, node, **more):
    """Ask how many there are, have them counted, and return the count."""
    asked = asking.ask(study, document(node, **more), by=by)
    counting.count(asked.pk)
    asked.refresh_from_db()
    return asked
