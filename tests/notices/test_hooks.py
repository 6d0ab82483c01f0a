"""Institutions' systems are told by a signed post of a kind, a time and an id, to public addresses, one at a time."""

import base64
import hashlib
import hmac
import json
import logging
import re
import uuid
from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import Permission
from django.db import transaction

from audit.models import EventBody
from ehr import clock
from ehr.accounts import operations as accounts
from ehr.accounts import stored
from ehr.accounts.models import User
from ehr.notices import hooks, operations, posting, signatures, tasks
from ehr.notices.models import Hook, HookParcel
from ehr.outbox import delivery
from tests import people
from tests.receiving import listening

pytestmark = [pytest.mark.django_db, pytest.mark.point(10)]
CLINIC, HOSPITAL = uuid.uuid4(), uuid.uuid4()
ABOUT = uuid.uuid4()


@pytest.fixture
def receiver(settings):
    """A system inside, which this deployment allows and reaches without TLS."""
    settings.DEBUG, settings.HOOK_NETWORKS = True, ["127.0.0.0/8"]
    with listening() as there:
        yield there


@pytest.fixture
def desk(db):
    user = people.account("Vera Stone", staff=True).user
    user.user_permissions.add(Permission.objects.get(codename="manage_hook"))
    return User.objects.get(pk=user.pk)


@pytest.fixture
def hooked(receiver, desk) -> tuple[Hook, bytes]:
    """The clinic's hook and its secret."""
    hook, shown = hooks.set_up(CLINIC, url=f"{receiver.url}/chartseal?who=us", by=desk)
    return hook, base64.b64decode(shown.removeprefix(signatures.PREFIX))


def tell(key="1", kind="emergency-access", institution=CLINIC):
    return operations.tell_institution(institution, kind, about=ABOUT, key=key)


def told(action: str) -> list[dict]:
    bodies = [json.loads(bytes(row.payload)) for row in EventBody.objects.all()]
    return [body for body in bodies if body["action"] == action]


# --- What is sent ----------------------------------------------------------------------------------


def test_what_is_posted_is_an_id_a_kind_a_time_and_what_it_is_about(hooked, receiver):
    parcel = tell()
    assert tasks.deliver_hooks() == 1
    (path, headers, body), *more = receiver.heard
    assert more == []
    assert path == "/chartseal?who=us"
    assert headers["content-type"] == "application/json"
    said = json.loads(body)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", said.pop("at"))
    assert said == {"id": str(parcel.pk), "kind": "emergency-access", "about": str(ABOUT)}


@pytest.mark.security
def test_the_signature_is_the_one_of_standard_webhooks(hooked, receiver):
    tell()
    tasks.deliver_hooks()
    _path, headers, body = receiver.heard[0]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(hooked[1], signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert abs(int(headers["webhook-timestamp"]) - clock.now().timestamp()) < 60
    assert headers["webhook-id"] == json.loads(body)["id"]


@pytest.mark.security
def test_the_specification_s_own_example_comes_out():
    """Source: the specification's reference libraries, which all test with these values."""
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    made = signatures.headers(secret, message_id="msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp=1614265330, body=body)
    assert made["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_same_cause_is_posted_once(hooked, receiver):
    for _again in range(2):
        tell()
    tasks.deliver_hooks()
    tasks.deliver_hooks()
    assert len(receiver.heard) == 1


@pytest.mark.django_db(transaction=True)
def test_no_cause_no_post(receiver, transactional_db, desk):
    hooks.set_up(CLINIC, url=receiver.url, by=desk)
    with transaction.atomic():
        tell()
        transaction.set_rollback(True)
    assert tasks.deliver_hooks() == 0
    assert receiver.heard == []


def test_an_institution_without_a_hook_is_told_nothing(hooked, receiver):
    assert tell(institution=HOSPITAL) is None
    assert tasks.deliver_hooks() == 0


# --- When it does not arrive -----------------------------------------------------------------------


def test_what_is_not_accepted_is_sent_again_with_the_same_id_and_a_new_time(hooked, receiver):
    receiver.answers.append(500)
    parcel = tell()
    assert tasks.deliver_hooks() == 0
    parcel.refresh_from_db()
    assert (parcel.attempts, parcel.last_problem) == (1, "Refused")
    with time_machine.travel(clock.now() + timedelta(minutes=10), tick=False):
        assert tasks.deliver_hooks() == 1
    first, second = (headers for _path, headers, _body in receiver.heard)
    assert first["webhook-id"] == second["webhook-id"]
    assert first["webhook-timestamp"] != second["webhook-timestamp"]


@pytest.mark.security
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_followed_nowhere(hooked, receiver, status):
    receiver.answers.append(status)
    tell()
    assert tasks.deliver_hooks() == 0
    assert [path for path, _headers, _body in receiver.heard] == ["/chartseal?who=us"]


def test_a_system_that_is_down_is_asked_with_one_parcel_at_a_time(hooked, receiver):
    receiver.answers += [503] * 9
    parcels = [tell(key=str(number)) for number in range(4)]
    assert tasks.deliver_hooks() == 0
    assert len(receiver.heard) == 1
    assert sorted(HookParcel.objects.values_list("attempts", flat=True)) == [0, 0, 0, 1]
    receiver.answers.clear()
    with time_machine.travel(clock.now() + delivery.FIRST_WAIT, tick=False):
        assert tasks.deliver_hooks() == len(parcels)


def test_one_institution_that_is_down_does_not_hold_up_another(hooked, receiver, desk):
    hooks.set_up(HOSPITAL, url=f"{receiver.url}/hospital", by=desk)
    tell()
    tell(institution=HOSPITAL)
    receiver.answers.append(500)
    assert tasks.deliver_hooks() == 1
    assert [path for path, _headers, _body in receiver.heard] == ["/chartseal?who=us", "/hospital"]


def test_after_thirty_tries_it_is_given_up_where_operators_see_it(hooked, receiver, caplog):
    receiver.answers.append(500)
    parcel = tell()
    HookParcel.objects.update(attempts=delivery.MOST_ATTEMPTS - 1)
    with caplog.at_level(logging.ERROR):
        tasks.deliver_hooks()
    parcel.refresh_from_db()
    assert parcel.gave_up_at is not None
    assert str(parcel.pk) in caplog.text


def test_a_run_begins_no_call_after_its_seconds_are_over(hooked, receiver, monkeypatch):
    monkeypatch.setattr(tasks, "HOOK_SECONDS", 0.0)
    tell()
    assert tasks.deliver_hooks() == 0
    assert receiver.heard == []


# --- Set up and stopped ----------------------------------------------------------------------------


@pytest.mark.security
def test_the_secret_is_kept_sealed_and_shown_once(hooked):
    hook, secret = hooked
    assert len(secret) == 32
    kept = bytes(Hook.objects.get(pk=hook.pk).sealed_secret)
    assert secret not in kept
    with pytest.raises(stored.NotOurs):
        stored.take_out(kept, about=uuid.uuid4().bytes, label="hook-secret")
    assert base64.b64encode(secret).decode() not in str(told("institution.hook-set-up"))


@pytest.mark.security
def test_a_renewed_secret_signs_from_the_next_post_on(hooked, receiver, desk):
    hook, former = hooked
    shown = hooks.renew(hook, by=desk)
    tell()
    tasks.deliver_hooks()
    _path, headers, body = receiver.heard[0]
    made = [
        signatures.headers(
            secret, message_id=headers["webhook-id"], timestamp=int(headers["webhook-timestamp"]), body=body
        )
        for secret in (base64.b64decode(shown.removeprefix(signatures.PREFIX)), former)
    ]
    assert [one["webhook-signature"] == headers["webhook-signature"] for one in made] == [True, False]


def test_a_new_hook_takes_the_place_of_the_one_before(hooked, receiver, desk):
    hooks.set_up(CLINIC, url=f"{receiver.url}/new", by=desk)
    tell()
    tasks.deliver_hooks()
    assert [path for path, _headers, _body in receiver.heard] == ["/new"]
    assert Hook.objects.filter(institution=CLINIC, enabled=True).count() == 1


def test_a_stopped_hook_hears_nothing_more_and_what_waits_is_given_up(hooked, receiver, desk):
    parcel = tell()
    hooks.stop(hooked[0], by=desk)
    assert tell(key="2") is None
    assert tasks.deliver_hooks() == 0
    assert receiver.heard == []
    parcel.refresh_from_db()
    assert (parcel.gave_up_at is None, parcel.last_problem) == (False, "Stopped")


@pytest.mark.security
def test_only_who_has_that_duty_sets_up_renews_and_stops(hooked, receiver):
    stranger = people.account("Nils None", staff=True).user
    for act in (
        lambda: hooks.set_up(HOSPITAL, url=receiver.url, by=stranger),
        lambda: hooks.renew(hooked[0], by=stranger),
        lambda: hooks.stop(hooked[0], by=stranger),
    ):
        with pytest.raises(accounts.Refused):
            act()
    assert Hook.objects.count() == 1


def test_each_change_is_on_the_log_with_the_host_and_without_the_address(hooked, desk):
    hooks.renew(hooked[0], by=desk)
    hooks.stop(hooked[0], by=desk)
    for action in ("institution.hook-set-up", "institution.hook-renewed", "institution.hook-stopped"):
        (event,) = told(action)
        assert event["details"] == {"institution": str(CLINIC), "hook": str(hooked[0].pk), "host": "127.0.0.1"}


@pytest.mark.security
@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.org/", "ftp://hooks.example.org/", "https://", "https:///path", "hooks.example.org",
        "https://user:pass@hooks.example.org/", "https://@hooks.example.org/", "https://hooks.example.org/#there",
        "https://127.0.0.1/", "https://[::1]/", "https://10.0.0.8/", "https://169.254.169.254/latest/meta-data/",
        "https://[::ffff:10.0.0.8]/", "https://hooks.example.org:99999/", "https://0.0.0.0/", "https://[::",
    ],
)  # fmt: skip
def test_an_address_that_leads_inside_or_is_not_https_is_refused_when_it_is_typed(desk, settings, url):
    settings.DEBUG, settings.HOOK_NETWORKS = False, []
    with pytest.raises(accounts.Refused):
        hooks.set_up(CLINIC, url=url, by=desk)
    assert not Hook.objects.exists()
    with pytest.raises(posting.NotAllowed):
        posting.check(url)
