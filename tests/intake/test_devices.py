"""A patient's device writes readings of a few kinds, until a day, as often as it may, and reads nothing."""

import json
from datetime import timedelta

import pytest
from django.test import Client

from audit import queries as audit
from consent.access import open_own
from ehr import clock
from ehr.accounts.operations import Refused
from ehr.intake import devices
from ehr.intake.models import Device
from ehr.words import Category
from patients.models import Entry
from patients.queries import awaiting_identity_check, is_verified
from tests import people

pytestmark = pytest.mark.django_db
AT = "2026-11-20T07:00:00Z"


def reading(code: str = "29463-7", value: float = 71.5, **more) -> dict:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "effectiveDateTime": AT,
        "valueQuantity": {"value": value, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"},
    } | more


@pytest.fixture
def ana(db) -> people.Person:
    people.prepare_ground()
    return people.patient("Ana Costa")


@pytest.fixture
def watch(ana) -> tuple[Device, str]:
    return devices.add(ana.patient, name="My watch", days=30)


def send(content: object, token: str):
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Client(headers={"Authorization": f"Bearer {token}"}).post("/in/device", body, "application/fhir+json")


def told(response) -> list[str]:
    return [issue["diagnostics"] for issue in json.loads(response.content)["issue"]]


def test_a_reading_is_its_patient_s_and_says_which_device_it_is_from(ana, watch):
    response = send(reading(), watch[1])
    assert (response.status_code, told(response)) == (200, ["1 readings were stored, 0 were known already."])
    found = {one.resource["resourceType"]: one for one in open_own(ana.patient, keyring=ana.keyring).entries}
    assert found["Observation"].category == Category.LABS
    assert found["Observation"].author_valid
    assert found["Observation"].author_name.startswith("My watch (")
    assert str(found["Observation"].resource["valueQuantity"]["value"]) == "71.5"
    assert found["Observation"].resource["device"] == {"reference": f"Device/{watch[0].pk}"}
    assert found["Provenance"].resource["agent"][0]["who"]["display"] == "My watch"
    assert found["Device"].resource["deviceName"][0]["name"] == "My watch"


def test_the_same_reading_again_adds_nothing(watch):
    send([reading(), reading("8867-4", 62)], watch[1])
    before = Entry.objects.count()
    assert told(send([reading(), reading("8867-4", 62)], watch[1])) == ["0 readings were stored, 2 were known already."]
    assert Entry.objects.count() == before


def test_a_bundle_of_readings(watch):
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": reading("55423-8", 8000)}]}
    assert send(bundle, watch[1]).status_code == 200


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (reading("4548-4"), "must be one of the kinds"),
        (reading(note=[{"text": "I feel low"}]), "Observation.note is not for a device"),
        (reading(subject={"reference": "Patient/1"}), "Observation.subject is not for a device"),
        (reading(contained=[]), "Observation.contained is not for a device"),
        (reading(status="registered"), "Observation.status must be"),
        (reading(effectiveDateTime="2999-01-01T00:00:00Z"), "in the future"),
        ({key: value for key, value in reading().items() if key != "effectiveDateTime"}, "a reading has a time"),
        (reading(effectiveDateTime="yesterday"), "effectiveDateTime"),
        (reading(code={"text": "weight"}), "must be one of the kinds"),
        (reading(component=[{"code": {"text": "x"}, "valueString": "x"}]), "Observation.component"),
        ({"resourceType": "Condition"}, "sends Observations"),
        ([], "between one and"),
        (b"{", "not readable as JSON"),
        ([reading()] * 501, "between one and"),
    ],
)
def test_what_is_not_for_a_device_to_say_is_refused(watch, sent, words):
    response = send(sent, watch[1])
    assert response.status_code == 422
    assert any(words in one for one in told(response))
    assert "I feel low" not in response.content.decode()
    assert Entry.objects.count() == 0


def test_one_wrong_reading_refuses_all(watch):
    assert send([reading(), reading("1")], watch[1]).status_code == 422
    assert Entry.objects.count() == 0


@pytest.mark.parametrize("token", ["", "wrong", "chartseal-device-wrong"])
def test_without_its_token_nothing_is_sent(watch, token):
    assert send(reading(), token).status_code == 401


def test_stopped_it_sends_nothing_more_at_once(ana, watch):
    devices.stop(ana.patient, watch[0].pk)
    assert send(reading(), watch[1]).status_code == 401
    assert send(b"{", watch[1]).status_code == 401


def test_after_its_last_day_it_sends_nothing_more(watch, time_machine):
    time_machine.move_to(clock.now() + timedelta(days=30, minutes=1))
    assert send(reading(effectiveDateTime="2026-11-20"), watch[1]).status_code == 401


def test_nobody_stops_somebody_else_s_device(watch):
    with pytest.raises(Device.DoesNotExist):
        devices.stop(people.patient("Ben Okoro").patient, watch[0].pk)


def test_it_sends_no_more_often_than_it_may(watch, time_machine, monkeypatch):
    monkeypatch.setattr(devices, "MOST_A_MINUTE", 2)
    time_machine.move_to(clock.now(), tick=False)
    assert [send(reading(value=n), watch[1]).status_code for n in range(3)] == [200, 200, 429]
    time_machine.shift(61)
    assert send(reading(value=9), watch[1]).status_code == 200


def test_each_step_is_on_the_list(ana, watch):
    send(reading(), watch[1])
    devices.stop(ana.patient, watch[0].pk)
    devices.stop(ana.patient, watch[0].pk)
    lines = audit.with_action(["device.added", "entry.added", "device.stopped"])
    assert sorted(line.action for line in lines) == ["device.added", "device.stopped", "entry.added"]


@pytest.mark.parametrize(("name", "days"), [("", 30), ("  ", 30), ("Watch", 0), ("Watch", 4000)])
def test_a_device_has_a_name_and_an_end(ana, name, days):
    with pytest.raises(Refused):
        devices.add(ana.patient, name=name, days=days)


def test_only_a_digest_of_the_token_is_kept(watch):
    assert watch[1].encode() not in bytes(Device.objects.get().token_digest)
    assert len(Device.objects.get().token_digest) == 32


def test_a_device_makes_nobody_s_identity_verified_and_asks_nobody_to_verify_it(ana):
    before = awaiting_identity_check().count()
    devices.add(ana.patient, name="My watch", days=30)
    assert not is_verified(ana.patient)
    assert awaiting_identity_check().count() == before
