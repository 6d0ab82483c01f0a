"""A program signs in as a person does, with one token instead of two cookies."""

import time_machine
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse

from ehr import clock
from tests import people
from tests.api.conftest import Program, code, enrolled, signed_in
from tests.patient.conftest import browser_of


def test_a_token_opens_what_its_person_may_open(as_ana, ana):
    told = as_ana.get("session/current").told
    assert (told["patient"], told["unlocked"]) == (str(ana.patient.pk), True)


def test_a_wrong_passphrase_gets_the_words_of_the_page_and_no_token(ana, nobody):
    answer = nobody.post("session", {"email": ana.user.email, "passphrase": "not this one at all"})
    assert answer.status_code == 409
    assert "token" not in answer.told
    assert answer.told["detail"]


def test_what_is_stored_of_a_session_does_not_hold_the_key_of_its_token(as_ana):
    key = as_ana.token.split(".")[2]
    assert key
    assert not any(key in one.session_data for one in Session.objects.all())


def test_no_cookie_counts_at_an_address_of_the_interface(ana):
    assert browser_of(ana).get("/api/v1/session/current").status_code == 401


def test_a_token_counts_at_no_page(as_ana):
    page = Client().get(reverse("patient:home"), headers={"Authorization": f"Bearer {as_ana.token}"})
    assert page["Location"].startswith(reverse("front:sign-in"))


def test_no_answer_sets_a_cookie(ana, nobody):
    answer = nobody.post("session", {"email": ana.user.email, "passphrase": people.PASSPHRASE})
    assert not answer.cookies


def test_without_the_key_the_session_is_there_and_the_record_shut(as_ana, ana):
    half = Program(".".join(as_ana.token.split(".")[:2]) + ".")
    assert half.get("session/current").told["unlocked"] is False
    assert half.get(f"patients/{ana.patient.pk}/record").status_code == 423


def test_unlocking_gives_a_token_that_opens(as_ana, ana):
    half = Program(".".join(as_ana.token.split(".")[:2]) + ".")
    answer = half.post("session/unlock", {"passphrase": people.PASSPHRASE})
    assert Program(answer.told["token"]).get(f"patients/{ana.patient.pk}/record").status_code == 200


def test_signing_out_ends_the_token(as_ana):
    assert as_ana.call("DELETE", "session/current").status_code == 204
    assert as_ana.get("session/current").status_code == 401


def test_signing_out_everywhere_ends_it_too(as_ana, ana):
    browser_of(ana).post(reverse("front:sign-out-everywhere"))
    assert as_ana.get("session/current").status_code == 401


def test_a_token_is_over_with_its_role_s_time(as_lee, settings):
    idle, _absolute = settings.SESSION_LIMITS["clinician"]
    with time_machine.travel(clock.now() + idle * 1.1):
        assert as_lee.get("session/current").status_code == 401


def test_whose_role_asks_for_a_second_step_gets_no_token_without(lee, nobody):
    answer = nobody.post("session", {"email": lee.user.email, "passphrase": people.PASSPHRASE})
    assert (answer.status_code, answer.told["type"]) == (403, "urn:chartseal:problem:enrol")
    enrolled(lee)
    answer = nobody.post("session", {"email": lee.user.email, "passphrase": people.PASSPHRASE})
    assert (answer.status_code, answer.told["type"]) == (403, "urn:chartseal:problem:second-step")


def test_a_code_counts_once(lee, nobody):
    enrolled(lee)
    told = {"email": lee.user.email, "passphrase": people.PASSPHRASE, "code": code()}
    assert nobody.post("session", told).status_code == 201
    assert nobody.post("session", told).status_code == 409


def test_a_body_that_is_not_json_is_told_so(nobody):
    answer = nobody.call("POST", "session", "{not json")
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert "not JSON" in answer.told["detail"]


def test_a_field_that_is_missing_is_named(nobody):
    assert nobody.post("session", {"email": "ana@example.org"}).told["errors"] == {
        "passphrase": ["This field is required."]
    }


def test_a_made_up_token_opens_nothing(ground):
    for token in ("cs1.made.up", "cs1..", "cs2.a.b", "é", "cs1." + "x" * 5000):
        assert Program(token.encode("ascii", "replace").decode()).get("session/current").status_code == 401


def test_everything_is_told_to_be_kept_by_nobody(as_ana):
    assert as_ana.get("session/current")["Cache-Control"] == "no-store"


def test_two_people_s_tokens_do_not_mix(as_ana, ana, ben):
    as_ben = signed_in(ben)
    mixed = Program(".".join([*as_ana.token.split(".")[:2], as_ben.token.split(".")[2]]))
    assert mixed.get("session/current").told["unlocked"] is False
