"""Reading one resource, its versions and its history."""

import base64

import pytest
import time_machine

from consent.access import add_own
from ehr.frame.drafting import draft
from ehr.r4 import validate
from ehr.words import Category
from tests import people
from tests.fhir.program import Program, etag, json, result, sadness, said, version

pytestmark = pytest.mark.django_db


def test_what_was_sent_comes_back_under_an_id_of_this_server(own, ana):
    program = own(ana)
    made = program.make(result(ana.patient))
    answer = program.get(f"Observation/{made['id']}")
    found = json(answer)
    assert answer.status_code == 200
    assert answer["ETag"] == etag(made["id"], 1)
    assert answer["Last-Modified"].endswith(" GMT")
    assert answer["Content-Type"] == "application/fhir+json; fhirVersion=4.0; charset=utf-8"
    assert answer["Cache-Control"] == "no-store"
    assert found == made
    assert found["meta"]["versionId"] == version(made["id"], 1)
    assert str(found["valueQuantity"]["value"]) == "5.40"


def test_an_app_reads_what_it_was_let_in_to(own, app, ana):
    labs, mood = own(ana).make(result(ana.patient)), own(ana).make(sadness(ana.patient))
    program = app(ana, Category.LABS)
    assert program.get(f"Observation/{labs['id']}").status_code == 200
    assert program.get(f"Condition/{mood['id']}").status_code == 404


def test_a_clinician_reads_whoever_let_them_in(own, ward, ana, ben, lee):
    from_ana, from_ben = own(ana).make(result(ana.patient)), own(ben).make(result(ben.patient))
    people.give(ana, lee)
    program = ward(lee)
    assert program.get(f"Observation/{from_ana['id']}").status_code == 200
    assert program.get(f"Observation/{from_ben['id']}").status_code == 404


def test_hidden_and_absent_are_told_in_the_same_words(own, app, ana):
    mood = own(ana).make(sadness(ana.patient))
    program = app(ana, Category.LABS)
    hidden = program.get(f"Condition/{mood['id']}")
    absent = program.get("Condition/0b0e4a3c-9bd2-4b6d-8c0f-3a5f2a5d9f11")
    assert (hidden.status_code, hidden.content, dict(hidden.headers)) == (404, absent.content, dict(absent.headers))


def test_whose_record_it_is_answers_as_its_patient(own, ana):
    found = own(ana).read(f"Patient/{ana.patient.pk}")
    assert found["id"] == str(ana.patient.pk)
    assert found["name"] == [{"text": "Ana Costa"}]
    assert found["birthDate"] == "1984-05-03"


def test_who_sees_results_only_still_knows_whose_they_are(app, ana):
    program = app(ana, Category.LABS)
    assert program.read(f"Patient/{ana.patient.pk}")["name"] == [{"text": "Ana Costa"}]
    assert [one["id"] for one in program.find("Patient")] == [str(ana.patient.pk)]


def test_another_patient_is_nobody(own, ana, ben):
    assert own(ana).get(f"Patient/{ben.patient.pk}").status_code == 404


def test_each_version_can_be_read(own, ana):
    program = own(ana)
    made = program.make(result(ana.patient))
    assert program.put({**made, "status": "amended"}).status_code == 200
    name = f"Observation/{made['id']}"
    assert program.read(name)["status"] == "amended"
    first, second, third = (version(made["id"], number) for number in (1, 2, 3))
    assert program.read(f"{name}/_history/{first}")["status"] == "final"
    assert program.read(f"{name}/_history/{second}")["meta"]["versionId"] == second
    for none in (third, "1", "2", "0"):
        assert program.get(f"{name}/_history/{none}").status_code == 404
    history = program.read(f"{name}/_history")
    assert history["total"] == 2
    assert [one["response"]["etag"] for one in history["entry"]] == [f'W/"{second}"', f'W/"{first}"']
    assert [one["request"]["method"] for one in history["entry"]] == ["PUT", "POST"]


def test_what_was_deleted_is_gone_and_stays_in_its_history(own, ana):
    program = own(ana)
    made = program.make(result(ana.patient))
    name = f"Observation/{made['id']}"
    assert program.ask("DELETE", name).status_code == 204
    assert program.get(name).status_code == 410
    assert program.find("Observation") == []
    entries = program.read(f"{name}/_history")["entry"]
    assert [one["request"]["method"] for one in entries] == ["DELETE", "POST"]
    assert "resource" not in entries[0]
    assert program.read(f"{name}/_history/{version(made['id'], 1)}")["status"] == "final"
    assert program.get(f"{name}/_history/{version(made['id'], 2)}").status_code == 410


def test_the_history_of_a_type_and_of_everything(own, ana):
    program = own(ana)
    program.make(result(ana.patient))
    program.make(sadness(ana.patient))
    assert program.read("Observation/_history")["total"] == 1
    assert {one["resource"]["resourceType"] for one in program.read("_history")["entry"]} == {
        "Observation",
        "Condition",
        "Patient",
    }


@pytest.fixture
def turned(own, ana):
    """Ana's record with a result of three days: made on the first, changed on the second, deleted on the third."""
    with time_machine.travel("2030-05-01T12:00:00Z", tick=False):
        program = own(ana)
        made = program.make(result(ana.patient))
    with time_machine.travel("2030-05-02T12:00:00Z", tick=False):
        assert own(ana).put({**made, "status": "amended"}).status_code == 200
    with time_machine.travel("2030-05-03T12:00:00Z", tick=False):
        assert own(ana).ask("DELETE", f"Observation/{made['id']}").status_code == 204
    return made["id"]


@pytest.mark.parametrize(
    ("at", "numbers"),
    [
        ("2030-04-30", []),
        ("2030-05-01", [1]),
        ("2030-05-02", [2, 1]),
        ("2030-05-02T13:00:00Z", [2]),
        ("2030-05-02T11:59:59Z", [1]),
        ("2030-05", [3, 2, 1]),
        ("2031-01-01", [3]),
        ("ge2030-05-02T13:00:00Z", [3, 2]),
        ("gt2030-05-02", [3, 2]),
        ("lt2030-05-02", [1]),
        ("le2030-05-02", [2, 1]),
        ("eq2030-05-01", [1]),
    ],
)
def test_a_history_at_a_time_has_what_was_current_then(own, ana, turned, at, numbers):
    with time_machine.travel("2030-06-01T12:00:00Z", tick=False):
        bundle = own(ana).read(f"Observation/{turned}/_history?_at={at}")
    tags = [one["response"]["etag"] for one in bundle.get("entry", ())]
    assert tags == [etag(turned, number) for number in numbers]


def test_what_is_no_time_is_none_with_a_prefix(own, ana):
    for at in ("ge", "ap2030", "geyesterday", "%0A2030"):
        assert own(ana).get(f"_history?_at={at}").status_code == 400


def test_a_page_of_nothing_is_the_last(own, ana):
    own(ana).make(result(ana.patient))
    history = own(ana).read("Observation/_history?_count=0")
    assert (history["total"], len(history["link"])) == (1, 1)
    assert "entry" not in history


def test_a_client_that_has_it_already_is_told_so(own, ana):
    program = own(ana)
    made = program.make(result(ana.patient))
    name = f"Observation/{made['id']}"
    same = program.get(name, If_None_Match=etag(made["id"], 1))
    assert (same.status_code, same.content) == (304, b"")
    assert program.get(name, If_None_Match='W/"7"').status_code == 200
    later = program.get(name)["Last-Modified"]
    assert program.get(name, If_Modified_Since=later).status_code == 304


def test_any_version_is_known_to_who_asks_for_none(own, ana):
    program = own(ana)
    made = program.make(result(ana.patient))
    assert program.get(f"Observation/{made['id']}", If_None_Match="*").status_code == 304


@pytest.mark.parametrize(
    "since", ["Sat, 21 Nov 99999 12:00:00 GMT", "Sat, 21 Nov 0000 12:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 -1200", "x"]
)
def test_a_time_that_cannot_be_read_is_passed_over(own, ana, since):
    program = own(ana)
    made = program.make(result(ana.patient))
    assert program.get(f"Observation/{made['id']}", If_Modified_Since=since).status_code in {200, 304}


def test_the_file_beside_a_document_is_a_binary(own, app, ana):
    picture = {
        "resourceType": "DocumentReference",
        "status": "current",
        "content": [{"attachment": {"contentType": "image/png", "size": 11, "title": "Knee"}}],
    }
    made = draft(ana.patient, picture, attachment=b"\x89PNG knee")
    add_own(ana.patient, [made], keyring=ana.keyring)
    found = own(ana).read(f"Binary/{made.logical_id}")
    assert validate.check(found) == []
    assert (found["contentType"], base64.b64decode(found["data"])) == ("image/png", b"\x89PNG knee")
    assert app(ana, Category.LABS).get(f"Binary/{made.logical_id}").status_code == 404
    assert own(ana, scope="patient/DocumentReference.rs").get(f"Binary/{made.logical_id}").status_code == 403


def test_who_shows_no_token_is_told_where_to_begin():
    answer = Program().get("Observation")
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert json(answer)["issue"][0]["code"] == "login"


def test_a_scope_that_leaves_a_type_out_is_said(own, ana):
    program = own(ana, scope="patient/Observation.rs")
    assert program.get("Observation").status_code == 200
    answer = program.get("Condition")
    assert answer.status_code == 403, said(answer)
    assert "insufficient_scope" in answer["WWW-Authenticate"]
