"""A study with people in it who have no keys: what is tried here is what is answered of them, and what that costs."""

import json
import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from types import SimpleNamespace

from audit.queries import Line, story
from consent.models import Grant
from ehr import clock
from ehr.accounts import queries as accounts
from ehr.words import Category
from patients.models import Patient
from research import budget, queries
from research.models import Joining, PrivateQuestion, Study
from research.private import answering, asking
from research.private.questions import Kind
from research.snapshots import Snapshot
from tests.appointments.at_once import crowd
from tests.research.criteria_made import DIABETES, HBA1C, condition, document, patient, result
from tests.research.studying import BASIC, LABS

HISTORY = Category.HISTORY
PARTS = (BASIC, HISTORY, LABS)
PRICE = 5_000_000
DIABETIC = document({"condition": {"codes": [DIABETES]}})


def take_part(study: Study, people: list[Patient], *parts: Category) -> list[Joining]:
    """Return that people take part in a study. Nothing of theirs opens by it: what they share is made up here."""
    at, version = clock.now(), accounts.present_version(study.reader)
    chosen = sorted(parts or PARTS)
    terms = {"categories": chosen, "actions": ["read"], "purpose": "HRESCH", "starts": at, "ends": study.ends}
    terms |= {"chain_id": 1, "contract": "0x", "signer": "0x", "sentence": "", "ephemeral": b"", "salt": b""}
    terms |= {"signature_r": b"", "signature_vs": b"", "binding": b"", "reader": study.reader}
    terms |= {"key_version": version, "patient_version": version}
    grants = Grant.objects.bulk_create(Grant(patient=one, holder=uuid.uuid4().hex, **terms) for one in people)
    return Joining.objects.bulk_create(
        Joining(
            study=study, patient=one.patient, grant=one, categories=chosen, until=one.ends, salt=b"",
            commitment=uuid.uuid4().bytes,
        )
        for one in grants
    )  # fmt: skip


@dataclass
class Records:
    """What people share, as a run would open it."""

    of: dict[uuid.UUID, list[dict]] = field(default_factory=dict)
    opened: list[set[uuid.UUID]] = field(default_factory=list)

    def people(
        self, study: Study, count: int, *parts: Category, has=True, born="1980-01-01", sugar=None
    ) -> list[Patient]:
        """Return people who take part, with a record each: diabetes or none, a result where one is given."""
        made = [one.patient for one in crowd(count, first=len(self.of))]
        for one in made:
            told = [patient(born), *([condition(DIABETES)] if has else [])]
            self.of[one.pk] = told + ([result(HBA1C, sugar)] if sugar is not None else [])
        take_part(study, made, *parts)
        return made

    def take(self, run, *, keyring, watch, only=None) -> Snapshot:
        """Stand in for research.snapshots.take."""
        assert keyring
        found = [one for one in queries.participants(run.study) if only is None or one.patient_id in only]
        for number, _ in enumerate(found):
            watch(number, len(found))
        self.opened.append({one.patient_id for one in found})
        told = [(str(one.patient_id), json.dumps(each)) for one in found for each in self.of[one.patient_id]]
        return Snapshot(tuple(SimpleNamespace(patient_id=one.patient_id) for one in found), tuple(told), b"")


def asked(study: Study, by, kind=Kind.COUNT, name="", *, price=PRICE, **more) -> PrivateQuestion:
    """Ask, have it answered, and return the question."""
    row = asking.ask(study, kind, name, price=price, by=by, **more)
    answering.answer(row.pk)
    row.refresh_from_db()
    return row


def number(row: PrivateQuestion) -> int:
    return int(row.answer.answer["numbers"][""])


def tomorrow(days: int = 1):
    return clock.now() + timedelta(days=days)


def spent(study: Study, *patients: Patient) -> list[int]:
    """Return what a study spent, then each person."""
    return [budget.left_of_study(study).spent, *(budget.left_of_patient(one).spent for one in patients)]


def acts(patient: Patient, act: str = "research.asked") -> list[Line]:
    """Return a person's lines of one act."""
    return [line for line in story(patient.pk, limit=200) if line.action == act]
