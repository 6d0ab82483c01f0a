"""Apps and services that sign: a statement proves who they are, once, for minutes, to this server."""

import json
from datetime import timedelta

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.test import RequestFactory
from joserfc import jws, jwt
from joserfc.jwk import OctKey

from ehr import clock
from ehr.smart import places, registering, tokens
from ehr.smart.models import App, Authorization
from tests.smart.signing import jwks, key, proof, statement
from tests.smart.walking import BACK, Walk, caller, post, registered

pytestmark = pytest.mark.security
WRITE = "system/Observation.c"


@pytest.fixture
def service(max_) -> App:
    return registering.register_service(
        max_.user,
        name="Lab feed",
        publisher="City Lab",
        words="Sends records.",
        source="City Lab",
        jwks=jwks("ES384", "RS384"),
    )


def asked(service: App, *, scope: str = WRITE, **instead):
    return post("token", grant_type="client_credentials", scope=scope, **proof(service.client_id, **instead))


def claimed(service: App) -> dict[str, object]:
    """Return what a statement says that would do, were it signed as it should be."""
    ends = int(clock.now().timestamp()) + 60
    return {"iss": service.client_id, "sub": service.client_id, "aud": places.at("token"), "exp": ends, "jti": "1"}


def feed(token: str):
    return tokens.feed_of(RequestFactory().post("/fhir/", headers={"Authorization": f"Bearer {token}"}))


@pytest.mark.parametrize("kind", ["ES384", "RS384"])
def test_a_service_gets_a_token_that_writes_and_reads_nothing(service, kind):
    answer = asked(service, kind=kind).json()
    assert answer["scope"] == WRITE
    assert answer["expires_in"] <= 300
    assert "refresh_token" not in answer
    told = feed(answer["access_token"])
    assert told.source.name == "City Lab"
    assert told.allows("Observation", "create")
    assert not told.allows("Condition", "create")
    assert not told.allows("Observation", "read")
    assert caller(answer["access_token"]) is None


@pytest.mark.parametrize(
    "scope", ["system/*.rs", "system/Observation.rs", "system/Observation.cu", "patient/Observation.c", ""]
)
def test_a_service_asks_for_nothing_else(service, scope):
    assert asked(service, scope=scope).json()["error"] == "invalid_scope"


def test_a_statement_is_good_once(service):
    shown = proof(service.client_id)
    assert post("token", grant_type="client_credentials", scope=WRITE, **shown).status_code == 200
    again = post("token", grant_type="client_credentials", scope=WRITE, **shown)
    assert (again.status_code, again.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize(
    "instead",
    [
        {"aud": "https://elsewhere.example/token"},
        {"aud": None},
        {"iss": "somebody"},
        {"sub": "somebody"},
        {"exp": None},
        {"exp": 1},
        {"exp": "soon"},
        {"jti": None},
        {"iss": "x\x00"},
        {"header": {"kid": "another"}},
    ],
)
def test_a_statement_that_does_not_fit_proves_nothing(service, instead):
    assert asked(service, **instead).status_code == 401
    assert not Authorization.objects.exists()


@pytest.mark.parametrize("claim", ["jti", "iss"])
def test_a_statement_that_holds_half_a_character_proves_nothing(service, claim):
    claims = claimed(service)
    payload = json.dumps({**claims, claim: "\ud800"}).encode()
    shown = jws.serialize_compact({"alg": "ES384", "kid": "k-ES384"}, payload, key(), algorithms=["ES384"])
    told = {**proof(service.client_id), "client_assertion": shown}
    assert post("token", grant_type="client_credentials", scope=WRITE, **told).status_code == 401


def test_a_statement_lives_five_minutes_at_most(service):
    assert asked(service, exp=int(clock.now().timestamp()) + 3600).status_code == 401


def test_a_statement_signed_by_nobody_proves_nothing(service):
    claims = claimed(service)
    by_secret = jwt.encode({"alg": "HS256", "kid": "k-ES384"}, claims, OctKey.import_key("x" * 32))
    header, payload, _signature = by_secret.split(".")
    for forged in (by_secret, f"{header}.{payload}.", f"eyJhbGciOiJub25lIn0.{payload}.", "x.y.z", "x"):
        told = {
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": forged,
        }
        assert post("token", grant_type="client_credentials", scope=WRITE, **told).status_code == 401


@pytest.mark.parametrize("name", ["client_id", "scope", "client_assertion"])
def test_a_form_holds_signs_that_a_text_has(service, name):
    answer = post("token", grant_type="client_credentials", **{**proof(service.client_id), name: "x\x00"})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_a_services_token_is_over_with_the_service(service, max_):
    token = asked(service).json()["access_token"]
    registering.withdraw(service, by=max_.user)
    assert feed(token) is None
    assert asked(service).status_code == 401


def test_a_services_token_is_over_in_minutes(service):
    token = asked(service).json()["access_token"]
    with time_machine.travel(clock.now() + timedelta(seconds=301), tick=False):
        assert feed(token) is None


def test_a_public_app_is_no_service(app):
    assert post("token", grant_type="client_credentials", scope=WRITE, client_id=app.client_id).status_code == 401


def test_a_service_lets_nobody_in(service, anas):
    assert Walk(service, anas).begin().status_code == 400


@pytest.fixture
def signing(max_) -> App:
    return registered(max_, "Signing", client_type=App.CLIENT_CONFIDENTIAL, jwks=jwks())


def test_an_app_with_keys_proves_itself_at_each_step(signing, anas):
    walk = Walk(signing, anas)
    code = walk.allowed()
    assert walk.exchange(code).status_code == 401
    answer = walk.exchange(code, client_id=None, **proof(signing.client_id)).json()
    assert caller(answer["access_token"])
    assert walk.refresh(answer["refresh_token"]).status_code == 401
    assert post("token", grant_type="refresh_token", refresh_token=answer["refresh_token"]).status_code == 401
    shown = {"refresh_token": answer["refresh_token"], **proof(signing.client_id)}
    assert post("token", grant_type="refresh_token", **shown).status_code == 200


def test_an_app_is_told_what_its_own_token_is_good_for(signing, anas, ana):
    walk = Walk(signing, anas)
    answer = walk.exchange(walk.allowed(), client_id=None, **proof(signing.client_id)).json()
    told = post("introspect", token=answer["access_token"], **proof(signing.client_id)).json()
    assert told["active"] is True
    assert (told["client_id"], told["patient"]) == (signing.client_id, str(ana.patient.pk))
    assert told["scope"] == answer["scope"]
    assert post("introspect", token="csa_x", **proof(signing.client_id)).json() == {"active": False}


def test_another_app_is_told_nothing_unless_it_may_ask(signing, walk, max_):
    token = walk.connected()["access_token"]
    assert post("introspect", token=token, **proof(signing.client_id)).json() == {"active": False}
    App.objects.filter(pk=signing.pk).update(may_introspect=True)
    assert post("introspect", token=token, **proof(signing.client_id)).json()["active"] is True


def test_a_token_that_is_over_is_not_active(signing, walk):
    App.objects.filter(pk=signing.pk).update(may_introspect=True)
    answer = walk.connected()
    post("revoke", token=answer["refresh_token"], client_id=walk.app.client_id)
    assert post("introspect", token=answer["access_token"], **proof(signing.client_id)).json() == {"active": False}


def test_the_private_half_of_a_key_is_refused(max_):
    with pytest.raises(ValidationError):
        registering.register(
            max_.user, public=False, jwks={"keys": [key().as_dict(private=True)]}, name="X", publisher="X", words="X",
            redirect_uris=BACK, scope="openid",
        )  # fmt: skip


def test_a_statement_for_another_app_is_refused(service, signing):
    told = {"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}
    shown = statement(signing.client_id)
    answer = post(
        "token",
        grant_type="client_credentials",
        scope=WRITE,
        client_id=service.client_id,
        client_assertion=shown,
        **told,
    )
    assert answer.status_code == 401
