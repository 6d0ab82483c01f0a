"""Asking and answering by /api/v1."""

import uuid

import pytest

from consent.models import AccessRequest, Grant
from ehr.words import Category
from tests import people
from tests.api.conftest import enrolled, signed_in

WANTED = {"categories": ["labs", "history"], "days": 30, "words": "Before the operation."}


def ask(as_lee, ana, lee, **more):
    people.give(ana, lee, Category.BASIC)
    answer = as_lee.post(f"patients/{ana.patient.pk}/requests", WANTED | more)
    assert answer.status_code == 201, answer.told
    return answer.told["id"]


def test_a_clinician_asks_and_the_patient_sees_it_waiting(as_lee, lee, as_ana, ana):
    made = ask(as_lee, ana, lee)
    told = as_ana.get("requests").told
    assert (told["waiting"], told["items"][0]["id"], told["items"][0]["state"]) == (1, made, "asked")


def sent(program, patient, once, **more):
    return program.post(f"patients/{patient.patient.pk}/requests", WANTED | more, Idempotency_Key=str(once))


def test_the_same_request_sent_twice_asks_once(as_lee, lee, ana):
    people.give(ana, lee, Category.BASIC)
    once = uuid.uuid4()
    first, second = (sent(as_lee, ana, once) for _ in range(2))
    assert (first.status_code, second.told["id"]) == (201, first.told["id"])
    assert AccessRequest.objects.count() == 1


@pytest.mark.parametrize("other", [{"categories": ["labs"]}, {"days": 7}, {"actions": ["write"]}], ids=str)
def test_one_key_does_not_answer_for_another_request(as_lee, lee, ana, other):
    people.give(ana, lee, Category.BASIC)
    once = uuid.uuid4()
    sent(as_lee, ana, once)
    assert sent(as_lee, ana, once, **other).status_code == 409


def test_two_clinicians_may_send_the_same_key(as_lee, lee, ana):
    kim, once = enrolled(people.clinician("Jo Kim")), uuid.uuid4()
    for reader in (lee, kim):
        people.give(ana, reader, Category.BASIC)
    answers = [sent(one, ana, once).status_code for one in (as_lee, signed_in(kim))]
    assert answers == [201, 201]


def test_one_key_asks_each_of_two_patients(as_lee, lee, ana, ben):
    once = uuid.uuid4()
    for patient in (ana, ben):
        people.give(patient, lee, Category.BASIC)
    assert [sent(as_lee, one, once).status_code for one in (ana, ben)] == [201, 201]


def test_of_two_parts_one_is_given_and_exactly_one_arrives(as_lee, lee, as_ana, ana):
    made = ask(as_lee, ana, lee)
    less = {"categories": ["labs"], "days": 7}
    sentence = as_ana.post(f"requests/{made}/approve", less).told["sentence"]
    assert AccessRequest.objects.get().grant is None
    given = as_ana.post(f"requests/{made}/approve", less | {"sentence": sentence})
    assert (given.status_code, given.told["categories"]) == (201, ["labs"])
    assert as_lee.get("requests/sent").told["items"][0]["grant"] == given.told["id"]


def test_more_than_was_asked_for_is_not_given_here(as_lee, lee, as_ana, ana):
    made = ask(as_lee, ana, lee)
    answer = as_ana.post(f"requests/{made}/approve", {"categories": ["treatment"], "days": 7})
    assert answer.status_code == 409


def test_confirmed_twice_it_is_one_permission(as_lee, lee, as_ana, ana):
    made = ask(as_lee, ana, lee)
    less = {"categories": ["labs"], "days": 7}
    less["sentence"] = as_ana.post(f"requests/{made}/approve", less).told["sentence"]
    ids = {as_ana.post(f"requests/{made}/approve", less).told["id"] for _ in range(2)}
    assert len(ids) == 1
    assert Grant.objects.count() == 2


def test_a_no_tells_nothing_beyond_declined(as_lee, lee, as_ana, ana):
    made = ask(as_lee, ana, lee)
    assert as_ana.post(f"requests/{made}/decline").told["state"] == "declined"
    [told] = as_lee.get("requests/sent").told["items"]
    assert (told["state"], told["grant"]) == ("declined", None)


def test_somebody_nobody_met_is_not_asked(as_lee, ana):
    assert as_lee.post(f"patients/{ana.patient.pk}/requests", WANTED).status_code == 404


def test_what_matches_nobody_exactly_finds_nobody(as_lee, ana):
    told = {"name": "Ana Costa", "birth_date": "1984-05-03", "system": "urn:health-card", "value": "1"}
    answer = as_lee.post("patients/find", told)
    assert answer.status_code == 409
    assert "No one found" in answer.told["detail"]


def test_a_patient_is_found_by_all_three(ground, as_lee):
    rosa = people.patient("Rosa Lima", identifier="HC-1")
    told = {"name": "Rosa Lima", "birth_date": "1984-05-03", "system": "urn:health-card", "value": "HC-1"}
    assert as_lee.post("patients/find", told).told == {"patient": str(rosa.patient.pk)}


def test_half_of_what_is_needed_is_named(as_lee):
    assert as_lee.post("patients/find", {"name": "Ana Costa"}).status_code == 400


def test_another_patient_s_request_is_not_there(as_lee, lee, as_ana, ben):
    made = ask(as_lee, ben, lee)
    for what in ("approve", "decline"):
        assert as_ana.post(f"requests/{made}/{what}", {"categories": ["labs"], "days": 1}).status_code == 404
