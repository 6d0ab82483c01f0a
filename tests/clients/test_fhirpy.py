"""fhirpy (PyPI) against a running server."""

import pytest
from fhirpy import SyncFHIRClient
from fhirpy.base.exceptions import ResourceNotFound

from tests.appointments.visiting_hours import clinic
from tests.fhir.twins import booked

pytestmark = pytest.mark.clients


@pytest.fixture
def client(running) -> SyncFHIRClient:
    return SyncFHIRClient(running.base, authorization=f"Bearer {running.token()}")


def test_it_finds_what_its_patient_shared(client, running):
    found = client.resources("Observation").search(code="http://loinc.org|2345-7", patient=running.ana.patient.pk)
    assert len(found.fetch_all()) == 5
    assert found.count() == 5


def test_it_follows_pages(client):
    assert len(client.resources("Observation").limit(2).fetch_all()) == 5


def test_it_makes_changes_and_deletes(client, running):
    made = client.resource(
        "Observation",
        status="final",
        code={"text": "Pulse"},
        subject={"reference": f"Patient/{running.ana.patient.pk}"},
        valueString="72",
    )
    made.save()
    first, made["status"] = made["meta"]["versionId"], "amended"
    made.save()
    again = client.reference("Observation", made.id).to_resource()
    assert again["status"] == "amended"
    assert again["meta"]["versionId"] != first
    made.delete()
    with pytest.raises(Exception, match=r"deleted|410"):
        client.reference("Observation", made.id).to_resource()


def test_it_finds_a_free_time_and_the_visit_that_was_booked(running):
    harbour = clinic()
    visit = booked(harbour, running.ana)
    client = SyncFHIRClient(running.base, authorization=f"Bearer {running.token(visits='on')}")
    [mine] = client.resources("Appointment").search(status="booked").include("Appointment", "slot").fetch()
    assert mine.id == visit
    assert mine["slot"][0].to_resource()["status"] == "busy"
    [schedule] = client.resources("Schedule").fetch()
    free = client.resources("Slot").search(schedule=schedule.to_reference().reference).limit(5).fetch()
    assert {one["status"] for one in free} == {"free"}


def test_what_is_not_there_is_not_found(client):
    with pytest.raises(ResourceNotFound):
        client.reference("Observation", "3b1f9d0a-0000-4000-8000-000000000000").to_resource()


def test_a_token_that_was_stopped_opens_nothing(client, running):
    from consent.access import own_party  # noqa: PLC0415
    from consent.models import Grant  # noqa: PLC0415
    from consent.sharing import grants  # noqa: PLC0415

    for grant in Grant.objects.all():
        grants.end(grant, keyring=running.ana.keyring, by=own_party(running.ana.patient))
    with pytest.raises(Exception, match=r"token|401|login"):
        client.resources("Observation").fetch()
