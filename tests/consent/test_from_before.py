"""What was shared before an update stays what its patient signed, and opens again once they were signed in."""

import pytest

from consent import access, proofs, queries, upkeep
from consent.access import AccessDenied, own_party
from consent.models import Grant
from consent.sharing import grants
from ehr.notices.models import Notice
from ehr.words import Category, Purpose
from patients.models import GrantSeal, Lockbox, Seal
from tests import people
from tests.consent import urgent

pytestmark = pytest.mark.django_db


@pytest.fixture
def officer(ground):
    return urgent.officer()


@pytest.fixture
def from_before(with_record, lee, monkeypatch):
    """A grant whose token names days, without a seal of its own, of a record that is not sealed to the escrow."""
    monkeypatch.setattr(proofs, "whole_quarters", proofs.whole_days)
    grant = people.give(with_record, lee, Category.LABS)
    monkeypatch.undo()
    Grant.objects.filter(pk=grant.pk).update(widened=Grant.Widened.DAYS)
    GrantSeal.objects.filter(grant_id=grant.pk).delete()
    Seal.objects.filter(reader=queries.escrow()).delete()
    return Grant.objects.get(pk=grant.pk)


def look(sharer, reader):
    return access.open_chart(sharer.patient, reader=reader.user, keyring=reader.keyring, purpose=Purpose.TREAT)


def test_what_was_signed_for_days_is_genuine(from_before):
    assert proofs.genuine(from_before)
    assert proofs.token_grant(from_before).until % 86_400 == 0


def test_what_was_signed_for_days_is_not_genuine_for_quarters(from_before):
    from_before.widened = Grant.Widened.QUARTERS
    assert not proofs.genuine(from_before)


@pytest.mark.security
def test_until_then_its_reader_is_told_to_wait_and_no_officer_of_tampering(from_before, with_record, lee, officer):
    with pytest.raises(AccessDenied) as refused:
        look(with_record, lee)
    assert refused.value.because == "keys-wait"
    assert not Notice.objects.filter(kind="desk.grant-altered").exists()


def test_it_opens_once_its_patient_was_signed_in(from_before, with_record, lee):
    upkeep.tidy(with_record.patient, keyring=with_record.keyring)
    assert look(with_record, lee).categories == (Category.LABS,)
    assert upkeep.tidy(with_record.patient, keyring=with_record.keyring) == 0


@pytest.mark.security
def test_every_part_of_the_record_is_then_sealed_to_the_escrow_too(from_before, with_record):
    upkeep.tidy(with_record.patient, keyring=with_record.keyring)
    current = Lockbox.objects.filter(patient=with_record.patient, closed_at__isnull=True)
    sealed = set(current.filter(seals__reader=queries.escrow()).values_list("part", flat=True))
    assert sealed == {str(part) for part in Category}


def test_it_is_ended_and_burnt_as_the_token_that_it_is(from_before, with_record):
    token = proofs.token_id(from_before)
    grants.end(from_before, keyring=with_record.keyring, by=own_party(with_record.patient))
    ended = Grant.objects.get(pk=from_before.pk)
    assert ended.ending.signature_r is not None
    assert proofs.token_id(ended) == token


@pytest.mark.security
def test_a_row_that_only_says_it_is_from_before_is_told_to_the_officers(with_record, lee, officer):
    grant = people.give(with_record, lee, Category.LABS)
    Grant.objects.filter(pk=grant.pk).update(widened=Grant.Widened.DAYS)
    with pytest.raises(AccessDenied) as refused:
        look(with_record, lee)
    assert refused.value.because == "seal-does-not-open"
    assert Notice.objects.filter(kind="desk.grant-altered", user=officer.user).exists()
