"""What the server tells apps about itself, and that it is so."""

import pytest
from django.test import Client
from django.urls import reverse

from ehr.smart import places
from tests.smart.walking import told

PLACES = ("authorization_endpoint", "token_endpoint", "introspection_endpoint", "revocation_endpoint", "jwks_uri")


@pytest.fixture
def configuration(db):
    return Client().get("/fhir/.well-known/smart-configuration").json()


def test_every_address_it_names_is_one_of_ours(configuration):
    ours = {places.at(name) for name in ("authorize", "token", "introspect", "revoke", "keys")}
    assert {configuration[name] for name in PLACES} == ours
    assert configuration["issuer"] == places.base()


def test_it_promises_s256_and_codes_only(configuration):
    assert configuration["code_challenge_methods_supported"] == ["S256"]
    assert configuration["response_types_supported"] == ["code"]
    assert "client-confidential-symmetric" not in configuration["capabilities"]


def test_openid_says_the_same(configuration):
    openid = Client().get("/fhir/.well-known/openid-configuration").json()
    assert openid["issuer"] == configuration["issuer"]
    assert openid["jwks_uri"] == configuration["jwks_uri"]
    assert openid["id_token_signing_alg_values_supported"] == ["RS256"]


def test_the_keys_are_public_halves_only(db):
    keys = Client().get(reverse("smart:keys")).json()["keys"]
    assert keys
    assert not any("d" in one for one in keys)


@pytest.mark.parametrize("name", ["configuration", "openid", "keys"])
def test_a_program_in_a_browser_may_read_them(db, name):
    assert Client().get(reverse(f"smart:{name}"))["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("name", ["configuration", "openid", "keys"])
def test_a_program_may_ask_whether_they_are_there(db, name):
    answer = Client().head(reverse(f"smart:{name}"))
    assert (answer.status_code, answer.content) == (200, b"")


def test_a_program_in_a_browser_may_ask_for_tokens(db):
    before = Client().options(reverse("smart:token"), headers={"Origin": "https://app.example"})
    assert (before.status_code, before["Access-Control-Allow-Origin"]) == (204, "*")
    assert "Access-Control-Allow-Credentials" not in before
    assert Client().get(reverse("smart:token")).status_code == 405


def test_the_answer_names_who_answers(walk):
    walk.begin()
    walk.choose()
    answer = told(walk.confirm())
    assert (answer["iss"], answer["state"]) == (places.base(), walk.state)
    assert set(answer) == {"code", "iss", "state"}
