"""Two who come with the same code or token at the same moment, on two connections: one gets through, and it is seen."""

from functools import partial

import pytest

from consent.models import Ending, Grant
from ehr.smart import allowing, issuing
from ehr.smart.models import Authorization
from tests.consent.racing import at_once
from tests.smart.walking import BACK, caller

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres, pytest.mark.security]


def outcomes(*came) -> list[str]:
    """Return which of several got tokens and which were refused."""
    return sorted("tokens" if isinstance(one, dict) else type(one).__name__ for one in came)


def test_a_code_sent_twice_at_once_is_good_once_and_ends_it(walk, ana):
    code = walk.allowed()
    spend = partial(issuing.exchange, walk.app, code=code, verifier=walk.verifier, redirect_uri=BACK)
    first, second = at_once(ana.patient, spend, spend)
    assert outcomes(first, second) == ["Refused", "tokens"]
    assert caller(first["access_token"]) is None
    assert Ending.objects.filter(grant=Grant.objects.get()).exists()


def test_a_refresh_token_sent_twice_at_once_is_good_once_and_ends_it(walk, ana):
    token = walk.connected()["refresh_token"]
    spend = partial(issuing.refresh, walk.app, token=token)
    first, second = at_once(ana.patient, spend, spend)
    assert outcomes(first, second) == ["Refused", "tokens"]
    assert caller(first["access_token"]) is None


def test_a_refresh_that_waits_for_a_stop_comes_too_late(walk, ana):
    answer = walk.connected()
    stop = partial(allowing.stopped_by_owner, Authorization.objects.get(), keyring=ana.keyring)
    _stopped, late = at_once(ana.patient, stop, partial(issuing.refresh, walk.app, token=answer["refresh_token"]))
    assert outcomes(late) == ["Refused"]
    assert caller(answer["access_token"]) is None


def test_a_stop_that_waits_for_a_refresh_ends_what_it_made(walk, ana):
    answer = walk.connected()
    stop = partial(allowing.stopped_by_owner, Authorization.objects.get(), keyring=ana.keyring)
    made, _stopped = at_once(ana.patient, partial(issuing.refresh, walk.app, token=answer["refresh_token"]), stop)
    assert caller(made["access_token"]) is None
