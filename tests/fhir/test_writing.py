"""Making, changing and deleting one resource; and what is refused before anything is sealed."""

import pytest

from ehr.words import Action, Category
from patients.models import Entry
from tests import people
from tests.fhir.program import asthma, etag, json, result, sadness, said, version

pytestmark = pytest.mark.django_db
PATCH = "application/json-patch+json"


def test_a_new_resource_is_told_where_it_is(own, ana):
    answer = own(ana).ask("POST", "Observation", result(ana.patient, id="mine"))
    made = json(answer)
    assert answer.status_code == 201
    assert made["id"] != "mine"
    assert answer["Location"].endswith(f"/fhir/Observation/{made['id']}/_history/{version(made['id'], 1)}")
    assert {"system": "https://chartseal.org/fhir/CodeSystem/category", "code": "labs"} in made["meta"]["security"]


@pytest.mark.parametrize(
    ("prefer", "status", "body"),
    [("minimal", 201, None), ("representation", 201, "Observation"), ("OperationOutcome", 201, "OperationOutcome")],
)
def test_what_a_client_prefers_to_get(own, ana, prefer, status, body):
    answer = own(ana).ask("POST", "Observation", result(ana.patient), Prefer=f"return={prefer}")
    assert answer.status_code == status
    assert (json(answer)["resourceType"] if answer.content else None) == body


def test_every_problem_has_its_place_and_a_sentence(own, ana):
    broken = result(ana.patient, status="finished", valueString="twice")
    answer = own(ana).ask("POST", "Observation", broken)
    assert answer.status_code == 422
    issues = json(answer)["issue"]
    assert "Observation.status" in {one["expression"][0] for one in issues}
    assert all(one["diagnostics"].endswith(".") for one in issues)
    assert Entry.objects.count() == 0


def test_nothing_is_put_into_anybody_elses_record(own, ana, ben):
    answer = own(ana).ask("POST", "Observation", result(ben.patient))
    assert answer.status_code == 422, said(answer)
    stranger = own(ana).ask("POST", "Observation", {**result(ben.patient), "subject": {"reference": "Patient/nobody"}})
    assert stranger.content == answer.content
    assert Entry.objects.count() == 0


def test_what_says_of_nobody_whose_it_is_needs_company(own, ana):
    answer = own(ana).ask("POST", "Organization", {"resourceType": "Organization", "name": "Harbour"})
    assert answer.status_code == 422
    assert "transaction" in json(answer)["issue"][0]["diagnostics"]


def test_a_reader_without_leave_to_write_is_told_so(own, app, ana):
    program = app(ana, Category.LABS, actions=(Action.READ,))
    assert program.ask("POST", "Observation", result(ana.patient)).status_code == 403
    assert program.ask("POST", "Condition", sadness(ana.patient)).status_code == 403


def test_a_scope_to_read_writes_nothing(own, ana):
    made = own(ana).make(result(ana.patient))
    program = own(ana, scope="patient/*.rs")
    assert program.ask("POST", "Observation", result(ana.patient)).status_code == 403
    assert program.put(made).status_code == 403
    assert program.ask("DELETE", f"Observation/{made['id']}").status_code == 403


def test_an_update_names_the_version_it_follows(own, ana):
    program = own(ana)
    made = program.make(result(ana.patient))
    blind = {**made, "meta": {}}
    assert program.put(blind).status_code == 428
    assert program.put(blind, If_Match='W/"7"').status_code == 412
    assert program.put(blind, If_Match=etag(made["id"], 1)).status_code == 200
    late = program.put({**made, "status": "amended"})
    assert (late.status_code, late["ETag"]) == (412, etag(made["id"], 2))
    assert program.put({**made, "id": "0b0e4a3c-9bd2-4b6d-8c0f-3a5f2a5d9f11"}).status_code == 404


def test_an_update_may_follow_whichever_version_is_there(own, ana):
    program = own(ana)
    made = program.make(result(ana.patient))
    assert program.put({**made, "meta": {}}, If_Match="*").status_code == 200
    assert program.ask("DELETE", f"Observation/{made['id']}", If_Match="*").status_code == 204
    assert program.put({**made, "meta": {}}, If_Match="*").status_code == 412


def test_who_somebody_is_is_changed_by_a_scope_to_change(own, ana):
    program = own(ana, scope="patient/Patient.ru")
    known = program.read(f"Patient/{ana.patient.pk}")
    assert program.put({**known, "gender": "other"}).status_code == 200


def test_what_metadata_changes_by_id_alone_is_not_changed_by_conditions(own, ana):
    program = own(ana, scope="patient/*.cruds patient/Consent.cruds patient/AuditEvent.cruds")
    told = program.read("metadata")["rest"][0]["resource"]
    by_id = {one["type"] for one in told if one.get("conditionalUpdate") is False}
    assert by_id == {"Patient", "Consent", "AuditEvent"}
    for kind in by_id:
        where = f"{kind}?_id={ana.patient.pk}"
        known = {**program.read(f"Patient/{ana.patient.pk}"), "resourceType": kind}
        change = [{"op": "replace", "path": "/gender", "value": "other"}]
        assert program.ask("PUT", where, known).status_code == 405
        assert program.ask("PATCH", where, change, kind=PATCH).status_code == 405
        assert program.ask("DELETE", where).status_code == 405
        answer = program.transact({"request": {"method": "PUT", "url": where}, "resource": known})
        assert answer.status_code == 405


def test_a_label_goes_with_what_it_was_about(own, ana):
    program = own(ana)
    made = program.make(asthma(ana.patient))
    changed = json(program.put({**made, **sadness(ana.patient)}))
    codes = [one["code"] for one in changed["meta"]["security"]]
    assert "mental-health" in codes
    assert "history" not in codes
    assert "N" not in codes


def test_a_part_of_a_resource_is_never_written_back(own, ana):
    program = own(ana)
    made = program.make(result(ana.patient))
    part = program.read(f"Observation/{made['id']}?_summary=true")
    answer = program.put(part)
    assert answer.status_code == 422
    assert "SUBSETTED" in json(answer)["issue"][0]["diagnostics"]


def test_conditional_creation_makes_one(own, ana):
    program, who = own(ana), {"system": "urn:lab", "value": "7"}
    one = result(ana.patient, identifier=[who])
    made = program.make(one, If_None_Exist="identifier=urn:lab|7")
    again = program.ask("POST", "Observation", one, If_None_Exist="identifier=urn:lab|7")
    assert (again.status_code, json(again)["id"]) == (200, made["id"])
    program.make(one)
    assert program.ask("POST", "Observation", one, If_None_Exist="identifier=urn:lab|7").status_code == 412
    assert program.ask("POST", "Observation", one, If_None_Exist="colour=red").status_code == 400


def test_what_was_made_conditionally_and_deleted_can_be_made_again(own, ana):
    program, one = own(ana), result(ana.patient, identifier=[{"system": "urn:lab", "value": "7"}])
    first = program.make(one, If_None_Exist="identifier=urn:lab|7")
    program.ask("DELETE", f"Observation/{first['id']}")
    assert program.make(one, If_None_Exist="identifier=urn:lab|7")["id"] != first["id"]


def test_conditional_update_patch_and_deletion(own, ana):
    program, where = own(ana), "Observation?identifier=urn:lab|7"
    one = result(ana.patient, identifier=[{"system": "urn:lab", "value": "7"}])
    assert program.ask("PUT", where, one).status_code == 201
    assert program.ask("PUT", where, {**one, "status": "amended"}).status_code == 200
    change = [{"op": "replace", "path": "/status", "value": "corrected"}]
    assert json(program.ask("PATCH", where, change, kind=PATCH))["status"] == "corrected"
    assert program.ask("DELETE", where).status_code == 204
    assert program.find("Observation") == []
    assert program.ask("DELETE", where).status_code == 204
    assert program.ask("PATCH", where, change, kind=PATCH).status_code == 404
    assert program.ask("DELETE", "Observation").status_code == 400


def test_a_patch_changes_what_it_names_and_no_digit_else(own, ana):
    program = own(ana)
    made = program.make(result(ana.patient, value="5.40"))
    name = f"Observation/{made['id']}"
    change = [
        {"op": "test", "path": "/status", "value": "final"},
        {"op": "add", "path": "/note", "value": [{"text": "seen"}]},
    ]
    changed = json(program.ask("PATCH", name, change, kind=PATCH, If_Match=etag(made["id"], 1)))
    assert changed["note"] == [{"text": "seen"}]
    assert str(changed["valueQuantity"]["value"]) == "5.40"
    assert program.ask("PATCH", name, change, kind=PATCH, If_Match=etag(made["id"], 1)).status_code == 412
    for wrong, status in [
        ([{"op": "test", "path": "/status", "value": "x"}], 422),
        ([{"op": "remove", "path": "/nothing"}], 422),
        ([{"op": "remove", "path": "/status"}], 422),
        ([{"op": "swap", "path": "/status"}], 400),
        ({}, 400),
        ([{"op": "copy", "from": "", "path": "/x"}] * 60, 400),
    ]:
        answer = program.ask("PATCH", name, wrong, kind=PATCH)
        assert answer.status_code == status, (wrong, said(answer))
    assert program.read(name)["meta"]["versionId"] == version(made["id"], 2)


def test_who_somebody_is_can_be_said_better_and_not_taken_away(own, ana):
    program = own(ana)
    known = program.read(f"Patient/{ana.patient.pk}")
    assert program.ask("POST", "Patient", {"resourceType": "Patient"}).status_code == 405
    better = {**known, "name": [{"family": "Costa", "given": ["Ana", "Maria"]}]}
    answer = program.put(better)
    assert answer.status_code == 200, said(answer)
    again = program.read(f"Patient/{ana.patient.pk}")
    assert again["name"][0]["given"] == ["Ana", "Maria"]
    assert again["meta"]["versionId"] == version(str(ana.patient.pk), 1)
    assert program.find("Patient?given=maria")[0]["id"] == str(ana.patient.pk)
    assert program.put({**again, "gender": "other"}).status_code == 200
    assert len(program.find("Patient")) == 1
    assert program.ask("DELETE", f"Patient/{ana.patient.pk}").status_code == 405


def test_a_deleted_resource_can_be_written_again(own, ana):
    program = own(ana)
    made = program.make(result(ana.patient))
    name = f"Observation/{made['id']}"
    assert program.ask("DELETE", name).status_code == 204
    assert program.ask("DELETE", name).status_code == 204
    assert program.put(made, If_Match=etag(made["id"], 2)).status_code == 200
    assert program.read(name)["meta"]["versionId"] == version(made["id"], 3)


def test_checking_writes_nothing(own, ana):
    program = own(ana)
    good = program.ask("POST", "Observation/$validate", result(ana.patient))
    assert json(good)["issue"][0]["severity"] == "information"
    bad = {
        "resourceType": "Parameters",
        "parameter": [{"name": "resource", "resource": {"resourceType": "Observation"}}],
    }
    found = json(program.ask("POST", "Observation/$validate", bad))["issue"]
    assert {"error"} == {one["severity"] for one in found}
    assert Entry.objects.count() == 0
    made = program.make(result(ana.patient))
    assert program.get(f"Observation/{made['id']}/$validate").status_code == 200
    assert program.ask("POST", "Observation/$validate").status_code == 400


def test_a_clinician_writes_where_they_were_let_in_to_write(ward, ana, lee):
    people.give(ana, lee, Category.LABS, actions=(Action.READ, Action.WRITE))
    program = ward(lee)
    made = program.make(result(ana.patient))
    assert program.read(f"Observation/{made['id']}")["id"] == made["id"]
    assert program.ask("POST", "Condition", asthma(ana.patient)).status_code == 403


def test_what_is_here_is_named_the_short_way(own, ana, settings):
    base = f"{settings.SITE_URL.rstrip('/')}/fhir"
    made = own(ana).make({**result(ana.patient), "subject": {"reference": f"{base}/Patient/{ana.patient.pk}"}})
    assert made["subject"]["reference"] == f"Patient/{ana.patient.pk}"
