"""Ana, whose record it is; Ben, a stranger with a record of his own; and a small record with something to say."""

import base64

import pytest

from tests import people
from tests.clinician.conftest import allergy, lab, medicine, problem, put


@pytest.fixture
def ground(db):
    people.prepare_ground()


@pytest.fixture
def ana(ground):
    return people.patient("Ana Costa")


@pytest.fixture
def ben(ground):
    return people.patient("Ben Okoro")


def letter(title: str, content: bytes, kind: str = "application/pdf") -> dict:
    """Return a document whose file lies sealed beside it."""
    attachment = {"contentType": kind, "title": title, "size": len(content)}
    return {"resourceType": "DocumentReference", "status": "current", "content": [{"attachment": attachment}]}


@pytest.fixture
def record(ana):
    """Something in each part but genetics."""
    put(
        ana,
        lab("Glucose", "154", "2026-10-01", word="H"),
        lab("Glucose", "101", "2025-10-01"),
        problem("Asthma"),
        problem("Depressive episode", sensitive="PSY"),
        allergy("Penicillin"),
        medicine("Metformin 500 mg"),
    )
    return ana


PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
