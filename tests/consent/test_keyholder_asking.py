"""Asking the keyholder: new records, what is not understood, and what happens when it is away."""

import uuid

import pytest

from audit import queries as audit
from consent import escrow
from consent.escrow import KeyholderAway, NotReleased
from consent.keyholder import wire
from consent.keyholder.answers import answer
from ehr.accounts.keyrings.held import OneUseKey
from ehr.crypto.sealing import generate_kem
from patients.models import PARTS, Lockbox
from providers.roles import Role
from tests import people
from tests.consent.keyholding import say_emergency, waiting_record

pytestmark = [pytest.mark.django_db, pytest.mark.security]


@pytest.fixture
def key():
    return OneUseKey()


@pytest.fixture
def doctor(ground):
    return people.clinician("Emil Ward", role=Role.EMERGENCY)


# --- Records that have no patient yet ------------------------------------------------------------
def test_a_record_that_arrives_first_is_signed_by_the_escrow_in_one_question(ground, monkeypatch):
    asked = []
    monkeypatch.setattr(escrow, "answer", lambda message: asked.append(wire.unpack(message)["ask"]) or answer(message))
    patient = waiting_record()
    # Once for its signatures; whether the key it is closed for is the keyholder's own is asked once a process.
    assert asked.count("sign") == 1
    assert set(asked) <= {"sign", "held"}
    assert {box.opened_by.reader.name for box in Lockbox.objects.filter(patient=patient)} == {"Escrow"}


def publics():
    return {str(part): generate_kem().public for part in PARTS}


def test_nothing_is_signed_for_a_record_that_has_its_patient(ana):
    with pytest.raises(NotReleased) as refusal:
        escrow.signer(ana.patient, publics())
    assert refusal.value.because == "record-begun"


def test_nothing_is_signed_again_for_a_record_that_waits(ground):
    with pytest.raises(NotReleased) as refusal:
        escrow.signer(waiting_record(), publics())
    assert refusal.value.because == "record-begun"


# --- What is asked, and whether it is there ------------------------------------------------------
@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\xff\x00",
        b"[]",
        b"{}",
        b'{"ask": "everything"}',
        b'{"ask": ["release"]}',
        b'{"ask": "release"}',
        b'{"ask": "release", "event": 5, "patient": null, "why": {}, "to": "AA=="}',
        b'{"ask": "sign", "patient": "00000000-0000-0000-0000-000000000000", "publics": {"soul": "AA=="}}',
        b'{"ask": "sign", "patient": "00000000-0000-0000-0000-000000000000", "publics": []}',
        b'{"ask": "share", "blob": "not base64"}',
        b"[" * 60_000,
    ],
)
def test_garbage_is_not_understood(ground, message):
    assert wire.unpack(answer(message)) == {"refused": "not-understood"}


def test_a_key_that_is_none_is_not_understood(ground):
    asked = {"ask": "release", "event": str(uuid.uuid4()), "patient": str(uuid.uuid4()), "why": "claim"}
    for raw in (b"", b"x" * 1215, b"x" * 1217, b"\xff" * 1216):
        assert wire.unpack(answer(wire.pack(asked | {"to": wire.text(raw)}))) == {"refused": "not-understood"}


def test_every_refusal_has_its_sentence():
    words = {"no-event", "altered", "stale", "other-key", "other-patient", "other-reader", "other-action", "used"}
    words |= {"claim-not-ready", "kept-shut", "not-checked", "standing", "too-many", "nothing-sealed", "record-begun"}
    words |= {"not-signed", "not-approved", "study-over"}
    assert words | {"not-understood"} == set(escrow._SENTENCES)
    assert len({str(NotReleased(word)) for word in words}) >= len(words) - 1


def test_without_the_keyholder_nothing_is_recorded_and_it_says_so(with_record, settings, tmp_path, monkeypatch):
    settings.KEYHOLDER_SOCKET = str(tmp_path / "nobody")
    monkeypatch.setattr(escrow, "_outside_a_transaction", lambda: None)

    def record(_to):
        raise AssertionError("There is nobody to open it.")

    with pytest.raises(KeyholderAway, match="keyholder does not answer"):
        escrow.released(with_record.patient, why="emergency", record=record)


def test_the_keyholder_is_asked_outside_a_transaction(with_record, settings, tmp_path):
    settings.KEYHOLDER_SOCKET = str(tmp_path / "nobody")
    with pytest.raises(RuntimeError, match="committed"):
        escrow.released(with_record.patient, why="emergency", record=lambda _to: None)


def test_production_without_a_keyholder_says_that_it_is_away(ground, settings):
    settings.PRODUCTION, settings.KEYHOLDER_SOCKET = True, ""
    with pytest.raises(KeyholderAway, match="keyholder does not answer"):
        escrow.require_keyholder()


def test_a_keyholder_that_goes_away_half_way_is_on_the_log(with_record, doctor, monkeypatch):
    real = escrow._answered

    def answered(message, within):
        if wire.unpack(message)["ask"] == "release":
            raise KeyholderAway
        return real(message, within)

    monkeypatch.setattr(escrow, "_answered", answered)
    with pytest.raises(KeyholderAway):
        escrow.released(
            with_record.patient,
            why="emergency",
            record=lambda to: say_emergency(with_record.patient, doctor.user, OneUseKey(), details={"to": to}),
        )
    told = audit.story(with_record.patient.pk, limit=2)
    assert [line.action for line in told] == ["escrow.refused", "emergency.opened"]
    assert told[0].because == "keyholder-away"
