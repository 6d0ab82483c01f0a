"""What entries are called: ours for theirs, the same each time, and never a look at what is there."""

import uuid

import pytest

from ehr import clock
from patients.models import Identifier
from patients.naming import Naming, logical_id, named_by_source
from patients.queries import identifier_digest
from tests import people

pytestmark = pytest.mark.django_db


@pytest.fixture
def ana():
    people.prepare_ground()
    patient = people.patient().patient
    system, value = named_by_source("lab", "Patient/12")
    digest = identifier_digest(system, value)
    Identifier.objects.create(patient=patient, digest=digest, system=system, verified_at=clock.now())
    return patient


def test_a_name_is_the_same_each_time_and_another_for_another_patient(ana):
    theirs = "Encounter/7"
    assert logical_id(ana.pk, "lab", theirs) == logical_id(ana.pk, "lab", theirs)
    assert logical_id(ana.pk, "lab", theirs) != logical_id(uuid.uuid4(), "lab", theirs)
    assert logical_id(ana.pk, "lab", theirs) != logical_id(ana.pk, "clinic", theirs)


def test_references_inside_the_record_are_said_in_our_names(ana):
    sent = {
        "resourceType": "Observation",
        "subject": {"reference": "Patient/12"},
        "encounter": {"reference": "Encounter/7/_history/2"},
        "performer": [{"reference": "Patient/13"}],
    }
    said = Naming(ana).resource(sent, source="lab")
    assert said["subject"]["reference"] == f"Patient/{ana.pk}"
    assert said["encounter"]["reference"] == f"Encounter/{logical_id(ana.pk, 'lab', 'Encounter/7')}/_history/2"
    assert said["performer"][0]["reference"] == f"Patient/{logical_id(ana.pk, 'lab', 'Patient/13')}"
    assert sent["subject"]["reference"] == "Patient/12"


@pytest.mark.parametrize(
    "elsewhere", ["#inside", "urn:uuid:1", "https://a.example/Patient/12", "Questionnaire/4", "Patient?identifier=1"]
)
def test_references_to_elsewhere_stay(ana, elsewhere):
    sent = {"resourceType": "Observation", "subject": {"reference": elsewhere}}
    assert Naming(ana).resource(sent, source="lab") == sent


def test_what_was_written_here_says_our_names_already(ana):
    written = {"resourceType": "Observation", "subject": {"reference": "Patient/12"}}
    assert Naming(ana).resource(written, source="") == written


def test_only_places_of_names_are_touched(ana):
    sent = {"resourceType": "Observation", "identifier": [{"value": "Patient/12"}], "note": [{"text": "Patient/12"}]}
    assert Naming(ana).resource(sent, source="lab") == sent
