"""What somebody who writes to the database may try: rows about consent that nobody signed."""

import uuid
from dataclasses import replace

import pytest
from django.db import connection

from audit.models import EventBody
from consent import access, proofs
from consent.access import AccessDenied, writing
from consent.models import Ending, Grant
from consent.sharing import grants
from ehr.accounts.keyrings import CannotOpen
from ehr.chain import tokens, typed_data
from ehr.crypto.sealing import generate_kem
from ehr.words import Action, Category, Purpose
from patients.lockboxes import LockboxForged, OpenBox, Recipient, make_seal
from patients.models import Seal, WrappedKey
from tests import people
from tests.consent.conftest import draft, texts

pytestmark = [pytest.mark.django_db, pytest.mark.security]


def read(patient, reader):
    return access.open_chart(patient.patient, reader=reader.user, keyring=reader.keyring, purpose=Purpose.TREAT)


def stop(patient, grant):
    return grants.end(grant, keyring=patient.keyring, by=access.own_party(patient.patient))


def forged(genuine: Grant, forger: people.Person, **changes) -> Grant:
    """Store a grant that only the forger signed: one-time key, author key and all."""
    row = Grant.objects.select_related("key_version").get(pk=genuine.pk)
    row.pk = uuid.uuid4()
    for name, value in changes.items():
        setattr(row, name, value)
    private = forger.keyring.grant_key(row.pk.bytes)
    row.holder, row.signer = "0x" + uuid.uuid4().hex + "00000000", typed_data.address_of(private)
    row.patient_version_id = forger.keyring.version_id
    row.signature_r, row.signature_vs = tokens.sign_grant(private, proofs.token_grant(row), proofs.domain(row))
    row.binding = forger.keyring.sign(proofs.binding_message(row.patient_id, proofs.digest(row), row.signer))
    row.save(force_insert=True)
    return row


def said(action: str) -> int:
    return sum(f'"action":"{action}"'.encode() in bytes(body.payload) for body in EventBody.objects.all())


def test_a_widened_grant_row_gains_nothing_when_the_epoch_turns(with_record, lee, stranger):
    widened = people.give(with_record, lee, Category.LABS)
    leaving = people.give(with_record, stranger, Category.MENTAL_HEALTH)
    Grant.objects.filter(pk=widened.pk).update(categories=["labs", "mental-health"])
    stop(with_record, leaving)
    assert not Seal.objects.filter(grant_id=widened.pk, lockbox__part="mental-health").exists()
    with pytest.raises(AccessDenied):
        read(with_record, lee)
    assert said("grant.altered") == 1


def test_a_grant_row_that_the_patient_never_signed_gets_no_key_when_the_epoch_turns(with_record, lee, stranger):
    leaving = people.give(with_record, lee, Category.LABS)
    reader = stranger.user.reader
    made = forged(leaving, stranger, reader=reader, key_version=reader.keyring.version)
    stop(with_record, leaving)
    assert Ending.objects.get().epoch_turned_at is not None
    assert not Seal.objects.filter(grant_id=made.pk).exists()
    with pytest.raises(AccessDenied):
        read(with_record, stranger)


def test_a_grant_to_write_that_somebody_else_signed_writes_nothing(ana, lee, stranger):
    genuine = people.give(ana, lee, Category.LABS, actions=(Action.WRITE,))
    reader = stranger.user.reader
    forged(genuine, stranger, reader=reader, key_version=reader.keyring.version)
    with pytest.raises(AccessDenied):
        access.add_entries(
            ana.patient, [draft(Category.LABS)], reader=stranger.user, keyring=stranger.keyring, purpose=Purpose.TREAT
        )


def test_readers_who_stay_keep_reading_when_the_epoch_turns(with_record, lee, stranger):
    people.give(with_record, lee, Category.LABS)
    stop(with_record, people.give(with_record, stranger, Category.LABS))
    assert Ending.objects.get().epoch_turned_at is not None
    assert texts(read(with_record, lee)) == {"marker labs"}


@pytest.mark.parametrize("actions", [(Action.READ,), (Action.WRITE,)])
def test_nobody_grants_with_a_keyring_that_is_not_the_patients(with_record, lee, stranger, actions):
    foreign = replace(with_record, keyring=stranger.keyring)
    with pytest.raises((AccessDenied, CannotOpen)):
        people.give(foreign, lee, Category.LABS, actions=actions)
    assert not Grant.objects.exists()


def test_nothing_is_put_into_ones_own_record_under_somebody_elses_keys(ana, stranger):
    with pytest.raises(AccessDenied):
        access.add_own(ana.patient, [draft(Category.LABS)], keyring=stranger.keyring)


def test_nothing_is_written_under_a_grant_with_somebody_elses_keys(ana, lee, stranger):
    people.give(ana, lee, Category.LABS, actions=(Action.WRITE,))
    with pytest.raises(AccessDenied):
        access.add_entries(
            ana.patient, [draft(Category.LABS)], reader=lee.user, keyring=stranger.keyring, purpose=Purpose.TREAT
        )


def test_one_damaged_key_does_not_keep_a_patient_from_stopping(with_record, lee):
    grant = people.give(with_record, lee, Category.LABS)
    row = WrappedKey.objects.get(lockbox__part="labs", entry__patient=with_record.patient)
    WrappedKey.objects.filter(pk=row.pk).update(blob=bytes(row.blob)[:-1] + b"\x00\x00")
    stop(with_record, grant)
    assert Ending.objects.get().epoch_turned_at is not None
    labs = [
        one
        for one in access.open_own(with_record.patient, keyring=with_record.keyring).entries
        if one.parts == ("labs",)
    ]
    assert [one.raw for one in labs] == [None]


def test_one_damaged_key_that_arrived_does_not_close_the_rest(ana, lee):
    people.give(ana, lee, Category.LABS, actions=(Action.WRITE,))
    for words in ("first", "second"):
        access.add_entries(
            ana.patient, [draft(Category.LABS, words)], reader=lee.user, keyring=lee.keyring, purpose=Purpose.TREAT
        )
    row = WrappedKey.objects.filter(batch__isnull=False).order_by("pk").first()
    WrappedKey.objects.filter(pk=row.pk).update(blob=bytes(row.blob)[:-1] + b"\x00\x00")
    opened = access.open_own(ana.patient, keyring=ana.keyring)
    assert sorted(one.raw is None for one in opened.entries) == [False, True]


@pytest.mark.django_db(transaction=True)
def test_whether_one_may_write_is_decided_in_the_transaction_that_writes(ana, lee, monkeypatch):
    """Stopping takes the same row first or later, so nothing is written after it."""
    people.give(ana, lee, Category.LABS, actions=(Action.WRITE,))
    judged, inside = writing.judge, []

    def note(*args, **more):
        inside.append(connection.in_atomic_block)
        return judged(*args, **more)

    monkeypatch.setattr(writing, "judge", note)
    access.add_entries(ana.patient, [draft(Category.LABS)], reader=lee.user, keyring=lee.keyring, purpose=Purpose.TREAT)
    assert inside == [True]


@pytest.mark.parametrize("change", [{"holder": "0xnot-an-address"}, {"salt": b""}, {"contract": "nowhere"}])
def test_a_row_that_was_altered_beyond_hashing_keeps_nobody_from_stopping(with_record, lee, stranger, change):
    """Neither that row itself nor its neighbour."""
    altered, leaving = people.give(with_record, stranger, Category.LABS), people.give(with_record, lee, Category.LABS)
    Grant.objects.filter(pk=altered.pk).update(**change)
    stop(with_record, leaving)
    stop(with_record, Grant.objects.get(pk=altered.pk))
    for one in (lee, stranger):
        with pytest.raises(AccessDenied):
            read(with_record, one)


def plant(patient: people.Person, part: str) -> bytes:
    """Put a seal of the intruder's own key in place of a patient's; return the root that they then know."""
    held = Seal.objects.select_related("lockbox").get(
        lockbox__patient=patient.patient, lockbox__part=part, reader=patient.user.reader
    )
    known = OpenBox(held.lockbox, None, generate_kem().private, b"k" * 32)
    version = patient.user.reader.keyring.version
    recipient = Recipient(held.reader_id, version.pk, bytes(version.kem_public), b"owner")
    Seal.objects.filter(pk=held.pk).update(blob=make_seal(known, recipient).blob)
    return known.root


def test_nothing_is_written_under_a_root_that_somebody_planted(ana):
    plant(ana, "labs")
    with pytest.raises(LockboxForged):
        access.add_own(ana.patient, [draft(Category.LABS)], keyring=ana.keyring)


def test_a_planted_seal_destroys_nothing_when_one_stops(with_record, lee):
    grant = people.give(with_record, lee, Category.LABS)
    held = Seal.objects.get(lockbox__patient=with_record.patient, lockbox__part="labs", reader=with_record.user.reader)
    plant(with_record, "labs")
    stop(with_record, grant)
    assert Ending.objects.get().epoch_turned_at is None
    Seal.objects.filter(pk=held.pk).update(blob=bytes(held.blob))
    assert "marker labs" in texts(access.open_own(with_record.patient, keyring=with_record.keyring))
