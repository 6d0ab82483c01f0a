"""What is stolen, sent twice, bent or mixed up: it opens nothing, and ends what it was stolen from."""

import io
import json
import logging

import pytest
from django.apps import apps as django_apps
from django.db import connection

from consent.models import Ending, Grant
from ehr.smart import tokens
from ehr.smart.models import Authorization, Token
from tests.security.world import browser_of
from tests.smart.walking import BACK, caller, post, registered, told, words

pytestmark = pytest.mark.security


def test_a_code_shown_twice_ends_what_it_was_good_for(walk):
    code = walk.allowed()
    answer = walk.exchange(code).json()
    assert caller(answer["access_token"])
    again = walk.exchange(code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert caller(answer["access_token"]) is None
    assert walk.refresh(answer["refresh_token"]).status_code == 400
    assert Ending.objects.filter(grant=Grant.objects.get()).exists()


def test_a_code_with_another_verifier_ends_what_it_was_good_for(walk):
    code = walk.allowed()
    assert walk.exchange(code, code_verifier="w" * 43).json()["error"] == "invalid_grant"
    assert walk.exchange(code).status_code == 400
    assert Authorization.objects.get().stopped_because == "code-misused"


def test_a_code_is_for_the_address_it_was_sent_to(walk):
    assert walk.exchange(walk.allowed(), redirect_uri="https://app.example/other").status_code == 400


def test_a_code_is_for_the_app_it_was_made_for(walk, max_):
    other = registered(max_, "Other")
    code = walk.allowed()
    assert walk.exchange(code, client_id=other.client_id).json()["error"] == "invalid_grant"
    # A stranger's try ends nothing.
    assert walk.exchange(code).status_code == 200


def test_a_refresh_token_shown_twice_ends_everything(walk):
    first = walk.connected()
    second = walk.refresh(first["refresh_token"]).json()
    assert caller(second["access_token"])
    assert walk.refresh(first["refresh_token"]).json()["error"] == "invalid_grant"
    assert caller(second["access_token"]) is None
    assert caller(first["access_token"]) is None
    assert walk.refresh(second["refresh_token"]).status_code == 400


def test_whose_key_somebody_else_showed_is_told_so_once(walk, ana):
    first = walk.connected()
    walk.refresh(first["refresh_token"])
    for _ in range(2):
        walk.refresh(first["refresh_token"])
    assert ana.user.notices.filter(kind="app-cut-off").count() == 1


def test_an_app_that_leaves_out_its_name_is_known_by_its_refresh_token(walk):
    answer = post("token", grant_type="refresh_token", refresh_token=walk.connected()["refresh_token"])
    assert caller(answer.json()["access_token"])


def test_a_refreshed_token_carries_the_same_keys(walk):
    first = walk.connected()
    second = walk.refresh(first["refresh_token"]).json()
    assert caller(second["access_token"]).keyring.text == caller(first["access_token"]).keyring.text
    assert second["scope"] == first["scope"]


def test_a_refresh_may_ask_for_less_and_never_for_more(walk):
    first = walk.connected()
    less = walk.refresh(first["refresh_token"], scope="patient/Condition.rs").json()
    assert less["scope"] == "patient/Condition.rs"
    assert not caller(less["access_token"]).allows("Observation", "read")
    more = walk.refresh(less["refresh_token"], scope="patient/*.rs")
    assert more.json()["error"] == "invalid_scope"
    assert walk.refresh(less["refresh_token"]).json()["scope"] == first["scope"]


@pytest.mark.parametrize(
    ("instead", "error"),
    [
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"aud": "https://elsewhere.example/fhir"}, "invalid_request"),
        ({"aud": None}, "invalid_request"),
        ({"state": None}, "invalid_request"),
        ({"scope": "patient/Nothing.rs system/*.rs"}, "invalid_scope"),
        ({"request": "eyJ"}, "request_not_supported"),
        ({"launch": "csl_" + "x" * 43}, "invalid_request"),
        ({"prompt": "none"}, "interaction_required"),
        ({"prompt": "none", "max_age": "0"}, "login_required"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "soon"}, "invalid_request"),
    ],
)
def test_what_may_not_be_asked_goes_back_to_the_app(walk, instead, error):
    answer = told(walk.begin(**instead))
    assert answer["error"] == error
    assert "code" not in answer


@pytest.mark.parametrize(
    "instead",
    [
        {"client_id": "nobody"},
        {"redirect_uri": "https://evil.example/back"},
        {"redirect_uri": BACK + "/"},
        {"redirect_uri": " " + BACK},
        {"redirect_uri": BACK + "\n"},
        {"redirect_uri": BACK + "\x00"},
        {"redirect_uri": "\t" + BACK},
        {"redirect_uri": BACK.replace("app", "ap\np")},
        {"redirect_uri": BACK.replace("https", "HTTPS")},
        {"redirect_uri": BACK.replace("example", "EXAMPLE")},
        {"redirect_uri": BACK + "?next=x"},
        {"redirect_uri": BACK + "/../evil"},
        {"redirect_uri": BACK.replace("https", "http")},
        {"redirect_uri": BACK + "#x"},
        {"redirect_uri": "https://evil@app.example/back"},
        {"redirect_uri": None},
    ],
)
def test_nobody_is_sent_to_an_address_that_is_not_the_apps(walk, instead):
    response = walk.begin(**instead)
    assert response.status_code == 400
    assert "Location" not in response
    assert "Nothing was shared" in words(response)


def test_a_parameter_sent_twice_is_not_guessed_at(walk, anas):
    walk.begin()
    response = anas.get(
        f"/smart/authorize?client_id={walk.app.client_id}&redirect_uri={BACK}&redirect_uri=https://evil"
    )
    assert response.status_code == 400


def test_a_scope_that_the_page_did_not_ask_for_is_not_granted(walk):
    walk.begin()
    response = walk.choose(things=["patient/*.cruds"])
    assert response.status_code == 200
    assert not Authorization.objects.exists()


def test_the_same_page_sent_twice_lets_the_app_in_once(walk, anas):
    walk.begin()
    walk.choose()
    page = f"{walk.page}confirm/"
    form = anas.get(page).context["form"]
    sent = {name: form.fields[name].initial for name in ("ticket", "read")}
    first, second = told(anas.post(page, sent)), told(anas.post(page, sent))
    assert first["code"] == second["code"]
    assert Authorization.objects.count() == Grant.objects.count() == 1
    assert walk.exchange(first["code"]).status_code == 200


def test_going_back_after_the_app_went_on_lets_nobody_in_again(walk, anas):
    code = walk.allowed()
    access = walk.exchange(code).json()["access_token"]
    again = walk.confirm()
    assert again.status_code == 409
    assert "answered this before" in words(again)
    assert caller(access)


def test_two_tabs_of_one_request_make_one_code(walk, anas):
    walk.begin()
    walk.choose()
    page = f"{walk.page}confirm/"
    tabs = [anas.get(page).context["form"] for _ in range(2)]
    answers = [anas.post(page, {name: tab.fields[name].initial for name in ("ticket", "read")}) for tab in tabs]
    assert [answer.status_code for answer in answers] == [303, 409]


def test_a_request_is_answered_by_whom_it_was_asked(walk, ben):
    walk.begin()
    assert browser_of(ben).get(walk.page).status_code == 404


def test_what_changed_in_another_tab_is_read_again(walk, anas):
    walk.begin()
    walk.choose()
    page = f"{walk.page}confirm/"
    form = anas.get(page).context["form"]
    walk.choose(ordinary=["labs"])
    answer = anas.post(page, {name: form.fields[name].initial for name in ("ticket", "read")})
    assert answer.status_code == 200
    assert "Something changed" in words(answer)


def test_a_sensitive_part_is_confirmed_on_its_own(walk, anas):
    walk.begin()
    walk.choose(sensitive=["genetic"])
    assert walk.confirm().status_code == 200
    code = told(walk.confirm(**{"also-genetic": "on"}))["code"]
    assert "genetic" in caller(walk.exchange(code).json()["access_token"]).parts


def dump() -> str:
    """Return every table's every value, binary ones as hex and as they are."""
    out = io.StringIO()
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            for row in cursor.fetchall():
                for value in row:
                    value = bytes(value) if isinstance(value, memoryview) else value
                    out.write(f"{value.hex()} {value!r}\n" if isinstance(value, bytes) else f"{value}\n")
    return out.getvalue()


@pytest.mark.privacy
def test_a_copy_of_the_database_holds_no_code_and_no_token(walk, caplog):
    caplog.set_level(logging.DEBUG)
    code = walk.allowed()
    before = dump()
    answer = walk.exchange(code).json()
    text = caller(answer["access_token"]).keyring.text
    stored = before + dump() + json.dumps([record.getMessage() for record in caplog.records])
    for secret in (code, answer["access_token"], answer["refresh_token"]):
        for form in (secret, secret[4:], secret.encode().hex(), secret[4:].encode().hex()):
            assert form not in stored
    assert text.hex() not in stored
    assert str(Authorization.objects.get().pk) in stored  # the dump is a dump


@pytest.mark.privacy
def test_what_is_stored_opens_with_the_token_and_with_nothing_else(walk):
    answer = walk.connected()
    row, other = Token.objects.order_by("pk")
    assert bytes(row.keys) != bytes(other.keys)
    row.keys, other.keys = other.keys, row.keys
    row.save()
    assert caller(answer["access_token"]) is None


def test_the_librarys_own_tables_stay_empty(walk):
    walk.refresh(walk.connected()["refresh_token"])
    models = django_apps.get_app_config("oauth2_provider").get_models()
    assert {model._meta.label: model._default_manager.count() for model in models if model.objects.exists()} == {}


def test_a_token_in_an_address_or_a_form_is_not_looked_at(walk, rf):
    token = walk.connected()["access_token"]
    assert tokens.caller_of(rf.get("/fhir/Patient", {"access_token": token})) is None
    assert tokens.caller_of(rf.post("/fhir/Patient", {"access_token": token})) is None


def test_a_refresh_token_opens_no_record(walk):
    assert caller(walk.connected()["refresh_token"]) is None


def test_guessing_is_stopped(walk):
    for _ in range(30):
        assert walk.exchange("csc_guess").status_code == 400
    assert walk.exchange("csc_guess").status_code == 429


def test_a_form_that_names_no_app_is_refused(db):
    assert post("token", grant_type="authorization_code", code="x").status_code == 401
    assert post("token", grant_type="password").json()["error"] == "unsupported_grant_type"
    assert post("revoke", token="x").status_code == 401
    assert post("introspect", token="x", client_id="x").status_code == 401
