"""Sealed rows: whatever is changed in them is noticed, and nothing is dropped for it."""

import uuid

import pytest
from django.db import IntegrityError

from consent import access, keys
from ehr.accounts.models import KeyVersion
from ehr.crypto import signing
from ehr.words import Category
from patients import vault
from patients.models import Chunk, Entry, Manifest, WrappedKey
from patients.vault import signed
from tests import people
from tests.consent.conftest import draft

pytestmark = [pytest.mark.django_db, pytest.mark.security]


@pytest.fixture
def ana(db):
    people.prepare_ground()
    person = people.patient()
    access.add_own(person.patient, [draft(Category.LABS, str(n)) for n in range(3)], keyring=person.keyring)
    return person


def read(person, *parts):
    boxes = keys.own_boxes(person.patient, parts or [Category.LABS], keyring=person.keyring)
    return vault.read(person.patient, boxes)


def flip(value: bytes, at: int = -1) -> bytes:
    changed = bytearray(value)
    changed[at] ^= 1
    return bytes(changed)


def test_three_entries_read_back_whole(ana):
    assert sorted(entry.resource["note"][0]["text"] for entry in read(ana)) == ["0", "1", "2"]


@pytest.mark.parametrize("at", [0, 1, 33, 45, -1], ids=["version", "commitment", "nonce", "text", "tag"])
def test_a_changed_body_is_shown_as_unreadable_and_the_others_stay(ana, at):
    victim = Entry.objects.first()
    Entry.objects.filter(pk=victim.pk).update(body=flip(victim.body, at))
    entries = {entry.entry_id: entry for entry in read(ana)}
    assert len(entries) == 3
    assert entries[victim.pk].raw is None
    assert entries[victim.pk].resource == {}
    assert sum(entry.raw is not None for entry in entries.values()) == 2


def test_a_changed_key_is_shown_as_unreadable(ana):
    victim = WrappedKey.objects.first()
    WrappedKey.objects.filter(pk=victim.pk).update(blob=flip(victim.blob))
    assert sum(entry.raw is None for entry in read(ana)) == 1


def test_bodies_swapped_between_entries_do_not_open(ana):
    one, other = Entry.objects.all()[:2]
    Entry.objects.filter(pk=one.pk).update(body=other.body)
    Entry.objects.filter(pk=other.pk).update(body=one.body)
    assert sum(entry.raw is None for entry in read(ana)) == 2


@pytest.mark.parametrize("change", [{"version": 2}, {"logical_id": uuid.UUID(int=7)}])
def test_another_version_or_id_does_not_open(ana, change):
    Entry.objects.filter(pk=Entry.objects.first().pk).update(**change)
    assert sum(entry.raw is None for entry in read(ana)) == 1


def test_an_entry_put_into_another_record_does_not_open(ana):
    other = people.patient("Somebody Else")
    access.add_own(other.patient, [draft(Category.LABS)], keyring=other.keyring)
    mine, theirs = ana.patient.entries.first(), other.patient.entries.first()
    Entry.objects.filter(pk=mine.pk).update(body=theirs.body)
    assert sum(entry.raw is None for entry in read(ana)) == 1


def test_a_key_moved_to_another_part_does_not_open(ana):
    row = WrappedKey.objects.first()
    genetic = ana.patient.lockboxes.get(part="genetic")
    WrappedKey.objects.filter(pk=row.pk).update(lockbox=genetic)
    assert [entry.raw for entry in read(ana, Category.GENETIC)] == [None]


def test_a_changed_signature_is_shown_and_the_entry_is_not_dropped(ana):
    manifest = Manifest.objects.get()
    Manifest.objects.filter(pk=manifest.pk).update(signature=flip(manifest.signature))
    entries = read(ana)
    assert len(entries) == 3
    assert not any(entry.author_valid for entry in entries)


def test_an_entry_that_its_author_did_not_list_is_shown_as_unsigned(ana):
    Entry.objects.filter(position=2).update(position=1)
    assert sorted(entry.author_valid for entry in read(ana)) == [False, True, True]


def test_a_manifest_signed_by_somebody_else_is_not_believed(ana):
    other = people.patient("Somebody Else")
    Manifest.objects.update(author=other.user.reader.keyring.version)
    assert not any(entry.author_valid for entry in read(ana))


def test_an_author_key_that_the_log_does_not_know_is_not_believed(ana):
    pair, manifest = signing.generate(), Manifest.objects.get()
    planted = KeyVersion.objects.get(pk=manifest.author_id)
    planted.pk, planted.number, planted.author_public = None, 2, pair.public
    planted.save(force_insert=True)
    message = signed.manifest_message(ana.patient.pk, manifest.author_name, bytes(manifest.digests))
    Manifest.objects.update(author=planted, signature=signing.sign(pair.private, message))
    assert not any(entry.author_valid for entry in read(ana))


def test_another_name_for_the_author_is_not_believed(ana):
    Manifest.objects.update(author_name="Somebody Famous")
    assert not any(entry.author_valid for entry in read(ana))


def test_a_missing_piece_of_a_picture_is_noticed(ana):
    content = b"x" * (vault.CHUNK_BYTES + 5)
    (entry,) = access.add_own(ana.patient, [draft(Category.LABS, attachment=content)], keyring=ana.keyring)
    boxes = keys.own_boxes(ana.patient, [Category.LABS], keyring=ana.keyring)
    assert vault.read_attachment(entry, boxes) == content
    Chunk.objects.filter(entry=entry, number=1).delete()
    with pytest.raises(keys.CannotOpen):
        vault.read_attachment(entry, boxes)


def test_search_values_are_sealed_beside_the_entry(ana):
    entry = Entry.objects.first()
    boxes = keys.own_boxes(ana.patient, [Category.LABS], keyring=ana.keyring)
    assert vault.read_search(entry, boxes) == b"{}"
    with pytest.raises(keys.CannotOpen):
        vault.read_search(entry, keys.own_boxes(ana.patient, [Category.GENETIC], keyring=ana.keyring))


def test_a_second_current_version_is_refused_by_the_database(ana):
    entry = ana.patient.entries.first()
    entry.pk, entry.version = uuid.uuid4(), 2
    with pytest.raises(IntegrityError):
        entry.save(force_insert=True)
