"""A patient lets an app in, from the app's first request to its first token."""

from datetime import timedelta

import pytest
import time_machine
from joserfc import jwt
from joserfc.jwk import KeySet

from consent.models import Grant
from ehr import clock
from ehr.smart import identity, places
from ehr.smart.models import Authorization
from ehr.words import Category
from tests.smart.walking import LABORATORY, caller, told, words


def test_a_patient_lets_an_app_in(walk, ana):
    answer = walk.connected()
    assert answer["token_type"] == "Bearer"
    assert answer["patient"] == str(ana.patient.pk)
    asked = caller(answer["access_token"])
    assert (asked.user, asked.patient, asked.app.name) == (ana.user, ana.patient, "Blue Button")
    assert asked.keyring.reader_id == asked.app.pk
    assert asked.parts == {Category.LABS, Category.HISTORY}
    assert asked.writes == frozenset()


def test_what_the_patient_confirmed_is_signed_as_a_grant(walk, ana):
    walk.connected()
    grant = Grant.objects.get(patient=ana.patient)
    assert grant.reader.kind == "app"
    assert grant.categories == ["history", "labs"]
    assert grant.sentence == Authorization.objects.get().sentence
    assert grant.ends - clock.now() <= timedelta(days=30)


def test_the_first_page_says_what_is_asked_and_ticks_no_part(walk, anas):
    walk.begin()
    page = anas.get(walk.page)
    assert "Laboratory results: see" in words(page)
    assert page.context["form"].fields["ordinary"].initial is None
    assert b"checked" in page.content  # the things, which alone open nothing
    shown = page.context["form"]
    assert [value for value, _ in shown.fields["ordinary"].choices] == ["history", "labs"]


def test_the_app_learns_who_signed_in_by_a_statement_it_can_check(walk, ana):
    answer = walk.connected()
    claims = jwt.decode(answer["id_token"], KeySet.import_key_set(identity.public_keys()), algorithms=["RS256"]).claims
    assert claims["iss"] == places.base()
    assert claims["aud"] == walk.app.client_id
    assert claims["nonce"] == walk.nonce
    assert claims["fhirUser"] == f"{places.base()}/Patient/{ana.patient.pk}"
    assert str(ana.user.pk) not in answer["id_token"]
    assert claims["sub"] != str(ana.user.pk)


def test_who_says_no_goes_back_and_nothing_more_is_told(walk, anas):
    walk.begin()
    answer = told(anas.post(f"{walk.page}decline/"))
    assert answer["error"] == "access_denied"
    assert (answer["state"], answer["iss"]) == (walk.state, places.base())
    assert not Authorization.objects.exists()
    assert not Grant.objects.exists()


def test_the_scopes_come_down_to_what_was_ticked(walk):
    answer = walk.connected(ordinary=["labs"])
    assert f"patient/Observation.rs?category={LABORATORY}" in answer["scope"].split()
    assert "patient/Condition.rs" not in answer["scope"].split()


def test_for_one_visit_nothing_is_renewed(walk):
    answer = walk.connected(until="hour")
    assert "refresh_token" not in answer
    assert "offline_access" not in answer["scope"]
    assert answer["expires_in"] <= 3600


def test_a_token_is_over_after_its_time(walk):
    answer = walk.connected()
    assert answer["expires_in"] <= 900
    with time_machine.travel(clock.now() + timedelta(seconds=901), tick=False):
        assert caller(answer["access_token"]) is None


@pytest.mark.parametrize("shown", ["", "Bearer", "Bearer csa_x", "Basic csa_x"])
def test_without_a_token_nobody_asks(shown, rf, db):
    from_nobody = caller(shown.removeprefix("Bearer "))
    assert from_nobody is None
