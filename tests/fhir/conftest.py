"""Programs that ask `/fhir/` with a token: a patient's app, a clinician's. Their tokens are handed in, not earned:
how a token comes about, and that it holds, is held in tests/smart.
"""

from dataclasses import fields

import pytest

from consent.access import Caller
from ehr.fhir import rates
from ehr.smart import scopes, tokens
from ehr.smart.tokens import SmartCaller
from ehr.words import Action, Category
from tests import people
from tests.consent.calling import app_caller, clinician_caller, patient_caller
from tests.fhir.program import Program

EVERY = tuple(Category)
BOTH = (Action.READ, Action.WRITE)


@pytest.fixture
def ground(db):
    people.prepare_ground()


@pytest.fixture
def ana(ground) -> people.Person:
    return people.patient("Ana Costa")


@pytest.fixture
def ben(ground) -> people.Person:
    return people.patient("Ben Okoro")


@pytest.fixture
def lee(ground) -> people.Person:
    return people.clinician("Mei Lee")


@pytest.fixture(autouse=True)
def _nobody_asked_before():
    rates.here.forget()


@pytest.fixture
def held(monkeypatch) -> dict[str, SmartCaller]:
    """Return the tokens that hold, each with who asks by it."""
    known: dict[str, SmartCaller] = {}

    def caller_of(request):
        return known.get(request.headers.get("Authorization", "").removeprefix("Bearer "))

    monkeypatch.setattr(tokens, "caller_of", caller_of)
    return known


def smart(caller: Caller, scope: str, patient=None) -> SmartCaller:
    """Return a caller as its token would have it."""
    asked = {one.name: getattr(caller, one.name) for one in fields(Caller)}
    return SmartCaller(**asked, scopes=scopes.read(scope), patient=patient, client_id=f"client of {caller.via}")


@pytest.fixture
def app(held):
    """Return a way to a patient's app: let in to parts, with scopes."""

    def made(person, *parts, actions=BOTH, scope="patient/*.cruds", **more) -> Program:
        caller = app_caller(person, *(parts or EVERY), actions=actions, **more)
        held[token := f"app-{len(held)}"] = smart(caller, scope, person.patient)
        return Program(token)

    return made


@pytest.fixture
def own(held):
    """Return a way to a program in a patient's own hands, with their own keys."""

    def made(person, scope="patient/*.cruds", **more) -> Program:
        held[token := f"own-{len(held)}"] = smart(patient_caller(person, **more), scope, person.patient)
        return Program(token)

    return made


@pytest.fixture
def ward(held):
    """Return a way to a clinician's program, begun with nobody's record, or with one."""

    def made(person, scope="user/*.cruds", patient=None, **more) -> Program:
        held[token := f"ward-{len(held)}"] = smart(clinician_caller(person, **more), scope, patient)
        return Program(token)

    return made
