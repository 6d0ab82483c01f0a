"""A block by name beats every grant; whoever is kept out cannot tell it from a permission that was stopped."""

import pytest

from audit.queries import story
from consent import access
from consent.models import Ending
from consent.sharing import blocks, grants
from consent.sharing.blocks import CannotBlock
from consent.sharing.proposing import CannotGive
from ehr.notices.models import Notice
from ehr.words import Category
from patients.models import GrantSeal
from tests import people
from tests.consent.test_narrow import read

pytestmark = pytest.mark.django_db


def refusal(patient, reader) -> access.AccessDenied:
    with pytest.raises(access.AccessDenied) as found:
        read(patient, reader)
    return found.value


def test_a_block_beats_every_grant_from_the_next_request_on(with_record, lee):
    people.give(with_record, lee, *Category)
    blocks.block(with_record.patient, reader=lee.user, keyring=with_record.keyring)
    refusal(with_record, lee)


def test_nobody_is_let_in_by_the_patient_while_they_keep_them_out(with_record, lee):
    kept = blocks.block(with_record.patient, reader=lee.user)
    with pytest.raises(CannotGive, match="Lift that first"):
        people.give(with_record, lee, Category.LABS)
    assert not GrantSeal.objects.exists()
    blocks.lift(kept)
    assert people.give(with_record, lee, Category.LABS)


def let_in_all_the_same(patient, lee, monkeypatch):
    """Give Dr Lee a permission and its keys while they are kept out, as if nothing had looked."""
    with monkeypatch.context() as unlooked:
        unlooked.setattr(grants, "check_not_kept_out", lambda *_args, **_more: None)
        return people.give(patient, lee, Category.LABS)


def test_a_grant_made_after_the_block_does_not_open_either(with_record, lee, monkeypatch):
    blocks.block(with_record.patient, reader=lee.user)
    let_in_all_the_same(with_record, lee, monkeypatch)
    refusal(with_record, lee)


def test_the_keys_are_gone_with_the_block(with_record, lee):
    grant = people.give(with_record, lee, Category.LABS)
    blocks.block(with_record.patient, reader=lee.user)
    assert not GrantSeal.objects.filter(grant_id=grant.pk).exists()
    assert Ending.objects.get(grant=grant).cause == Ending.Cause.BLOCK


def test_the_blocked_person_hears_and_reads_what_a_stopped_permission_says(with_record, lee, stranger):
    stopped = people.give(with_record, stranger, Category.LABS)
    people.give(with_record, lee, Category.LABS)
    blocks.block(with_record.patient, reader=lee.user)
    access_ended = refusal(with_record, lee)
    people.grants.end(stopped, keyring=None, by=access.own_party(with_record.patient))
    other = refusal(with_record, stranger)
    assert (str(access_ended), access_ended.because) == (str(other), other.because)
    told = [
        list(Notice.objects.filter(user=one.user).order_by("created_at").values_list("kind", flat=True))
        for one in (lee, stranger)
    ]
    assert told[0] == told[1]


def test_the_patients_list_says_that_it_was_the_block(with_record, lee, monkeypatch):
    people.give(with_record, lee, Category.LABS)
    blocks.block(with_record.patient, reader=lee.user)
    let_in_all_the_same(with_record, lee, monkeypatch)
    refusal(with_record, lee)
    assert story(with_record.patient.pk)[0].because == "blocked"


def test_blocked_twice_is_one_block_and_lifted_twice_is_one_line(with_record, lee):
    first = blocks.block(with_record.patient, reader=lee.user)
    assert blocks.block(with_record.patient, reader=lee.user) == first
    blocks.lift(first)
    blocks.lift(first)
    actions = [line.action for line in story(with_record.patient.pk)]
    assert actions.count("reader.blocked") == actions.count("reader.unblocked") == 1


def test_a_lifted_block_brings_nothing_back_by_itself(with_record, lee):
    people.give(with_record, lee, Category.LABS)
    blocks.lift(blocks.block(with_record.patient, reader=lee.user))
    refusal(with_record, lee)
    people.give(with_record, lee, Category.LABS)
    assert read(with_record, lee).entries


def test_nobody_keeps_themselves_out(with_record):
    with pytest.raises(CannotBlock):
        blocks.block(with_record.patient, reader=with_record.user)
