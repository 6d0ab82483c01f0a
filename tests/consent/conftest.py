"""Ana, whose record it is; Dr Lee, whom she trusts; and somebody else's doctor."""

import json
import uuid

import pytest
import time_machine

from consent import access
from consent.access import Draft
from ehr.words import Category
from tests import people
from tests.consent.delegating import BEGUN


@pytest.fixture
def at_begun():
    """The clock stands at BEGUN, for all who are made after this; name it before them."""
    with time_machine.travel(BEGUN, tick=False) as traveller:
        yield traveller


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


def draft(part, text="", *, recorded="", **more) -> Draft:
    """One small resource for a part, with a word to find it by."""
    parts = (part,) if isinstance(part, str) else tuple(part)
    resource = {"resourceType": "Observation", "id": str(uuid.uuid4()), "note": [{"text": text or f"marker {part}"}]}
    if recorded:
        resource["effectiveDateTime"] = recorded
    return Draft(resource=json.dumps(resource).encode(), parts=tuple(map(str, parts)), search=b"{}", **more)


@pytest.fixture
def with_record(ana):
    """Put one entry into each of Ana's six parts."""
    access.add_own(ana.patient, [draft(part) for part in Category], keyring=ana.keyring)
    return ana


def texts(chart) -> set[str]:
    """The words of a chart's entries."""
    return {entry.resource["note"][0]["text"] for entry in chart.entries}
