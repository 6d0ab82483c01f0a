"""Whom can be booked and when: Schedule and Slot, in nobody's record."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from appointments import booking
from appointments.fhir import hours, slots
from audit.models import Event
from ehr import clock
from ehr.fhir import times
from ehr.r4 import search as r4
from ehr.r4 import validate
from tests.appointments import clinics
from tests.appointments.visiting_hours import BEGUN, clinic, on
from tests.fhir.program import Program, json, said

pytestmark = pytest.mark.django_db
SCOPE = "patient/Schedule.rs patient/Slot.rs patient/Practitioner.rs patient/Location.rs patient/Appointment.rs"


@pytest.fixture(autouse=True)
def monday():
    # Before anybody is there, so that it may be later in truth.
    with time_machine.travel(BEGUN, tick=False) as traveller:
        yield traveller


@pytest.fixture
def harbour(monday, ground):
    return clinic()


@pytest.fixture
def program(app, ana, harbour) -> Program:
    return app(ana, scope=SCOPE)


def tuesday(program, more: str = "", day: str = "2026-11-24") -> list[dict]:
    following = (datetime.fromisoformat(day) + timedelta(days=1)).date().isoformat()
    return program.find(f"Slot?start=ge{day}T05:00:00Z&start=lt{following}T05:00:00Z&_count=200{more}")


def test_a_schedule_says_whose_it_is_where_and_for_what(program, harbour):
    [told] = program.find("Schedule")
    assert validate.check(told) == []
    assert told["id"] == str(harbour.schedule.pk)
    assert told["serviceType"][0]["coding"][0]["code"] == str(harbour.kind.pk)
    assert program.read(f"Schedule/{told['id']}") == told
    for one in told["actor"]:
        resource = program.read(one["reference"])
        assert validate.check(resource) == []


def test_free_times_are_found_by_schedule_kind_and_day(program, harbour):
    found = tuesday(program)
    assert [one["start"][11:16] for one in found[:3]] == ["09:00", "09:30", "10:00"]
    assert len(found) == 16
    assert all(validate.check(one) == [] for one in found)
    assert tuesday(program, f"&schedule=Schedule/{harbour.schedule.pk}&status=free") == found
    assert tuesday(program, f"&service-type={hours.KIND}|{harbour.kind.pk}") == found
    assert tuesday(program, f"&service-type={harbour.schedule.pk}") == []
    assert tuesday(program, "&status=busy") == []
    assert tuesday(program, f"&_id={found[4]['id']}") == [found[4]]
    assert tuesday(program, "&_sort=-start")[0] == found[-1]


def test_times_are_found_through_whose_they_are(program, harbour):
    clinic("Ola Nord")
    assert len(tuesday(program)) == 32
    assert len(tuesday(program, f"&schedule.actor=Practitioner/{harbour.lee.user.pk}")) == 16
    assert len(tuesday(program, "&schedule.actor:Practitioner.name=nord")) == 16
    with_schedules = program.read(
        "Slot?start=2026-11-24T09:00:00-05:00&_include=Slot:schedule&_include:iterate=Schedule:actor"
    )
    kinds = [one["resource"]["resourceType"] for one in with_schedules["entry"] if "fullUrl" in one]
    assert kinds == ["Slot"] * 2 + ["Location"] * 2 + ["Practitioner"] * 2 + ["Schedule"] * 2


def test_an_index_made_from_a_like_one_is_that_of_the_resource(harbour, program):
    there, at = times.Directory(), clock.now()
    since = on(1, "09:00")
    found = times._free([harbour.schedule], harbour.kind, since, since + timedelta(days=1), at)
    times._add(there, found, harbour.kind, {harbour.schedule.pk: harbour.schedule})
    for one in there.current.values():
        whole = r4.values(one.resource)
        assert one.index["p"] == {
            **whole["p"],
            "_id": one.index["p"]["_id"],
            "_lastUpdated": one.index["p"]["_lastUpdated"],
        }


def test_pages_of_times_hold_each_once(program):
    path, found = "Slot?start=ge2026-11-24T05:00:00Z&start=lt2026-11-25T05:00:00Z&_count=5&_sort=start", []
    while path:
        page = program.read(path)
        assert page["total"] == 16
        found += [one["resource"]["start"] for one in page["entry"]]
        path = next((one["url"].partition("/fhir/")[2] for one in page["link"] if one["relation"] == "next"), "")
    assert found == sorted(found)
    assert len(found) == len(set(found)) == 16


def test_without_an_end_it_is_said_how_far_was_looked(program):
    page = program.read("Slot?_count=1")
    [issue] = page["entry"][-1]["resource"]["issue"]
    assert issue["code"] == "incomplete"
    assert "start=ge2026-12-07" in issue["diagnostics"]


def test_a_time_that_is_taken_is_in_no_list_and_busy_by_its_name(program, harbour, ana, ben):
    name = tuesday(program)[0]["id"]
    assert program.read(f"Slot/{name}")["status"] == "free"
    harbour.book(on(1, "09:00"), ben)
    taken = program.get(f"Slot/{name}")
    assert json(taken)["status"] == "busy"
    assert "Ben" not in taken.content.decode()
    assert str(ben.patient.pk) not in taken.content.decode()
    assert len(tuesday(program)) == 15


def test_busy_is_said_alike_of_a_visit_a_hold_and_a_closure(program, harbour, ben):
    names = [one["id"] for one in tuesday(program)[:3]]
    harbour.book(on(1, "09:00"), ben)
    harbour.hold(on(1, "09:30"), ben)
    harbour.schedule.timetable.absences.create(starts=on(1, "10:00"), ends=on(1, "10:30"))
    told = [program.read(f"Slot/{name}") for name in names]
    same = [{key: value for key, value in one.items() if key not in {"id", "start", "end"}} for one in told]
    assert same[0] == same[1] == same[2]
    assert same[0]["status"] == "busy"


def test_a_visit_leads_to_its_time_its_place_and_its_clinician(program, harbour, ana):
    visit = harbour.book(on(1, "09:00"), ana)
    page = program.read(
        "Appointment?_include=Appointment:slot&_include=Appointment:location&_include=Appointment:practitioner"
    )
    assert [one["resource"]["resourceType"] for one in page["entry"]] == [
        "Appointment",
        "Location",
        "Practitioner",
        "Slot",
    ]
    assert page["entry"][-1]["resource"]["status"] == "busy"
    assert len(program.find(f"Appointment?slot={page['entry'][-1]['resource']['id']}")) == 1
    assert len(program.find("Appointment?slot.status=busy")) == 1
    booking.cancel(visit, by=ana.user)
    assert program.find("Appointment?slot.status=busy") == []


def test_a_name_that_was_never_given_is_not_there(program, harbour):
    name = tuesday(program)[0]["id"]
    for other in (name[:-1] + ("0" if name[-1] != "0" else "1"), name.upper(), name[:40], "1", "x" * 64):
        assert program.get(f"Slot/{other}").status_code == 404, other
    # The tag of one time fits no other.
    own, beside = (base64.b32hexdecode(one.upper()) for one in (name, _beside(harbour)))
    forged = base64.b32hexencode(beside[:-4] + own[-4:]).decode().lower()
    assert program.get(f"Slot/{forged}").status_code == 404


def _beside(harbour) -> str:
    return slots.name(harbour.schedule.pk, harbour.kind.pk, on(1, "09:05"))


def test_a_name_says_again_what_it_was_made_of(harbour):
    at = datetime(2031, 2, 3, 4, 5, tzinfo=UTC)
    name = slots.name(harbour.schedule.pk, harbour.kind.pk, at)
    assert slots.read(name) == (harbour.schedule.pk, harbour.kind.pk, at)
    assert slots.name(harbour.schedule.pk, harbour.kind.pk, at + timedelta(minutes=5)) > name


def test_who_is_not_bookable_is_in_no_list(program, harbour, monday):
    harbour.kind.retired_at = clock.now()
    harbour.kind.save()
    assert program.find("Schedule") == []
    assert tuesday(program) == []
    assert program.read(f"Schedule/{harbour.schedule.pk}")["active"] is False


def test_no_record_is_looked_at_for_it(program, harbour):
    before = Event.objects.count()
    program.find("Schedule")
    tuesday(program)
    program.read(f"Schedule/{harbour.schedule.pk}")
    assert Event.objects.count() == before


def test_what_the_scopes_leave_out_is_not_told(app, ana, harbour):
    program = app(ana, scope="patient/Slot.rs")
    assert program.get("Schedule").status_code == 403
    assert program.get(f"Schedule/{harbour.schedule.pk}").status_code == 403
    page = program.read("Slot?start=2026-11-24T09:00:00-05:00&_include=Slot:schedule")
    assert [one["resource"]["resourceType"] for one in page["entry"] if "fullUrl" in one] == ["Slot"]


def test_too_much_at_once_is_said(program, harbour, monkeypatch):
    monkeypatch.setattr(times, "MOST_SLOTS", 10)
    answer = program.get("Slot?start=ge2026-11-24")
    assert answer.status_code == 422
    assert "fewer days" in said(answer)
    clinics.schedule(harbour.lee.user.clinician, harbour.kind)
    monkeypatch.setattr(times, "MOST_SCHEDULES", 1)
    assert program.get("Schedule").status_code == 422


def test_hours_are_not_changed_here(own, ana, harbour):
    program = own(ana, scope="patient/*.cruds")
    [told] = program.find("Schedule")
    assert program.put({**told, "active": False}, If_Match='W/"1"').status_code == 405
    assert program.ask("DELETE", f"Schedule/{told['id']}").status_code == 405
