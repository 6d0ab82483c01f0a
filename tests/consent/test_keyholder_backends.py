"""A service's keyring opens for what that service signed: once, for minutes, for this server, and with its own keys."""

import json
from datetime import timedelta
from hashlib import sha256

import pytest
import time_machine

from audit import log
from consent import escrow
from consent.escrow import NotReleased
from consent.keyholder import backends, readers
from consent.keyholder.backends import Registered
from ehr import clock
from ehr.accounts.keyrings import CannotOpen
from ehr.accounts.keyrings.held import open_held
from ehr.accounts.models import Keyring, KeyVersion, Reader
from ehr.smart import places
from tests import people
from tests.smart.signing import jwks, statement

pytestmark = [pytest.mark.django_db, pytest.mark.security]


@pytest.fixture
def registered(db) -> Registered:
    people.prepare_ground()
    backends._shown.clear()
    return Registered("client-1", places.at("token"), json.dumps(jwks(), sort_keys=True))


@pytest.fixture
def version(registered) -> KeyVersion:
    reader = Reader.objects.create(kind=Reader.Kind.SERVICE, name="City Lab, reading")
    escrow.service_begun(reader, registered)
    return Keyring.objects.get(reader=reader).version


def line(version: KeyVersion, action: str = backends.OPENED_BY, **instead):
    def record(to: str, digest: str):
        details = {"to": to, "statement": digest, "reader": str(version.reader_id)} | instead
        return log.record(action, actor=log.SYSTEM, subject=None, details=details)

    return record


def admitted(version, registered, shown=None, **more):
    shown = shown or statement("client-1")
    return escrow.service_admitted(version, registered, shown, record=more.pop("record", None) or line(version, **more))


def test_it_opens_for_a_statement_of_the_service(version, registered):
    keyring = admitted(version, registered)
    assert keyring.belongs_to(version)


def test_what_is_stored_opens_with_nothing_else(version, registered):
    with pytest.raises(CannotOpen):
        open_held(Keyring.objects.get(version=version), readers.wrapping())


def test_a_statement_opens_once(version, registered):
    shown = statement("client-1")
    admitted(version, registered, shown)
    with pytest.raises(NotReleased) as refused:
        admitted(version, registered, shown)
    assert refused.value.because == "used"


def test_a_service_asks_so_often_and_no_more(version, registered, monkeypatch):
    monkeypatch.setattr(backends, "MOST_PER_HOUR", 2)
    for _each in range(2):
        admitted(version, registered)
    with pytest.raises(NotReleased) as refused:
        admitted(version, registered)
    assert refused.value.because == "too-many"


def test_other_keys_written_into_the_database_open_nothing(version, registered):
    instead = registered._replace(jwks=json.dumps(jwks("RS384"), sort_keys=True))
    with pytest.raises(NotReleased) as refused:
        admitted(version, instead, statement("client-1", kind="RS384"))
    assert refused.value.because == "nothing-sealed"


@pytest.mark.parametrize(
    "shown",
    [
        {"kind": "RS384"},
        {"iss": "client-2"},
        {"sub": "client-2"},
        {"aud": "https://elsewhere.example/token"},
        {"exp": 1},
        {"exp": None},
        {"exp": 4_000_000_000},
    ],
)
def test_what_the_service_did_not_sign_for_now_and_here_opens_nothing(version, registered, shown):
    with pytest.raises(NotReleased) as refused:
        admitted(version, registered, statement("client-1", **shown))
    assert refused.value.because == "not-signed"


@pytest.mark.parametrize(
    ("instead", "because"),
    [
        ({"to": "00" * 32}, "other-key"),
        ({"statement": sha256(b"another").hexdigest()}, "other-reader"),
        ({"reader": "0b0e4a3c-9bd2-4b6d-8c0f-3a5f2a5d9f11"}, "other-reader"),
        ({"action": "app.registered"}, "other-action"),
    ],
)
def test_the_event_must_say_so(version, registered, instead, because):
    with pytest.raises(NotReleased) as refused:
        admitted(version, registered, **instead)
    assert refused.value.because == because


def test_an_event_of_another_time_opens_nothing(version, registered):
    said = line(version)("00" * 32, sha256(b"another").hexdigest())
    with time_machine.travel(clock.now() + timedelta(minutes=10), tick=False), pytest.raises(NotReleased) as refused:
        admitted(version, registered, record=lambda *_told: said)
    assert refused.value.because == "stale"


@pytest.mark.parametrize("name", ["Escrow", "Recovery custodian", "Repair desk"])
def test_the_keyholders_own_keyrings_are_no_services(registered, name):
    held = Reader.objects.filter(kind=Reader.Kind.SERVICE, name=name).first()
    if held is None:
        held = Reader.objects.create(kind=Reader.Kind.SERVICE, name=name)
    with pytest.raises(NotReleased):
        escrow.service_begun(held, registered)
    if (stored := Keyring.objects.filter(reader=held).first()) is not None:
        with pytest.raises(NotReleased) as refused:
            admitted(stored.version, registered)
        assert refused.value.because == "other-reader"


def test_a_service_has_one_keyring(version, registered):
    with pytest.raises(NotReleased) as refused:
        escrow.service_begun(version.reader, registered)
    assert refused.value.because == "used"
