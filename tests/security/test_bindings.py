"""What a thief of the database would try: keys, seals and rows of another time, part, person or version."""

import pytest
from django.db import transaction
from django.db.models import F
from hypothesis import assume, given
from hypothesis import strategies as st

from consent import access, keys
from consent.access import own_party
from consent.models import Ending, Grant
from consent.sharing import grants
from ehr.crypto import opening, sealing
from ehr.crypto.formats import CannotOpen
from ehr.words import Category, Purpose
from patients.lockboxes import LockboxForged
from patients.models import Entry, Lockbox, Seal, WrappedKey
from tests import people
from tests.consent.conftest import draft

pytestmark = [pytest.mark.security, pytest.mark.django_db]
SECRET = "Quokkaitis"


@pytest.fixture
def ana(db):
    people.prepare_ground()
    person = people.patient("Ana Costa")
    access.add_own(person.patient, [draft(Category.LABS, SECRET)], keyring=person.keyring)
    return person


@pytest.fixture
def lee(ana):
    return people.clinician("Mei Lee")


def own_texts(person, *, expect=(access.AccessDenied, CannotOpen, LockboxForged)) -> list[str]:
    """Return what of the own record opens; nothing where it says itself that a key does not fit."""
    try:
        chart = access.open_own(person.patient, keyring=person.keyring, categories=[Category.LABS])
    except expect:
        return []
    return [entry.resource["note"][0]["text"] for entry in chart.entries if entry.raw is not None]


def texts(person, reader) -> list[str]:
    try:
        chart = access.open_chart(person.patient, reader=reader.user, keyring=reader.keyring, purpose=Purpose.TREAT)
    except (access.AccessDenied, CannotOpen, LockboxForged):
        return []
    return [entry.resource["note"][0]["text"] for entry in chart.entries if entry.raw is not None]


def test_what_is_tried_here_opens_while_nothing_is_changed(ana, lee):
    people.give(ana, lee, Category.LABS)
    assert own_texts(ana) == texts(ana, lee) == [SECRET]


def test_keys_wrapped_in_an_earlier_epoch_do_not_open_in_this_one(ana, lee):
    grant = people.give(ana, lee, Category.LABS)
    earlier = dict(WrappedKey.objects.values_list("entry_id", "blob"))
    grants.end(grant, keyring=ana.keyring, by=own_party(ana.patient))
    assert own_texts(ana) == [SECRET]
    for entry, blob in earlier.items():
        WrappedKey.objects.filter(entry_id=entry).update(blob=blob)
    assert own_texts(ana) == []


@pytest.mark.parametrize("by", [1, 7, 2**20])
def test_a_lockbox_that_says_another_epoch_does_not_open(ana, by):
    Lockbox.objects.filter(patient=ana.patient, part=Category.LABS).update(epoch=F("epoch") + by)
    assert own_texts(ana) == []


def test_a_seal_put_back_after_the_end_opens_nothing(ana, lee):
    grant = people.give(ana, lee, Category.LABS)
    stolen = list(Seal.objects.filter(grant_id=grant.pk))
    grants.end(grant, keyring=ana.keyring, by=own_party(ana.patient))
    Seal.objects.bulk_create(stolen)
    Ending.objects.all().delete()
    assert texts(ana, lee) == []


def test_a_seal_moved_to_the_new_epoch_opens_nothing(ana, lee):
    grant = people.give(ana, lee, Category.LABS)
    (stolen,) = Seal.objects.filter(grant_id=grant.pk)
    grants.end(grant, keyring=ana.keyring, by=own_party(ana.patient))
    stolen.pk, stolen.lockbox = None, Lockbox.objects.get(patient=ana.patient, part=Category.LABS, closed_at=None)
    stolen.save(force_insert=True)
    Ending.objects.all().delete()
    assert texts(ana, lee) == []


def test_a_grant_that_says_more_than_was_signed_opens_nothing(ana, lee):
    grant = people.give(ana, lee, Category.HISTORY)
    Grant.objects.filter(pk=grant.pk).update(categories=[Category.HISTORY, Category.LABS])
    assert texts(ana, lee) == []


def test_another_patients_grant_and_seal_open_nothing(ana, lee):
    ben = people.patient("Ben Okoro")
    access.add_own(ben.patient, [draft(Category.LABS, "his")], keyring=ben.keyring)
    grant = people.give(ben, lee, Category.LABS)
    hers = Lockbox.objects.get(patient=ana.patient, part=Category.LABS)
    Grant.objects.filter(pk=grant.pk).update(patient=ana.patient)
    Seal.objects.filter(grant_id=grant.pk).update(lockbox=hers)
    assert texts(ana, lee) == []


def test_an_earlier_version_cannot_be_shown_as_the_newest(ana):
    entry = Entry.objects.get()
    again = draft(Category.LABS, "changed", logical_id=entry.logical_id, version=2)
    access.add_own(ana.patient, [again], keyring=ana.keyring)
    newest = Entry.objects.get(version=2)
    with transaction.atomic():
        Entry.objects.filter(pk=newest.pk).update(body=entry.body)
    assert own_texts(ana) == []


def test_ones_own_keys_open_nothing_of_anothers(ana):
    ben = people.patient("Ben Okoro")
    assert set(keys.own_boxes(ana.patient, [Category.LABS], keyring=ana.keyring)) == {Category.LABS}
    ana.keyring = ben.keyring
    assert own_texts(ana) == []


# --- Each binding, by itself ---------------------------------------------------------------------
PAIR = sealing.generate_kem()
CONTEXTS = st.binary(max_size=60)


@given(CONTEXTS, CONTEXTS, st.binary(max_size=200))
def test_no_other_context_opens_a_ciphertext(context, other, text):
    assume(context != other)
    key = bytes(32)
    with pytest.raises(CannotOpen):
        opening.decrypt(key, sealing.encrypt(key, text, aad=context), aad=other)
    with pytest.raises(CannotOpen):
        opening.decrypt_committed(key, sealing.encrypt_committed(key, text, aad=context), aad=other)


@given(CONTEXTS, CONTEXTS)
def test_no_other_context_opens_a_seal(context, other):
    assume(context != other)
    sealed = sealing.seal(PAIR.public, b"root", info=context)
    with pytest.raises(CannotOpen):
        opening.open_seal(PAIR.private, sealed, info=other)


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_no_other_key_opens_what_commits_to_its_own(key, other):
    assume(key != other)
    with pytest.raises(CannotOpen, match="commits"):
        opening.decrypt_committed(other, sealing.encrypt_committed(key, b"text", aad=b""), aad=b"")
