"""Apps are registered by their makers, looked at by staff, and taken out of use by either."""

import json
from datetime import timedelta

import pytest
from django.urls import reverse

from audit.models import EventBody
from ehr import clock
from ehr.accounts.operations import Refused
from ehr.desk.roles import DeskRole
from ehr.smart import registering, tasks
from ehr.smart.models import App, Authorization, Code, Token
from tests.security.world import browser_of, staff
from tests.smart.signing import jwks
from tests.smart.walking import BACK, caller, registered, words

TOLD = {
    "name": "Curves",
    "publisher": "Max Maker",
    "words": "Shows results as curves.",
    "redirect_uris": f"{BACK}\nhttp://localhost:9090/back\ncom.example.curves:/back",
    "scope": "launch/patient openid fhirUser patient/Observation.rs",
    "proves": "public",
}


@pytest.fixture
def maxs(max_):
    return browser_of(max_)


def test_a_maker_registers_an_app_and_reads_its_client_id(maxs):
    response = maxs.post(reverse("smart:new-app"), TOLD, follow=True)
    made = App.objects.get()
    assert made.client_id in words(response)
    assert made.reviewed_at is None
    assert "nobody here has" in words(response)


@pytest.mark.parametrize(
    "instead",
    [
        {"redirect_uris": "http://app.example/back"},
        {"redirect_uris": "javascript:alert(1)"},
        {"redirect_uris": "data:text/html,x"},
        {"redirect_uris": "https://app.example/back#x"},
        {"redirect_uris": "https://*.example/back"},
        {"redirect_uris": "curves:/back"},
        {"scope": "everything"},
        {"scope": "system/*.rs"},
        {"scope": "patient/Observation.rs patient/Nonsense"},
        {"proves": "keys"},
        {"proves": "keys", "jwks": '{"keys": []}'},
        {"proves": "keys", "jwks": json.dumps({**jwks(), "note": "\ud800"})},
        {"proves": "keys", "jwks": json.dumps({**jwks(), "note": "\x00"})},
        {"launch_uri": "javascript:alert(1)"},
    ],
)
def test_what_is_not_in_order_is_not_registered(maxs, instead):
    response = maxs.post(reverse("smart:new-app"), TOLD | instead)
    assert response.status_code == 200
    assert b'class="errors"' in response.content
    assert not App.objects.exists()


def test_an_app_may_sign(maxs):
    maxs.post(reverse("smart:new-app"), TOLD | {"proves": "keys", "jwks": json.dumps(jwks())})
    assert not App.objects.get().is_public


def test_a_change_is_looked_at_anew(maxs, max_):
    app = registered(max_, reviewed_at="2026-01-01T00:00Z")
    maxs.post(reverse("smart:change-app", args=[app.client_id]), TOLD)
    app.refresh_from_db()
    assert (app.name, app.reviewed_at) == ("Curves", None)


def test_an_app_is_its_makers_alone(anas, app):
    for name in ("app", "change-app"):
        assert anas.get(reverse(f"smart:{name}", args=[app.client_id])).status_code == 404
    assert anas.post(reverse("smart:withdraw-app", args=[app.client_id])).status_code == 404


def test_an_app_out_of_use_opens_nothing_and_its_people_are_told(walk, maxs, ana):
    answer = walk.connected()
    maxs.post(reverse("smart:withdraw-app", args=[walk.app.client_id]))
    assert caller(answer["access_token"]) is None
    assert not Token.objects.exists()
    assert walk.begin().status_code == 400
    assert ana.user.notices.filter(kind="app-withdrawn").exists()


def test_people_read_whether_anybody_looked_at_an_app(walk, anas):
    walk.begin()
    assert "Nobody here has looked at this app" in words(anas.get(walk.page))
    App.objects.update(reviewed_at="2026-01-01T00:00Z")
    assert "Nobody here has looked at this app" not in words(anas.get(walk.page))


@pytest.fixture
def desk(ana):
    return browser_of(staff("Vega Cho", DeskRole.VERIFIER))


def test_staff_look_at_apps(desk, app):
    page = reverse("admin:smart_app_change", args=[app.pk])
    assert "Blue Button" in words(desk.get(page))
    desk.post(reverse("admin:smart_app_act", args=[app.pk, "review"]), {"review-reason": "Called them."})
    app.refresh_from_db()
    assert app.reviewed_at
    assert app.reviewed_by.name == "Vega Cho"


def test_nobody_looks_at_their_own_app(max_, app):
    with pytest.raises(Refused):
        registering.review(app, by=max_.user, reason="mine")


def test_the_desk_registers_a_service(desk):
    told = {"name": "Feed", "publisher": "City Lab", "source": "City Lab", "jwks": json.dumps(jwks())}
    assert desk.post(reverse("admin:smart_app_add"), told).status_code == 302
    assert App.objects.get().source.name == "City Lab"
    assert desk.post(reverse("admin:smart_app_add"), told | {"jwks": "{}"}).status_code == 422


def test_each_registration_is_a_line_on_the_log(maxs, desk):
    maxs.post(reverse("smart:new-app"), TOLD)
    app = App.objects.get()
    maxs.post(reverse("smart:change-app", args=[app.client_id]), TOLD)
    desk.post(reverse("admin:smart_app_act", args=[app.pk, "review"]), {"review-reason": "Called them."})
    desk.post(reverse("admin:smart_app_act", args=[app.pk, "withdraw"]), {"withdraw-reason": "Gone."})
    told = b"".join(bytes(body.payload) for body in EventBody.objects.all())
    for action in ("registered", "changed", "reviewed", "withdrawn"):
        assert f'"app.{action}"'.encode() in told


def test_a_spent_refresh_token_is_known_again_for_a_month(walk):
    walk.refresh(walk.connected(until="year")["refresh_token"])
    Token.objects.filter(used_at__isnull=False).update(used_at=clock.now() - timedelta(days=29))
    assert tasks.forget_what_is_over() == 0
    Token.objects.filter(used_at__isnull=False).update(used_at=clock.now() - timedelta(days=31))
    assert tasks.forget_what_is_over() == 1


def test_what_is_over_is_let_go_of(walk, max_):
    walk.refresh(walk.connected()["refresh_token"])
    assert tasks.forget_what_is_over() == 0
    Authorization.objects.update(ends_at="2026-01-01T00:00Z")
    assert tasks.forget_what_is_over() > 0
    assert not Token.objects.exists()
    assert not Code.objects.exists()
