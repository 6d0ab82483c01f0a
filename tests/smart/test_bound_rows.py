"""What a code or token is for is bound to it: whoever writes into the database widens, moves or lengthens nothing."""

from datetime import timedelta

import pytest
from django.db.models import F

from ehr.smart import tokens
from ehr.smart.models import App, Authorization, Code, Token
from tests.smart.test_services import asked, feed, service
from tests.smart.walking import caller

pytestmark = pytest.mark.security
__all__ = ["service"]
LONGER = timedelta(days=1)
TOKENS = [{"scope": "patient/*.cruds"}, {"expires_at": F("expires_at") + LONGER}]
AUTHORIZATIONS = [
    {"scope": "patient/*.cruds"},
    {"categories": ["genetic", "labs"]},
    {"ends_at": F("ends_at") + LONGER},
    {"session_epoch": F("session_epoch") + 1},
]


def dead(walk, answer) -> None:
    assert caller(answer["access_token"]) is None
    assert tokens.find(answer["access_token"]) is None
    assert walk.refresh(answer["refresh_token"]).json()["error"] == "invalid_grant"


@pytest.mark.parametrize("changed", TOKENS, ids=["scope", "end"])
def test_a_token_whose_row_was_changed_opens_nothing(walk, changed):
    answer = walk.connected()
    assert caller(answer["access_token"])
    Token.objects.update(**changed)
    dead(walk, answer)


@pytest.mark.parametrize("changed", AUTHORIZATIONS, ids=["scope", "parts", "end", "epoch"])
def test_what_was_allowed_is_bound_to_each_token(walk, changed):
    answer = walk.connected()
    Authorization.objects.update(**changed)
    dead(walk, answer)


def test_an_apps_tokens_are_not_anothers_patients(walk, ben):
    answer = walk.connected()
    Authorization.objects.update(patient=ben.patient, user=ben.user)
    dead(walk, answer)


def test_keys_put_beside_another_token_of_the_same_app_open_nothing(walk):
    first = walk.connected()
    less = walk.refresh(first["refresh_token"], scope="patient/Condition.rs").json()
    wide = Token.objects.filter(kind="access").order_by("pk").first()
    narrow = Token.objects.filter(kind="access").order_by("pk").last()
    Token.objects.filter(pk=narrow.pk).update(keys=bytes(wide.keys), scope=wide.scope)
    assert caller(less["access_token"]) is None


@pytest.mark.parametrize("changed", [{"scope": "patient/*.cruds"}, {"categories": ["genetic"]}], ids=["scope", "parts"])
def test_a_code_is_for_what_was_confirmed(walk, changed):
    code = walk.allowed()
    Authorization.objects.update(**changed)
    assert walk.exchange(code).json()["error"] == "invalid_grant"
    assert not Token.objects.exists()


def test_a_code_lives_no_longer_than_it_was_made_for(walk):
    code = walk.allowed()
    Code.objects.update(expires_at=F("expires_at") + LONGER)
    assert walk.exchange(code).json()["error"] == "invalid_grant"


def test_a_service_that_sends_sends_what_its_token_was_made_for(service):
    shown = asked(service).json()["access_token"]
    assert feed(shown)
    Token.objects.update(scope="system/*.c")
    assert feed(shown) is None
    Token.objects.update(keys=b"")
    assert feed(shown) is None


def test_a_token_of_one_app_is_not_anothers(service):
    shown = asked(service).json()["access_token"]
    other = App.objects.create(
        name="Other", user=service.user, scope=service.scope, source=service.source, client_id="other"
    )
    Authorization.objects.update(app=other)
    assert feed(shown) is None
