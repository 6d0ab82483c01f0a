"""A patient's own record as FHIR: the very text that was stored, and whole again wherever it is read in (J6.4)."""

import json
from hashlib import sha256
from io import StringIO

import pytest
from django.core.management import call_command
from django.urls import reverse

from audit.queries import story
from consent import access
from ehr.r4 import references, text, validate
from ehr.rights import copy
from patients.models import Identifier
from tests import people
from tests.clinician.conftest import lab, medicine, put
from tests.intake.conftest import bundle
from tests.patient.conftest import browser_of

__all__ = ["bundle"]
pytestmark = pytest.mark.django_db


@pytest.fixture
def ground(db):
    people.prepare_ground()


def known_by_card(name: str, number: str) -> people.Person:
    """Return somebody with a record, whose health card two people have seen."""
    person = people.patient(name, identifier=number)
    Identifier.objects.filter(patient=person.patient).update(verified_at="2026-01-01T00:00Z")
    return person


@pytest.fixture
def maria(ground, bundle, tmp_path):
    """Somebody whose record came from elsewhere, and who added to it: with decimals as they were written."""
    person = known_by_card("María José", "card-1")
    found = bundle["entry"][0]["resource"]
    found["identifier"], found["birthDate"] = [{"system": "urn:health-card", "value": "card-1"}], "1984-05-03"
    (tmp_path / "in.json").write_text(json.dumps(bundle).replace('"value": 0,', '"value": 1.50,'))
    call_command("import_fhir", str(tmp_path / "in.json"), stdout=StringIO(), stderr=StringIO())
    put(person, lab("Glucose", "154.0", "2026-10-01"), medicine("Metformin 500 mg"))
    return person


def copied(person) -> bytes:
    return copy.bundle(access.copy_own(person.patient, keyring=person.keyring))


def digests(person, instead: dict[str, str] | None = None) -> dict[str, str]:
    """Return the SHA-256 of each resource's JSON with sorted keys, by the resource's name.

    `instead` says under which name a reference is known where the record was read in.
    """
    found = {}
    for one in access.open_own(person.patient, keyring=person.keyring).entries:
        resource = one.resource
        for holder, name, _path in references._addresses_in(resource):
            holder[name] = (instead or {}).get(holder[name], holder[name])
        found[references.name_of(resource)] = sha256(text.dumps(_sorted(resource))).hexdigest()
    return found


def _sorted(value):
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(one) for one in value] if isinstance(value, list) else value


def test_each_resource_is_the_text_that_was_stored_decimals_and_all(maria):
    whole = copied(maria)
    stored = [one.raw for one in access.open_own(maria.patient, keyring=maria.keyring).entries]
    assert all(b'"resource":' + raw in whole for raw in stored)
    assert b'"value":1.50' in whole
    assert b'"value":154.0' in whole


def test_it_is_fhir_and_holds_every_entry_once(maria):
    found = text.loads(copied(maria))
    assert (found["resourceType"], found["type"]) == ("Bundle", "collection")
    assert len(found["entry"]) == len(digests(maria)) == 6
    assert len({one["fullUrl"] for one in found["entry"]}) == 6
    assert [problem for one in found["entry"] for problem in validate.check(one["resource"])] == []


def elsewhere(person, content: bytes, tmp_path) -> people.Person:
    """Return the same human at a place that has never met them, their copy read in there."""
    Identifier.objects.filter(patient=person.patient).delete()
    there = known_by_card("María José", "card-1")
    (tmp_path / "copy.json").write_bytes(content)
    call_command("import_fhir", str(tmp_path / "copy.json"), source="elsewhere", stdout=StringIO(), stderr=StringIO())
    return there


def test_j6_4_read_in_elsewhere_it_is_the_same_number_of_resources_and_the_same_hashes(maria, tmp_path):
    there = elsewhere(maria, copied(maria), tmp_path)
    patient = next(name for name in digests(maria) if name.startswith("Patient/"))
    # What this system wrote called its patient by an id of its own; read in, it is the record's Patient.
    assert digests(there) == digests(maria, {f"Patient/{maria.patient.pk}": patient})
    assert len(digests(there)) == 6


def test_a_record_without_a_patient_resource_brings_one(ground, tmp_path):
    ana = known_by_card("Ana Costa", "card-1")
    put(ana, lab("Glucose", "154.0", "2026-10-01"))
    found = text.loads(copied(ana))["entry"]
    assert [one["resource"]["resourceType"] for one in found] == ["Patient", "Observation"]
    assert found[0]["resource"]["id"] == str(ana.patient.pk)
    assert validate.check(found[0]["resource"]) == []


# --- The page --------------------------------------------------------------------------------------
def test_the_patient_saves_it_and_the_list_says_so(maria):
    browser = browser_of(maria)
    assert "not locked" in browser.get(reverse("patient:take-along")).content.decode()
    answer = browser.post(reverse("patient:take-along"))
    assert answer["Content-Disposition"] == 'attachment; filename="my-record.json"'
    assert len(text.loads(answer.content)["entry"]) == 6
    assert "no-store" in answer["Cache-Control"]
    line = next(one for one in story(maria.patient.pk) if one.action == "record.copied")
    assert line.outcome == "allowed"


def test_locked_keys_copy_nothing(maria):
    answer = browser_of(maria, unlocked=False).post(reverse("patient:take-along"))
    assert answer["Location"].startswith(reverse("front:unlock"))
    with pytest.raises(access.KeysLocked):
        access.copy_own(maria.patient, keyring=None)
    assert story(maria.patient.pk)[0].outcome == "refused"
