"""Records by /api/v1: through the same door as the pages."""

import uuid

from audit import queries as audit
from ehr.words import Action, Category
from tests import people

PULSE = {
    "resourceType": "Observation",
    "status": "final",
    "category": [
        {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}]}
    ],
    "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4", "display": "Heart rate"}]},
    "valueQuantity": {"value": 72, "unit": "/min", "system": "http://unitsofmeasure.org", "code": "/min"},
}


def add(program, person, resource=PULSE):
    answer = program.post(f"patients/{person.patient.pk}/entries", {"resource": resource})
    assert answer.status_code == 201, answer.told
    return answer.told["id"]


def test_a_patient_adds_to_their_record_and_reads_it_again(as_ana, ana):
    made = add(as_ana, ana)
    told = as_ana.get(f"patients/{ana.patient.pk}/record?part=labs").told
    assert [one["id"] for one in told["entries"]] == [made]
    assert told["entries"][0]["line"].startswith("Heart rate")
    assert told["entries"][0]["signature_holds"] is True


def test_a_number_comes_back_as_it_was_written(as_ana, ana):
    body = '{"resource": {"resourceType": "Observation", "status": "final", "code": {"text": "Pulse"}, '
    body += '"valueQuantity": {"value": 1.50, "unit": "x"}}}'
    made = as_ana.call("POST", f"patients/{ana.patient.pk}/entries", body).told["id"]
    answer = as_ana.get(f"patients/{ana.patient.pk}/entries/{made}")
    assert b'"value":1.50' in answer.content


def test_what_is_not_fhir_is_refused_and_its_place_named(as_ana, ana):
    answer = as_ana.post(f"patients/{ana.patient.pk}/entries", {"resource": {"resourceType": "Observation"}})
    assert answer.status_code == 422
    assert "Observation.code" in answer.told["detail"]


def test_the_next_version_names_the_one_that_was_read(as_ana, ana):
    made = add(as_ana, ana)
    address = f"patients/{ana.patient.pk}/entries/{made}"
    assert as_ana.call("PUT", address, {"resource": PULSE}).status_code == 400
    changed = as_ana.call("PUT", address, {"resource": PULSE | {"status": "amended"}, "version": 1})
    assert changed.told == {"id": made, "version": 2}
    again = as_ana.call("PUT", address, {"resource": PULSE, "version": 1})
    assert (again.status_code, again.told["type"]) == (409, "urn:chartseal:problem:changed-meanwhile")


def test_a_clinician_reads_the_parts_that_were_shared_and_no_trace_of_the_rest(as_ana, ana, as_lee, lee):
    people.give(ana, lee, Category.LABS)
    add(as_ana, ana)
    add(as_ana, ana, {"resourceType": "Condition", "code": {"text": "Asthma"}})
    told = as_lee.get(f"patients/{ana.patient.pk}/record").told
    assert told["total"] == 1
    assert told["parts"] == {str(part): "open" if part == Category.LABS else "not-open" for part in Category}


def test_the_look_is_on_the_patient_s_list(as_ana, ana, as_lee, lee):
    people.give(ana, lee, Category.LABS)
    as_lee.get(f"patients/{ana.patient.pk}/record?part=labs")
    line = audit.story(ana.patient.pk)[0]
    assert (line.action, line.actor.id, line.categories) == ("chart.opened", lee.user.pk, ("labs",))


def test_a_stop_refuses_the_very_next_request(as_ana, ana, as_lee, lee):
    grant = people.give(ana, lee, Category.LABS)
    assert as_lee.get(f"patients/{ana.patient.pk}/record").status_code == 200
    as_ana.call("DELETE", f"consents/{grant.pk}")
    answer = as_lee.get(f"patients/{ana.patient.pk}/record")
    assert (answer.status_code, answer.told["type"]) == (403, "urn:chartseal:problem:stopped")


def test_a_patient_who_shared_nothing_and_nobody_at_all_answer_alike(ana, as_lee):
    answers = [as_lee.get(f"patients/{one}/record") for one in (ana.patient.pk, uuid.uuid4())]
    assert [one.status_code for one in answers] == [404, 404]
    assert answers[0].content == answers[1].content


def test_another_patient_s_record_is_not_there(as_ana, ben):
    assert as_ana.get(f"patients/{ben.patient.pk}/record").status_code == 404


def test_a_hidden_entry_and_one_that_is_not_there_answer_alike(as_ana, ana, as_lee, lee):
    people.give(ana, lee, Category.HISTORY)
    hidden = add(as_ana, ana)
    answers = [as_lee.get(f"patients/{ana.patient.pk}/entries/{one}") for one in (hidden, uuid.uuid4())]
    assert [one.status_code for one in answers] == [404, 404]
    assert answers[0].content == answers[1].content


def test_a_clinician_writes_where_they_may(ana, as_lee, lee):
    people.give(ana, lee, Category.LABS, actions=(Action.READ, Action.WRITE))
    made = add(as_lee, ana)
    assert as_lee.get(f"patients/{ana.patient.pk}/entries/{made}").told["author"] == "Dr Mei Lee"


def test_a_clinician_who_may_only_read_writes_nothing(ana, as_lee, lee):
    people.give(ana, lee, Category.LABS)
    assert as_lee.post(f"patients/{ana.patient.pk}/entries", {"resource": PULSE}).status_code == 403


def test_pages_of_a_record_follow_one_another(as_ana, ana):
    made = {add(as_ana, ana) for _ in range(3)}
    pages = [as_ana.get(f"patients/{ana.patient.pk}/record?count=2&start={start}").told for start in (0, 2)]
    assert [len(one["entries"]) for one in pages] == [2, 1]
    assert {entry["id"] for page in pages for entry in page["entries"]} == made


def test_a_look_in_another_system_is_told_to_the_patient_s_list(ana, as_lee, lee):
    people.give(ana, lee, Category.LABS)
    told = {"categories": ["labs"], "system": "Ward system 2"}
    assert as_lee.post(f"patients/{ana.patient.pk}/log-events", told).status_code == 201
    line = audit.story(ana.patient.pk)[0]
    assert (line.action, line.details["system"]) == ("chart.opened-elsewhere", "Ward system 2")


def test_nobody_tells_of_looks_at_what_they_may_not_see(ana, as_lee, lee):
    people.give(ana, lee, Category.LABS)
    told = {"categories": ["labs", "history"], "system": "Ward"}
    assert as_lee.post(f"patients/{ana.patient.pk}/log-events", told).status_code == 403
    line = audit.story(ana.patient.pk)[0]
    assert (line.action, line.outcome) == ("chart.refused", "refused")
