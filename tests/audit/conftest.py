"""People and a small log to read, tamper with and verify."""

from functools import lru_cache
from uuid import UUID, uuid4

import pytest

from audit import checkpoints, log, proofs, sequencer, verify
from audit.models import Erasure, Event

PEOPLE = ("Dr Ana Costa", "Dr Zoë Müller", "Nurse Bob Ito")


class Day:
    """A day at a hospital: who is looked at, by whom, and when the head is signed."""

    def __init__(self) -> None:
        self.patient = uuid4()
        self.neighbours = [uuid4() for _ in range(9)]
        self.people = [log.Party("person", uuid4(), name, "physician", "City Hospital") for name in PEOPLE]

    def looks(self, count: int = 1, *, at: UUID | None = None) -> None:
        """Let the patient be looked at, a neighbour in between each time."""
        for number in range(count):
            who = self.people[number % len(self.people)]
            log.append("chart.opened", actor=who, subject=at or self.patient, categories=["labs"], purpose="TREAT")
            log.append("chart.opened", actor=who, subject=self.neighbours[number % 9], categories=["basic"])

    def ends(self) -> None:
        """Give every event its place and sign the head."""
        sequencer.sequence()
        checkpoints.sign()


@pytest.fixture
def day(db):
    return Day()


@pytest.fixture
def full(day):
    """A log with something in each of its tables."""
    day.looks(3)
    day.ends()
    day.looks(2)
    sequencer.sequence()
    log.append("chart.opened", actor=day.people[0], subject=day.patient)
    event = Event.objects.order_by("id").first()
    Erasure.objects.create(event=event, because="asked by the patient")
    return day


@pytest.fixture
def quick_signatures(monkeypatch):
    """Check each signature once: thousands of altered files share the one head that was signed."""
    monkeypatch.setattr(verify, "signature_holds", lru_cache(maxsize=None)(verify.signature_holds))


@pytest.fixture
def downloads(day):
    """The list of a patient with 8 lines, and the one they downloaded when it had 5."""
    day.looks(5)
    day.ends()
    older = proofs.for_subject(day.patient)
    day.looks(3)
    day.ends()
    return proofs.for_subject(day.patient), older


@pytest.fixture
def data(downloads):
    return downloads[0]
