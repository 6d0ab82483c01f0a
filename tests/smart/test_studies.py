"""An app sees which studies a patient takes part in by a tick of its own, and by no other."""

import pytest
from django.urls import reverse

from ehr.smart import registering
from ehr.smart.models import Authorization
from tests import people
from tests.fhir.program import Program
from tests.research import studying
from tests.smart.signing import jwks, proof
from tests.smart.walking import Walk, post, registered

pytestmark = [pytest.mark.django_db, pytest.mark.security]
SCOPE = "launch/patient openid patient/*.rs patient/ResearchSubject.rs patient/ResearchStudy.rs"


@pytest.fixture
def part(ana) -> str:
    studying.prepare_ground()
    return str(studying.join(ana, studying.opened()).pk)


def connected(max_, browser, **chosen) -> Program:
    walk = Walk(registered(max_, scope=SCOPE), browser, scope=SCOPE)
    return Program(walk.connected(**{"ordinary": ["basic", "labs"], "until": "hour"} | chosen)["access_token"])


def test_it_is_a_question_of_its_own_and_nothing_is_ticked(max_, anas):
    walk = Walk(registered(max_, scope=SCOPE), anas, scope=SCOPE)
    walk.begin()
    page = anas.get(walk.page)
    form = page.context["form"]
    assert not form["studies"].value()
    assert not any("ResearchSubject" in name for name, _label in form.fields["things"].choices)
    assert "It may see which studies you take part in" in page.content.decode()


def test_with_the_tick_the_app_reads_them(max_, anas, part):
    program = connected(max_, anas, studies="on")
    assert [one["id"] for one in program.find("ResearchSubject")] == [part]
    assert "patient/ResearchSubject.rs" in Authorization.objects.get().scope


def test_which_studies_there_are_is_read_whatever_parts_are_ticked(max_, anas, part):
    program = connected(max_, anas, things=["patient/ResearchStudy.rs"])
    assert [one["title"] for one in program.find("ResearchStudy")] == ["Sleep and pain"]
    assert program.get("Observation").status_code == 403


def test_without_it_everything_else_opens_none(max_, anas, part):
    program = connected(max_, anas)
    assert program.find("ResearchSubject") == []
    assert program.get(f"ResearchSubject/{part}").status_code == 404
    assert "ResearchSubject.rs" not in Authorization.objects.get().scope


@pytest.mark.parametrize("ticked", [True, False])
def test_a_service_reads_those_of_whoever_ticked_them(max_, ana, anas, part, ticked):
    scope = "system/*.rs system/ResearchSubject.rs"
    service = registering.register_reading_service(
        max_.user, name="Registry", words="Counts.", institution=people.institution(), jwks=jwks(), scope=scope
    )
    page = anas.post(reverse("smart:begin-service", args=[service.client_id]))["Location"]
    chosen = {"ordinary": ["basic"], "until": "month", "things": ["system/*.rs"]}
    assert anas.post(page, chosen | ({"studies": "on"} if ticked else {})).status_code == 302
    form = anas.get(f"{page}confirm/").context["form"]
    anas.post(f"{page}confirm/", {name: form.fields[name].initial for name in ("ticket", "read")})
    answer = post("token", grant_type="client_credentials", scope=scope, **proof(service.client_id))
    program = Program(answer.json()["access_token"])
    assert [one["id"] for one in program.find("ResearchSubject")] == ([part] if ticked else [])
    assert program.get(f"ResearchSubject/{part}").status_code == (200 if ticked else 404)
