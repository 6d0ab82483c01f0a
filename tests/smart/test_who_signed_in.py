"""What an app is told of who signed in: by which key, since when, and asked anew where it wants that."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import override_settings
from django.urls import reverse
from joserfc import jwt
from joserfc.jwk import KeySet

from ehr import clock
from ehr.frame import sessions
from ehr.smart import identity
from ehr.smart.models import SigningKey
from tests import people
from tests.smart.walking import told

OTHER = b"s" * 32


@pytest.fixture
def none_known(monkeypatch):
    """A process that has just begun."""
    monkeypatch.setattr(identity, "_known", {})


def _claims(answer: dict) -> dict:
    keys = KeySet.import_key_set(identity.public_keys())
    return jwt.decode(answer["id_token"], keys, algorithms=["RS256"]).claims


def _signed_in_ago(browser, ago: timedelta) -> int:
    session = browser.session
    began = int((clock.now() - ago).timestamp())
    session[sessions.BEGAN] = began
    session.save()
    return began


def test_it_is_signed_as_every_client_can_check(walk):
    answer = walk.connected()
    assert jwt.decode(answer["id_token"], KeySet.import_key_set(identity.public_keys())).header["alg"] == "RS256"


@pytest.mark.usefixtures("none_known")
def test_all_processes_have_one_key(db, monkeypatch):
    first = identity.public_keys()
    monkeypatch.setattr(identity, "_known", {})
    assert identity.public_keys() == first
    assert SigningKey.objects.count() == 1


@pytest.mark.usefixtures("none_known")
def test_a_key_that_was_not_committed_is_not_remembered(db):
    identity.public_keys()  # within the test's transaction
    assert identity._known == {}


@pytest.mark.usefixtures("none_known")
def test_another_secret_makes_another_key(db):
    first = identity.public_keys()["keys"][0]["kid"]
    with override_settings(SMART_SIGNING_KEY=OTHER):
        assert identity.public_keys()["keys"][0]["kid"] != first


@pytest.mark.usefixtures("none_known")
def test_a_key_that_was_changed_signs_nothing(db):
    identity.public_keys()
    row = SigningKey.objects.get()
    row.closed = bytes(row.closed[:-1]) + bytes([row.closed[-1] ^ 1])
    row.save()
    with pytest.raises(identity.CannotSign, match="smart_signingkey"):
        identity.public_keys()


def test_the_app_learns_when_the_person_signed_in(walk, anas):
    began = _signed_in_ago(anas, timedelta(minutes=9))
    assert _claims(walk.connected())["auth_time"] == began


def test_a_session_younger_than_the_app_asks_for_will_do(walk, anas):
    _signed_in_ago(anas, timedelta(seconds=30))
    assert walk.begin(max_age="60")["Location"].startswith(reverse("smart:ask", args=[_draft(walk)]))


@pytest.mark.parametrize(
    "asked", [{"max_age": "60"}, {"max_age": "0"}, {"prompt": "login"}, {"prompt": "consent login"}]
)
def test_a_person_signs_in_once_more_where_the_app_asks_for_it(walk, anas, asked):
    _signed_in_ago(anas, timedelta(minutes=2))
    to = urlsplit(walk.begin(**asked)["Location"])
    assert to.path == reverse("front:sign-in")
    assert "Blue Button asks that you sign in once more" in anas.get(f"{to.path}?{to.query}").content.decode()


def test_having_signed_in_they_go_on_to_what_the_app_asks(walk, anas, ana):
    to = urlsplit(walk.begin(prompt="login")["Location"])
    sent = {"email": ana.user.email, "passphrase": people.PASSPHRASE, "next": parse_qs(to.query)["next"][0]}
    onward = anas.post(to.path, sent)["Location"]
    assert "prompt" not in onward
    walk.page = anas.get(onward)["Location"]
    assert anas.get(walk.page).status_code == 200


def test_following_a_link_signs_nobody_out(walk, anas):
    walk.begin(prompt="login")
    assert anas.get(reverse("patient:home")).status_code == 200


def test_who_must_not_be_asked_and_signed_in_too_long_ago_is_not(walk, anas):
    _signed_in_ago(anas, timedelta(minutes=2))
    assert told(walk.begin(prompt="none", max_age="60"))["error"] == "login_required"


def _draft(walk) -> str:
    return urlsplit(walk.page).path.rstrip("/").rsplit("/", 1)[-1]
