"""Renewed keys: everything stays readable, grants go on, and what was closed for older keys is closed for the new."""

import pytest
from django.db import transaction

from consent import access, authority, keys, proofs, upkeep
from consent.models import Ending, Grant, GrantParcel
from consent.sharing import grants
from ehr.accounts import keyrings
from ehr.accounts.models import Keyring
from ehr.words import Category
from patients.models import GrantSeal, Seal
from tests import people
from tests.consent.conftest import draft, texts
from tests.consent.test_narrow import only, read

pytestmark = pytest.mark.django_db
EVERY = {f"marker {part}" for part in Category}


def renew(person) -> None:
    """Give somebody fresh keys, as after a recovery."""
    with transaction.atomic():
        person.keyring = keyrings.succeed(Keyring.objects.get(reader=person.keyring.reader_id), person.keyring)


def raw(person) -> dict:
    return {one.entry_id: one.raw for one in access.open_own(person.patient, keyring=person.keyring).entries}


def stop(person, grant) -> None:
    grants.end(grant, keyring=person.keyring, by=access.own_party(person.patient))


def test_all_of_a_record_is_readable_byte_for_byte_with_renewed_keys(with_record):
    before = raw(with_record)
    renew(with_record)
    assert raw(with_record) == before
    assert upkeep.tidy(with_record.patient, keyring=with_record.keyring) > 0
    assert raw(with_record) == before


def test_after_the_first_visit_nothing_is_closed_for_the_older_keys(with_record):
    old = with_record.keyring
    renew(with_record)
    upkeep.tidy(with_record.patient, keyring=with_record.keyring)
    assert not Seal.objects.filter(key_version=old.version_id, lockbox__closed_at=None).exists()
    assert upkeep.tidy(with_record.patient, keyring=with_record.keyring) == 0


def test_words_on_the_log_stay_readable_with_renewed_keys(with_record):
    said = keys.seal_words(with_record.patient, b"before", info=b"request")
    renew(with_record)
    upkeep.tidy(with_record.patient, keyring=with_record.keyring)
    later = keys.seal_words(with_record.patient, b"after", info=b"request")
    opened = [
        keys.open_words(with_record.patient, sealed, keyring=with_record.keyring, info=b"request")
        for sealed in (said, later)
    ]
    assert opened == [b"before", b"after"]


def test_readers_keep_reading_when_the_patients_keys_are_renewed(with_record, lee):
    people.give(with_record, lee, *Category)
    renew(with_record)
    assert texts(read(with_record, lee)) == EVERY
    upkeep.tidy(with_record.patient, keyring=with_record.keyring)
    assert texts(read(with_record, lee)) == EVERY


def test_readers_with_renewed_keys_keep_reading_before_and_after_the_patient_comes_in(with_record, lee):
    grant = people.give(with_record, lee, Category.LABS)
    renew(lee)
    assert texts(read(with_record, lee)) == {"marker labs"}
    assert upkeep.tidy(with_record.patient, keyring=with_record.keyring) == 1
    assert GrantSeal.objects.get(grant_id=grant.pk).key_version_id == lee.keyring.version_id
    assert texts(read(with_record, lee)) == {"marker labs"}


def test_a_bundle_follows_renewed_keys(with_record, lee):
    entry = draft(Category.LABS, "chosen")
    access.add_own(with_record.patient, [entry], keyring=with_record.keyring)
    people.give(with_record, lee, Category.LABS, narrow=only(str(entry.logical_id)))
    renew(lee)
    upkeep.tidy(with_record.patient, keyring=with_record.keyring)
    assert texts(read(with_record, lee)) == {"chosen"}


def test_a_grant_signed_with_older_keys_is_ended_and_burnt_with_them(with_record, lee):
    grant = people.give(with_record, lee, Category.LABS)
    renew(with_record)
    stop(with_record, grant)
    ending = Ending.objects.get()
    assert ending.epoch_turned_at is not None
    assert ending.signature_r is not None
    assert GrantParcel.objects.filter(grant=grant, kind=GrantParcel.Kind.BURN).exists()


def test_a_grant_signed_with_older_keys_is_still_one_that_its_patient_signed(with_record, lee):
    grant = people.give(with_record, lee, Category.LABS)
    renew(with_record)
    assert authority.signed_for_patient(Grant.objects.get(pk=grant.pk))
    assert proofs.made_by(grant, with_record.keyring.past(grant.patient_version_id))
    assert not proofs.made_by(grant, with_record.keyring)


def test_who_was_refused_before_is_refused_after(with_record, lee):
    grant = people.give(with_record, lee, Category.LABS)
    stop(with_record, grant)
    renew(lee)
    with pytest.raises(access.AccessDenied):
        read(with_record, lee)
