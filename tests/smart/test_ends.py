"""What ends an app's reach: each from the next request on."""

from datetime import timedelta

import pytest
import time_machine

from consent.access import own_party
from consent.models import Grant
from consent.sharing import grants
from ehr import clock
from ehr.accounts import operations
from ehr.accounts.models import User
from ehr.smart import allowing
from ehr.smart.models import App, Authorization
from tests.people import PASSPHRASE
from tests.smart.walking import caller, post, registered


@pytest.fixture
def answer(walk):
    return walk.connected()


@pytest.fixture
def token(answer):
    return answer["access_token"]


def gone(answer, walk) -> bool:
    return caller(answer["access_token"]) is None and walk.refresh(answer["refresh_token"]).status_code == 400


def test_the_patient_stops_the_grant(answer, walk, ana):
    grants.end(Grant.objects.get(), keyring=ana.keyring, by=own_party(ana.patient))
    assert gone(answer, walk)


def test_the_patient_stops_the_app(answer, walk, ana):
    allowing.stopped_by_owner(Authorization.objects.get(), keyring=ana.keyring)
    assert gone(answer, walk)
    assert not Grant.objects.standing(clock.now()).exists()


def test_the_app_gives_it_back(answer, walk):
    assert post("revoke", token=answer["refresh_token"], client_id=walk.app.client_id).status_code == 200
    assert gone(answer, walk)
    assert Grant.objects.get().ending.cause == "reader"


def test_another_app_gives_nothing_back(answer, walk, max_):
    other = registered(max_, "Other")
    assert post("revoke", token=answer["access_token"], client_id=other.client_id).status_code == 200
    assert caller(answer["access_token"])


def test_the_app_is_taken_out_of_use(answer, walk):
    App.objects.update(stopped_at=clock.now())
    assert caller(answer["access_token"]) is None
    assert walk.refresh(answer["refresh_token"]).status_code == 401


def test_the_patient_signs_out_everywhere(answer, walk, ana):
    operations.sign_out_everywhere(user=ana.user)
    assert gone(answer, walk)


def test_the_patient_chooses_another_passphrase(answer, walk, ana):
    operations.change_passphrase(user=ana.user, current=PASSPHRASE, new=PASSPHRASE + " more", address="")
    assert gone(answer, walk)


def test_the_account_is_closed(answer, walk, ana):
    User.objects.filter(pk=ana.user.pk).update(is_active=False)
    assert gone(answer, walk)


def test_its_time_is_over(answer, walk):
    with time_machine.travel(clock.now() + timedelta(days=30, seconds=1), tick=False):
        assert gone(answer, walk)
