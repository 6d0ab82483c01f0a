"""Somebody changes rows between what a patient read and what their own session then signs."""

import uuid
from contextlib import suppress
from datetime import timedelta

import pytest

from consent import access
from consent.models import AccessRequest, BulkAct, Grant
from consent.sharing import answering, asking, bulk, grants, moving, referrals
from consent.sharing.moving import Choice, Do
from consent.sharing.proposing import Narrow
from consent.sharing.requests import CannotAnswer
from ehr import clock
from ehr.words import Category
from patients.models import BundledKey, Manifest
from tests import people
from tests.consent.conftest import draft

pytestmark = [pytest.mark.django_db, pytest.mark.security]


@pytest.fixture
def asker(with_record):
    """A clinician who may ask, for Ana let them in once before."""
    reader = people.clinician("Asker")
    given = people.give(with_record, reader, Category.BASIC)
    grants.end(given, keyring=None, by=access.own_party(with_record.patient))
    return reader


@pytest.fixture
def asked(with_record, asker):
    return ask(with_record, asker)


def ask(patient, reader):
    return asking.ask(
        patient.patient,
        reader=reader.user,
        keyring=reader.keyring,
        categories=[Category.LABS],
        days=10,
        words="For your visit.",
    )


def answered(patient, request, sentence):
    return answering.approve(
        request,
        keyring=patient.keyring,
        categories=request.categories,
        actions=request.actions,
        days=request.days,
        sentence=sentence,
    )


CHANGES = [{"categories": ["labs", "treatment"]}, {"actions": ["read", "write"]}, {"days": 300}]


def named(change) -> str:
    return next(iter(change))


@pytest.mark.parametrize("change", CHANGES, ids=named)
def test_a_request_that_changed_after_its_sentence_was_read_is_not_signed(with_record, asked, change):
    terms = {"categories": asked.categories, "actions": asked.actions, "days": asked.days}
    sentence = answering.propose(asked, **terms).sentence
    AccessRequest.objects.filter(pk=asked.pk).update(**change)
    with pytest.raises((grants.CannotGive, CannotAnswer)):
        answered(with_record, AccessRequest.objects.get(pk=asked.pk), sentence)
    assert not Grant.objects.filter(reader=asked.reader, ending=None).exists()


def test_a_request_that_was_handed_to_somebody_else_after_its_sentence_was_read_is_not_signed(
    with_record, asked, stranger
):
    terms = {"categories": asked.categories, "actions": asked.actions, "days": asked.days}
    sentence = answering.propose(asked, **terms).sentence
    AccessRequest.objects.filter(pk=asked.pk).update(reader=stranger.user.reader)
    with pytest.raises((grants.CannotGive, CannotAnswer)):
        answered(with_record, AccessRequest.objects.get(pk=asked.pk), sentence)
    assert not Grant.objects.filter(reader=stranger.user.reader).exists()


def test_a_referral_that_changed_after_its_sentence_was_read_is_not_signed(with_record, lee, stranger):
    people.give(with_record, lee, Category.LABS, days=60)
    sent = referrals.refer(
        with_record.patient,
        referrer=lee.user,
        keyring=lee.keyring,
        to=people.clinician("Hana Heart").user,
        categories=[Category.LABS],
        actions=["read"],
        days=30,
        words="Please look at the heart.",
    )
    terms = {"categories": sent.categories, "actions": sent.actions, "days": sent.days}
    sentence = referrals.propose(sent, **terms).sentence
    type(sent).objects.filter(pk=sent.pk).update(to=stranger.user.reader)
    changed = referrals.of_patient(with_record.patient, sent.pk)
    with pytest.raises(grants.CannotGive):
        referrals.approve(changed, keyring=with_record.keyring, sentence=sentence, **terms)
    assert not Grant.objects.filter(reader=stranger.user.reader).exists()


# --- Many at once ----------------------------------------------------------------------------------
def advanced(patient, act) -> None:
    with suppress(bulk.CannotDo):
        bulk.advance(act, keyring=patient.keyring)


def test_an_act_that_its_patient_never_confirmed_signs_nothing(with_record, asked):
    planted = BulkAct.objects.create(
        patient=with_record.patient, by=with_record.user, kind="approve", items=[str(asked.pk)]
    )
    advanced(with_record, planted)
    assert not Grant.objects.filter(reader=asked.reader, ending=None).exists()


@pytest.mark.parametrize(
    "change", [*CHANGES[:2], {"categories": ["mental-health"]}], ids=["more", "write", "sensitive"]
)
def test_a_request_that_changed_after_many_were_confirmed_is_left_out(with_record, asked, change):
    act = bulk.begin(
        with_record.patient, kind="approve", items=[asked.pk], once=uuid.uuid4(), keyring=with_record.keyring
    )
    AccessRequest.objects.filter(pk=asked.pk).update(**change)
    advanced(with_record, act)
    assert not Grant.objects.filter(reader=asked.reader, ending=None).exists()


def test_many_that_changed_while_their_sentences_were_read_are_not_confirmed(with_record, asked):
    read = bulk.as_read(with_record.patient, kind="approve", items=[asked.pk])
    AccessRequest.objects.filter(pk=asked.pk).update(days=300)
    with pytest.raises(bulk.CannotDo):
        bulk.begin(
            with_record.patient,
            kind="approve",
            items=[asked.pk],
            once=uuid.uuid4(),
            keyring=with_record.keyring,
            read=read,
        )


def test_an_act_reaches_nothing_of_another_patient(with_record, asked, stranger):
    other = people.patient("Bo Lind")
    given = people.give(with_record, stranger, Category.LABS)
    for kind, item in (("end", given.pk), ("approve", asked.pk), ("decline", asked.pk)):
        planted = BulkAct.objects.create(patient=other.patient, by=other.user, kind=kind, items=[str(item)])
        assert bulk.advance(planted, keyring=other.keyring).refused == {str(item): "not-there"}
    assert Grant.objects.filter(pk=given.pk, ending=None).exists()
    assert AccessRequest.objects.get(pk=asked.pk).state == "asked"


# --- Moving ----------------------------------------------------------------------------------------
@pytest.fixture
def old(ground):
    return people.institution("Old Hospital")


@pytest.fixture
def kim(old):
    return people.clinician("Jo Kim", place=old)


@pytest.fixture
def new_doctor(ground):
    return people.clinician("Nora New", place=people.institution("New Hospital"))


def move(person, place, grant, to):
    choices = {grant.pk: Choice(Do.MOVE, to.user) if to else Choice(Do.END)}
    return moving.move(person.patient, keyring=person.keyring, leaving=place, choices=choices, act=uuid.uuid4())


@pytest.mark.parametrize(
    "change",
    [{"categories": ["genetic", "labs"]}, {"actions": ["read", "write"]}, {"ends": clock.now() + timedelta(days=600)}],
    ids=named,
)
def test_a_widened_row_does_not_move_as_a_wider_permission(with_record, old, kim, new_doctor, change):
    grant = people.give(with_record, kim, Category.LABS)
    Grant.objects.filter(pk=grant.pk).update(**change)
    with suppress(grants.CannotGive):
        move(with_record, old, grant, new_doctor)
    assert not Grant.objects.filter(reader=new_doctor.user.reader).exists()


def test_a_row_added_to_a_bundle_does_not_move_with_it(ana, old, kim, new_doctor):
    chosen, other = access.add_own(
        ana.patient, [draft(Category.LABS, "chosen"), draft(Category.LABS, "secret")], keyring=ana.keyring
    )
    grant = people.give(ana, kim, Category.LABS, narrow=Narrow(entries=frozenset({str(chosen.logical_id)})))
    BundledKey.objects.create(grant_id=grant.pk, entry=other, blob=b"x" * 60)
    with suppress(grants.CannotGive):
        move(ana, old, grant, new_doctor)
    assert not BundledKey.objects.filter(entry=other).exists()


@pytest.mark.xfail(strict=True, reason="Who wrote an entry, and who works where, are rows: threat model.")
def test_an_entry_that_is_said_to_be_theirs_stays_out_of_a_place_s_legal_copy(ana, old, kim):
    wrote = people.give(ana, kim, Category.LABS, actions=("read", "write"))
    access.add_entries(
        ana.patient, [draft(Category.LABS, "theirs")], reader=kim.user, keyring=kim.keyring, purpose="TREAT"
    )
    secret = access.add_own(ana.patient, [draft(Category.GENETIC, "secret")], keyring=ana.keyring)[0]
    Manifest.objects.filter(entries=secret).update(author=kim.keyring.version_id)
    with suppress(grants.CannotGive):
        move(ana, old, wrote, None)
    assert not BundledKey.objects.filter(entry=secret).exists()
