"""An app sees a patient's visits by a tick of its own, and by no other."""

import pytest
from django.urls import reverse

from consent.access import own_party
from consent.sharing import grants
from ehr.smart import registering
from ehr.smart.models import Authorization
from tests import people
from tests.appointments.visiting_hours import clinic
from tests.fhir.program import Program
from tests.fhir.twins import booked
from tests.security.world import browser_of
from tests.smart.signing import jwks, proof
from tests.smart.walking import Walk, caller, post, registered

pytestmark = [pytest.mark.django_db, pytest.mark.security]
SCOPE = "launch/patient openid patient/Observation.rs patient/*.rs patient/Appointment.rs"


@pytest.fixture
def visit(ana) -> str:
    return booked(clinic("Ola Nord"), ana)


def connected(max_, browser, scope: str = SCOPE, **chosen) -> Program:
    walk = Walk(registered(max_, scope=scope), browser, scope=scope)
    return Program(walk.connected(**{"ordinary": ["basic", "labs"], "until": "hour"} | chosen)["access_token"])


def test_it_is_a_question_of_its_own_and_nothing_is_ticked(max_, anas, visit):
    walk = Walk(registered(max_, scope=SCOPE), anas, scope=SCOPE)
    walk.begin()
    page = anas.get(walk.page)
    form = page.context["form"]
    assert not form["visits"].value()
    assert not any("Appointment" in name for name, _label in form.fields["things"].choices)
    assert "It may see your visits" in page.content.decode()


def test_with_the_tick_the_app_reads_them(max_, anas, visit):
    program = connected(max_, anas, visits="on")
    assert [one["id"] for one in program.find("Appointment")] == [visit]
    assert "patient/Appointment.rs" in Authorization.objects.get().scope


def test_without_it_everything_else_opens_none(max_, anas, visit):
    program = connected(max_, anas)
    assert program.find("Appointment") == []
    assert program.get(f"Appointment/{visit}").status_code == 404
    assert "Appointment.rs" not in Authorization.objects.get().scope


def test_an_app_may_be_let_in_to_visits_alone(max_, anas, visit):
    scope = "launch/patient openid patient/Appointment.rs"
    program = connected(max_, anas, scope, ordinary=["basic"], visits="on")
    assert [one["id"] for one in program.find("Appointment")] == [visit]
    assert program.get("Observation").status_code == 403


def test_a_page_where_nobody_asks_for_visits_does_not_speak_of_them(max_, anas):
    walk = Walk(registered(max_, scope="launch/patient openid patient/*.rs"), anas, scope="patient/*.rs")
    walk.begin()
    assert "visits" not in anas.get(walk.page).context["form"].fields


def test_who_stops_the_app_stops_the_visits(max_, anas, visit):
    program = connected(max_, anas, visits="on")
    grant = Authorization.objects.get().grant
    grants.end(grant, keyring=None, by=own_party(grant.patient))
    assert program.get("Appointment").status_code == 401


def test_a_clinicians_app_reads_their_own_visits_of_all_their_patients(max_, ana):
    harbour = clinic()
    visit = booked(harbour, ana)
    scope = "openid fhirUser launch/patient user/Appointment.rs"
    people.give(ana, harbour.lee, "basic")
    walk = Walk(registered(max_, scope=scope), browser_of(harbour.lee), scope=scope)
    walk.begin()
    form = walk.browser.get(walk.page).context["form"]
    answer = walk.browser.post(
        walk.page,
        {
            "ticket": form.fields["ticket"].initial,
            "patient": str(ana.patient.pk),
            "things": ["user/Appointment.rs"],
            "until": "hour",
        },
    )
    token = walk.exchange(answer["Location"].partition("code=")[2].partition("&")[0]).json()["access_token"]
    assert caller(token).names("Appointment", patient=ana.patient)
    assert [one["id"] for one in Program(token).find("Appointment")] == [visit]


@pytest.mark.parametrize("ticked", [True, False])
def test_a_service_reads_visits_of_whoever_ticked_them(max_, ana, anas, visit, ticked):
    scope = "system/*.rs system/Appointment.rs"
    service = registering.register_reading_service(
        max_.user, name="Registry", words="Counts.", institution=people.institution(), jwks=jwks(), scope=scope
    )
    page = anas.post(reverse("smart:begin-service", args=[service.client_id]))["Location"]
    chosen = {"ordinary": ["basic"], "until": "month", "things": ["system/*.rs"]} | ({"visits": "on"} if ticked else {})
    assert anas.post(page, chosen).status_code == 302
    form = anas.get(f"{page}confirm/").context["form"]
    anas.post(f"{page}confirm/", {name: form.fields[name].initial for name in ("ticket", "read")})
    answer = post("token", grant_type="client_credentials", scope=scope, **proof(service.client_id))
    program = Program(answer.json()["access_token"])
    assert [one["id"] for one in program.find("Appointment")] == ([visit] if ticked else [])
    assert program.get(f"Appointment/{visit}").status_code == (200 if ticked else 404)
    assert program.get("Slot?_count=1").status_code == 200
