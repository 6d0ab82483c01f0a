"""What other systems sent becomes drafts whose search values speak of what this server gives out."""

import json

import pytest

from ehr.intake import drafts
from ehr.intake.refusals import Refused
from ehr.r4.matching import parse
from tests import people

pytestmark = pytest.mark.django_db


@pytest.fixture
def ana():
    people.prepare_ground()
    return people.patient("Ana Costa")


def test_a_delivered_entry_is_found_by_the_labels_it_is_given(ana):
    sent = {"resourceType": "Immunization", "id": "7", "status": "completed", "patient": {"reference": "Patient/1"}}
    ((_kind, draft),) = drafts.make(ana.patient, [sent], source="clinic")
    index = json.loads(draft.search)
    label = "https://chartseal.org/fhir/CodeSystem/category|history"
    assert parse("Immunization", "_security", [label]).matches(index)
    assert parse("Immunization", "_id", [str(draft.logical_id)]).matches(index)


def test_the_same_twice_is_one_entry(ana):
    sent = {"resourceType": "Condition", "id": "7", "subject": {"reference": "Patient/1"}}
    assert len(list(drafts.make(ana.patient, [sent, dict(sent)], source="clinic"))) == 1


def test_two_of_one_name_that_differ_are_refused(ana):
    sent = {"resourceType": "Condition", "id": "7", "subject": {"reference": "Patient/1"}}
    with pytest.raises(Refused, match="Condition/7 stands here twice"):
        list(drafts.make(ana.patient, [sent, sent | {"code": {"text": "gout"}}], source="clinic"))
