"""A transaction is one patient's, in whatever element its entries name them."""

import pytest

from patients.models import Entry
from tests.fhir.program import json, result, said
from tests.fhir.test_transactions import entry, organization, told

pytestmark = [pytest.mark.django_db, pytest.mark.security]

STRANGER = {"identifier": {"system": "urn:mrn", "value": "Z-9"}}


def account(*subjects: dict) -> dict:
    return {"resourceType": "Account", "status": "active", "subject": list(subjects)}


def test_an_account_of_somebody_else_joins_nobody_s_record(own, ana, ben):
    theirs = account({"reference": f"Patient/{ben.patient.pk}"})
    answer = own(ana).transact(entry("POST", "Account", theirs), entry("POST", "Observation", result(ana.patient)))
    assert answer.status_code == 422
    assert json(answer)["issue"][0]["expression"] == ["Bundle.entry[0].resource"]
    assert Entry.objects.count() == 0


def test_an_account_alone_is_its_subject_s(own, ana):
    answer = own(ana).ask("POST", "Account", account({"reference": f"Patient/{ana.patient.pk}"}))
    assert answer.status_code == 201, said(answer)


@pytest.mark.parametrize("how", ["identifier", "contained", "another server"])
def test_whom_nobody_here_can_tell_is_refused(own, ana, how):
    condition = {"resourceType": "Condition", "code": {"text": "gout"}, "subject": dict(STRANGER)}
    if how == "contained":
        condition |= {"contained": [{"resourceType": "Patient", "id": "p"}], "subject": {"reference": "#p"}}
    if how == "another server":
        condition["subject"] = {"reference": f"https://other.example/fhir/Patient/{ana.patient.pk}"}
    answer = own(ana).transact(entry("POST", "Condition", condition), entry("POST", "Observation", result(ana.patient)))
    assert answer.status_code == 422
    assert Entry.objects.count() == 0


def test_one_full_url_is_one_entry_s(own, ana):
    answer = own(ana).transact(
        entry("POST", "Organization", organization(), "urn:uuid:AB"),
        entry("POST", "Organization", organization(name="Hill"), "urn:uuid:ab"),
        entry("POST", "Observation", result(ana.patient, performer=[{"reference": "urn:uuid:ab"}])),
    )
    assert answer.status_code == 400
    assert json(answer)["issue"][0]["expression"] == ["Bundle.entry[1].fullUrl"]
    assert Entry.objects.count() == 0


def test_entries_without_a_full_url_are_taken(own, ana):
    both = [entry("POST", "Observation", result(ana.patient))] * 2
    assert told(own(ana).transact(*both)) == ["201", "201"]
