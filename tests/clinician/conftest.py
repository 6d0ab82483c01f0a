"""Ana, whose record it is; Dr Lee, whom she trusts; Dr Stranger, whom she does not know; and their browsers."""

import json
import uuid

import pytest
from django.conf import settings
from django.test import Client

from consent import access
from ehr.accounts import keyrings
from ehr.accounts.models import AuthenticatorApp
from ehr.frame import sessions
from ehr.frame.drafting import draft
from ehr.words import Action, Category
from tests import people

READ_AND_WRITE = (Action.READ, Action.WRITE)


@pytest.fixture
def ground(db):
    people.prepare_ground()


@pytest.fixture
def ana(ground):
    return people.patient("Ana Costa")


@pytest.fixture
def lee(ground):
    return people.clinician("Mei Lee")


@pytest.fixture
def stranger(ground):
    return people.clinician("Charles Stranger")


def browser_of(person: people.Person, *, unlocked: bool = True, second_step: bool = True) -> Client:
    """Return a browser in which somebody is signed in, their second step done, their keyring open."""
    client = Client()
    client.force_login(person.user, backend=sessions.BACKEND)
    session = client.session
    if second_step:
        app = AuthenticatorApp(user=person.user, name="app", confirmed=True)
        app.secret = b"12345678901234567890"
        app.save()
        session["otp_device_id"] = app.persistent_id
    if unlocked:
        client.cookies[settings.KEYRING_COOKIE_NAME] = keyrings.to_session(session, person.keyring)
    session.save()
    return client


@pytest.fixture
def browser(lee):
    return browser_of(lee)


# --- A small record --------------------------------------------------------------------------------
LOINC = "http://loinc.org"


def lab(name: str, value: str, on: str, *, unit: str = "mg/dL", low="70", high="99", code="2345-7", word="") -> dict:
    """One laboratory result."""
    resource = {
        "resourceType": "Observation",
        "status": "final",
        "category": [{"coding": [{"code": "laboratory"}]}],
        "code": {"coding": [{"system": LOINC, "code": code}], "text": name},
        "effectiveDateTime": on,
        "valueQuantity": {"value": json.loads(value), "unit": unit},
        "referenceRange": [{"low": {"value": json.loads(low)}, "high": {"value": json.loads(high)}}],
    }
    if word:
        resource["interpretation"] = [{"coding": [{"code": word}]}]
    return resource


def problem(name: str, *, sensitive: str = "") -> dict:
    """One condition; `sensitive` is a v3-ActCode that puts it in a sensitive part."""
    system = "http://terminology.hl7.org/CodeSystem/"
    resource = {
        "resourceType": "Condition",
        "clinicalStatus": {"coding": [{"system": system + "condition-clinical", "code": "active"}]},
        "code": {"text": name},
        "onsetDateTime": "2019-04-02",
    }
    if sensitive:
        resource["meta"] = {"security": [{"system": system + "v3-ActCode", "code": sensitive}]}
    return resource


def allergy(name: str) -> dict:
    """One allergy that can be dangerous."""
    system = "http://terminology.hl7.org/CodeSystem/"
    return {
        "resourceType": "AllergyIntolerance",
        "clinicalStatus": {"coding": [{"system": system + "allergyintolerance-clinical", "code": "active"}]},
        "code": {"text": name},
        "criticality": "high",
    }


def medicine(name: str, status: str = "active") -> dict:
    """One prescription."""
    return {
        "resourceType": "MedicationRequest",
        "status": status,
        "intent": "order",
        "medicationCodeableConcept": {"text": name},
        "authoredOn": "2026-02-01",
        "dosageInstruction": [{"text": "1 tablet in the morning"}],
    }


def put(person: people.Person, *resources: dict) -> list[uuid.UUID]:
    """Put resources into somebody's own record; return their ids."""
    drafts = [draft(person.patient, resource) for resource in resources]
    access.add_own(person.patient, drafts, keyring=person.keyring)
    return [one.logical_id for one in drafts]


@pytest.fixture
def record(ana):
    """Ana's record: something in each part but genetics, by name of the thing."""
    glucose, asthma, depression, penicillin, metformin = put(
        ana,
        lab("Glucose", "154", "2026-10-01", word="H"),
        problem("Asthma"),
        problem("Depressive episode", sensitive="PSY"),
        allergy("Penicillin"),
        medicine("Metformin 500 mg"),
    )
    return {
        "Glucose": glucose,
        "Asthma": asthma,
        "Depressive episode": depression,
        "Penicillin": penicillin,
        "Metformin": metformin,
    }


EVERYTHING = tuple(Category)
