"""A small bundle of one patient, files to put it into, and the public data where it is at hand."""

import copy
import gzip
import json
from pathlib import Path

import pytest

from tests import people

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
MARIA = "urn:uuid:11111111-1111-4111-8111-111111111111"
VISIT = "urn:uuid:22222222-2222-4222-8222-222222222222"
GLUCOSE = "urn:uuid:33333333-3333-4333-8333-333333333333"
SADNESS = "urn:uuid:44444444-4444-4444-8444-444444444444"

_PATIENT = {
    "resourceType": "Patient",
    "identifier": [{"system": "urn:mrn", "value": "A-1"}, {"system": "urn:old", "value": "9", "use": "old"}],
    "name": [{"family": "Müller-Ångström", "given": ["María José"]}],
    "birthDate": "1980-02-03",
    "gender": "female",
}
_VISIT = {
    "resourceType": "Encounter",
    "status": "finished",
    "class": {"code": "AMB"},
    "subject": {"reference": MARIA},
}
_GLUCOSE = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "2345-7", "display": "Glucose"}]},
    "subject": {"reference": MARIA},
    "encounter": {"reference": VISIT},
    "valueQuantity": {"value": 0, "unit": "mg/dL"},
}
_SADNESS = {
    "resourceType": "Condition",
    "code": {
        "coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": "F32.1", "display": "Depressive episode"}]
    },
    "subject": {"reference": MARIA},
}


@pytest.fixture
def ground(db):
    people.prepare_ground()


@pytest.fixture
def bundle() -> dict:
    """Return a transaction of four resources, Maria's."""
    resources = {MARIA: _PATIENT, VISIT: _VISIT, GLUCOSE: _GLUCOSE, SADNESS: _SADNESS}
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "fullUrl": url,
                "resource": copy.deepcopy(resource),
                "request": {"method": "POST", "url": resource["resourceType"]},
            }
            for url, resource in resources.items()
        ],
    }


@pytest.fixture
def write(tmp_path):
    """Return a function that writes JSON (or bytes) to a file of a fresh folder."""

    def put(name: str, content: object) -> Path:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(body, mtime=0) if name.endswith(".gz") else body)
        return path

    return put


@pytest.fixture(scope="session")
def public_data() -> Path:
    """Return the folder of public data."""
    if not SHARED.is_dir():
        pytest.skip("../shared/data is not here")
    return SHARED
