"""Visits that were booked here, as Appointments beside those that other systems sent."""

import uuid

import pytest
import time_machine

from appointments import booking
from audit import queries as log
from ehr.r4 import validate
from ehr.words import Category
from tests import people
from tests.appointments.visiting_hours import BEGUN, clinic, on
from tests.fhir.program import json, said
from tests.fhir.twins import plain
from tests.fhir.twins import visit as seen

pytestmark = pytest.mark.django_db
NAMED = "patient/Appointment.rs patient/ServiceRequest.rs"
WORDS = "A cough that does not go away"


@pytest.fixture(autouse=True)
def monday():
    # Before anybody is there, so that it may be later in truth.
    with time_machine.travel(BEGUN, tick=False) as traveller:
        yield traveller


@pytest.fixture
def harbour(monday, ground):
    return clinic()


@pytest.fixture
def visit(harbour, ana):
    return harbour.book(on(1, "10:00"), ana)


def sent(patient) -> dict:
    """Return an Appointment that another system keeps."""
    whose = {"actor": {"reference": f"Patient/{patient.pk}"}, "status": "accepted"}
    return {
        "resourceType": "Appointment",
        "status": "booked",
        "start": "2026-12-01T09:00:00Z",
        "end": "2026-12-01T09:30:00Z",
        "participant": [whose],
    }


def keep(program, patient) -> None:
    """Keep such an Appointment with an Encounter, which says whose it is."""
    both = [sent(patient), seen(patient)]
    answer = program.transact(
        *[{"resource": one, "request": {"method": "POST", "url": one["resourceType"]}} for one in both]
    )
    assert answer.status_code == 200, said(answer)


def lines(action: str, person) -> list:
    return [one for one in log.story(person.patient.pk) if one.action == action]


def test_a_patients_app_reads_a_visit_and_the_look_is_on_the_list(app, ana, harbour, visit):
    program = app(ana, Category.BASIC, scope=NAMED)
    told = program.read(f"Appointment/{visit.pk}")
    assert validate.check(told) == []
    assert (told["status"], told["start"], told["end"]) == (
        "booked",
        "2026-11-24T10:00:00-05:00",
        "2026-11-24T10:30:00-05:00",
    )
    assert [one["actor"]["reference"] for one in told["participant"]] == [
        f"Patient/{ana.patient.pk}",
        f"Practitioner/{harbour.lee.user.pk}",
        f"Location/{visit.place_id}",
    ]
    assert len(lines("appointment.read", ana)) == 1
    assert not lines("chart.refused", ana)


def test_without_a_scope_of_its_own_there_is_no_visit(app, own, ana, visit):
    for program in (app(ana), own(ana)):
        assert program.get(f"Appointment/{visit.pk}").status_code == 404
        assert program.find("Appointment") == []
        assert "Appointment" not in str(program.read(f"Patient/{ana.patient.pk}/$everything"))
    assert not lines("appointment.read", ana)


def test_one_search_finds_what_was_booked_here_and_what_was_sent(own, app, ana, harbour, visit):
    keep(own(ana), ana.patient)
    harbour.book(on(2, "11:00"), ana)
    program = app(ana, scope=NAMED)
    everything = program.read("Appointment?_sort=date")
    assert everything["total"] == 3
    assert [one["resource"]["start"][:10] for one in everything["entry"]] == ["2026-11-24", "2026-11-25", "2026-12-01"]
    assert len(program.find("Appointment?date=ge2026-11-25")) == 2
    assert len(program.find(f"Appointment?patient=Patient/{ana.patient.pk}")) == 3
    assert len(program.find(f"Appointment?practitioner=Practitioner/{harbour.lee.user.pk}")) == 2
    assert len(program.find(f"Patient/{ana.patient.pk}/Appointment?status=booked")) == 3


def test_pages_hold_each_once(own, app, ana, harbour, visit):
    keep(own(ana), ana.patient)
    harbour.book(on(2, "11:00"), ana)
    program, path, found = app(ana, scope=NAMED), "Appointment?_count=1", []
    while path:
        page = program.read(path)
        assert page["total"] == 3
        found += [one["resource"]["id"] for one in page["entry"]]
        path = next((one["url"].partition("/fhir/")[2] for one in page["link"] if one["relation"] == "next"), "")
    assert len(found) == len(set(found)) == 3


def test_each_change_is_a_version(app, ana, harbour, visit, monday):
    program = app(ana, scope=NAMED)
    first = program.get(f"Appointment/{visit.pk}")["ETag"]
    monday.shift(60)
    booking.cancel(visit, by=ana.user, because="cannot-come")
    now = program.read(f"Appointment/{visit.pk}")
    assert (now["status"], now["cancelationReason"]["coding"][0]["code"]) == ("cancelled", "pat")
    history = program.read(f"Appointment/{visit.pk}/_history")
    assert [one["resource"]["status"] for one in history["entry"]] == ["cancelled", "booked"]
    assert [one["request"]["method"] for one in history["entry"]] == ["PUT", "POST"]
    before = program.read(f"Appointment/{visit.pk}/_history/{first[3:-1]}")
    assert before["status"] == "booked"
    assert all(validate.check(one["resource"]) == [] for one in history["entry"])
    assert program.get(f"Appointment/{visit.pk}", If_None_Match=first).status_code == 200
    assert program.get(f"Appointment/{visit.pk}", If_None_Match=f'W/"{now["meta"]["versionId"]}"').status_code == 304


@pytest.mark.parametrize(
    ("act", "status"),
    [("arrive", "arrived"), ("begin", "checked-in"), ("mistake", "entered-in-error")],
)
def test_what_staff_note_is_right_fhir(app, ana, harbour, visit, monday, act, status):
    monday.move_to(on(1, "10:00"))
    getattr(booking, act)(visit, by=harbour.lee.user)
    told = app(ana, scope=NAMED).read(f"Appointment/{visit.pk}")
    assert told["status"] == status
    assert validate.check(told) == []


def test_a_proposal_waits_for_its_patient(app, ana, harbour):
    visit = harbour.propose(on(1, "10:00"), ana)
    told = app(ana, scope=NAMED).read(f"Appointment/{visit.pk}")
    assert (told["status"], told["participant"][0]["status"]) == ("proposed", "needs-action")
    assert validate.check(told) == []


def test_who_may_read_why_somebody_comes_is_led_there(app, ana, harbour, visit, monday):
    monday.shift(60)
    why = booking.add_reason(visit, WORDS, keyring=ana.keyring).reason
    program = app(ana, Category.TREATMENT, scope=NAMED)
    assert program.read(f"Appointment/{visit.pk}")["basedOn"] == [{"reference": f"ServiceRequest/{why}"}]
    assert len(program.read(f"Appointment/{visit.pk}/_history")["entry"]) == 2
    whole = program.read("Appointment?_include=Appointment:based-on")
    assert [one["resource"]["resourceType"] for one in whole["entry"]] == ["Appointment", "ServiceRequest"]


@pytest.mark.parametrize(("parts", "scope"), [((Category.LABS,), NAMED), (tuple(Category), "patient/Appointment.rs")])
def test_who_may_not_is_told_of_no_reason(app, ana, harbour, visit, monday, parts, scope):
    program = app(ana, *parts, scope=scope)
    before = program.get(f"Appointment/{visit.pk}")
    monday.shift(60)
    booking.add_reason(visit, WORDS, keyring=ana.keyring)
    after = program.get(f"Appointment/{visit.pk}")
    assert (before.content, before["ETag"]) == (after.content, after["ETag"])
    assert len(program.read(f"Appointment/{visit.pk}/_history")["entry"]) == 1
    assert "basedOn" not in str(program.find("Appointment"))


def test_a_clinician_reads_their_own_visits_without_a_permission(ward, ana, harbour, visit):
    program = ward(harbour.lee, scope="user/Appointment.rs user/Patient.rs")
    assert program.read(f"Appointment/{visit.pk}")["id"] == str(visit.pk)
    found = program.read("Appointment?date=2026-11-24&_include=Appointment:patient")
    assert [one["resource"]["resourceType"] for one in found["entry"]] == ["Appointment"]
    assert program.find("Appointment?date=2026-11-25") == []
    assert program.read("Appointment/_history?_count=0")["total"] == 1
    assert [one.actor.id for one in lines("appointment.read", ana)] == [harbour.lee.user.pk] * 3
    assert not lines("chart.refused", ana)
    assert program.get(f"Patient/{ana.patient.pk}").status_code == 404


def test_another_clinician_is_told_of_none(ward, ana, ben, harbour, visit):
    other = people.clinician("Ola Nord")
    people.give(ana, other, *Category)
    program = ward(other, scope="user/*.cruds user/Appointment.rs")
    assert program.find("Appointment") == []
    assert program.get(f"Appointment/{visit.pk}").status_code == 404
    assert not lines("appointment.read", ana)


def test_another_patients_app_is_told_of_none(app, ana, ben, harbour, visit):
    program = app(ben, scope=NAMED)
    assert program.get(f"Appointment/{visit.pk}").status_code == 404
    assert program.find("Appointment") == []


def test_the_front_desk_reads_nothing_here(ward, harbour, visit):
    program = ward(harbour.desk, scope="user/Appointment.rs")
    assert program.get(f"Appointment/{visit.pk}").status_code == 404
    assert program.find("Appointment") == []


def test_a_visit_is_part_of_everything_and_of_an_export(app, ana, visit):
    program = app(ana, scope=f"patient/*.rs {NAMED}")
    whole = program.read(f"Patient/{ana.patient.pk}/$everything")
    assert str(visit.pk) in {one["resource"]["id"] for one in whole["entry"]}
    job = program.get("Patient/$export", Prefer="respond-async")["Content-Location"].partition("/fhir/")[2]
    manifest = program.read(job)
    [file] = [one for one in manifest["output"] if one["type"] == "Appointment"]
    assert file["count"] == 1


def test_a_visit_is_not_changed_here(own, ana, visit):
    program = own(ana, scope="patient/*.cruds patient/Appointment.cruds")
    told = program.read(f"Appointment/{visit.pk}")
    same = {"If_Match": f'W/"{told["meta"]["versionId"]}"'}
    for answer in (
        program.put({**told, "status": "cancelled"}, **same),
        program.ask("DELETE", f"Appointment/{visit.pk}"),
        program.ask("PATCH", f"Appointment/{visit.pk}", [{"op": "replace", "path": "/status", "value": "cancelled"}],
                    kind="application/json-patch+json"),
    ):  # fmt: skip
        assert answer.status_code == 405, said(answer)
        assert json(answer)["issue"][0]["diagnostics"]
    visit.refresh_from_db()
    assert visit.status == "booked"


def test_a_time_of_ours_is_not_booked_by_sending_it(own, ana, harbour):
    program = own(ana, scope="patient/*.cruds patient/Appointment.cruds patient/Slot.rs")
    [time, *_] = program.find("Slot?_count=1")
    wish = {**sent(ana.patient), "slot": [{"reference": f"Slot/{time['id']}"}]}
    answer = program.ask("POST", "Appointment", wish)
    assert answer.status_code == 422
    [issue] = json(answer)["issue"]
    assert (issue["expression"], issue["code"]) == (["Appointment.slot"], "business-rule")
    assert "/api/v1" in issue["diagnostics"]


HIDES = (
    "Appointment",
    "Appointment?_count=1",
    "Appointment?_include=*&_revinclude=*",
    "Appointment?based-on:missing=false",
    "Appointment?based-on=ServiceRequest/{why}",
    "Appointment?based-on:ServiceRequest.intent=proposal",
    "Appointment?_lastUpdated=gt2026-11-23T12:00:30Z",
    "Appointment?_sort=-_lastUpdated&_elements=basedOn",
    "Appointment/_history",
    "Appointment/{visit}",
    "Appointment/{visit}/_history",
    "Appointment/{visit}/_history?_since=2026-11-23T12:00:30Z",
    "Appointment/{visit}/$validate",
    "ServiceRequest",
    "ServiceRequest?_revinclude=Appointment:based-on",
    "ServiceRequest?_has:Appointment:based-on:status=booked",
    "ServiceRequest/{why}",
    "Patient/{patient}/$everything",
    "Patient/{patient}/Appointment",
    "_history",
)


@pytest.mark.security
@pytest.mark.privacy
@pytest.mark.parametrize("who", ["app", "clinician"])
def test_a_reason_that_is_hidden_changes_no_answer(app, ward, ana, harbour, visit, monday, who):
    scope = "patient/*.rs patient/Appointment.rs"
    if who == "app":
        program = app(ana, Category.BASIC, Category.LABS, scope=scope)
    else:
        people.give(ana, harbour.lee, Category.BASIC, Category.LABS)
        program = ward(harbour.lee, scope=scope, patient=ana.patient)
    why = uuid.uuid4()
    before = {one: _answer(program, one, visit, why) for one in HIDES}
    monday.shift(60)
    why = booking.add_reason(visit, WORDS, keyring=ana.keyring).reason
    assert {one: _answer(program, one, visit, why) for one in HIDES} == before


def _answer(program, address: str, visit, why) -> tuple:
    return plain(program.get(address.format(visit=visit.pk, why=why, patient=visit.patient_id)))


def test_a_batch_reads_visits_too(app, ana, visit):
    answer = app(ana, scope=NAMED).transact(
        {"request": {"method": "GET", "url": f"Appointment/{visit.pk}"}},
        {"request": {"method": "GET", "url": "Appointment?status=booked"}},
        kind="batch",
    )
    one, found = json(answer)["entry"]
    assert one["resource"]["id"] == str(visit.pk)
    assert found["resource"]["total"] == 1
