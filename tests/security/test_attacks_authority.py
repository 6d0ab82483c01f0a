"""Somebody writes any row of the database, and has one ordinary account or friend, to be let in without a yes."""

import uuid
from contextlib import suppress
from datetime import timedelta

import pytest
import time_machine

from consent import access, escrow, tasks, upkeep
from consent.access import AccessDenied
from consent.delegates import vouching
from consent.keyholder import releases
from consent.models import Claim, Delegation, Ending, EscrowUse, Grant, Report
from consent.models.claims import ClaimCheck
from consent.sharing import arrivals, blocks, grants, referrals, reports
from ehr import clock
from ehr.words import Action, Category, Purpose
from patients.models import GrantSeal, Patient, Seal
from providers.roles import Role
from tests import people
from tests.consent.conftest import texts
from tests.consent.keyholding import waiting_record

pytestmark = [pytest.mark.django_db, pytest.mark.security]


def read(patient, reader):
    return access.open_chart(patient.patient, reader=reader.user, keyring=reader.keyring, purpose=Purpose.TREAT)


def stop(patient, grant):
    return grants.end(grant, keyring=patient.keyring, by=access.own_party(patient.patient))


@pytest.fixture
def heart(ground):
    return people.clinician("Hana Heart", role=Role.SPECIALIST)


@pytest.fixture
def held(with_record, lee):
    return people.give(with_record, lee, Category.LABS, actions=(Action.READ, Action.WRITE), days=60)


def refer(lee, ana, to):
    return referrals.refer(
        ana.patient,
        referrer=lee.user,
        keyring=lee.keyring,
        to=to.user,
        categories=[Category.LABS],
        actions=(Action.READ,),
        days=30,
        words="Please look at the heart.",
    )


def passed_on(ana, lee, heart, how: str) -> Grant:
    if how == "mandate":
        people.mandate(ana, lee)
        return Grant.objects.get(pk=refer(lee, ana, heart).grant.pk)
    referral = refer(lee, ana, heart)
    terms = {"categories": referral.categories, "actions": referral.actions, "days": referral.days}
    return referrals.approve(referral, keyring=ana.keyring, **terms)


# --- Ends taken away -------------------------------------------------------------------------------
@pytest.mark.parametrize("how", ["mandate", "patient"])
@pytest.mark.parametrize("turned", [True, False], ids=["keys-open", "keys-locked"])
def test_what_hung_from_an_end_that_somebody_deletes_stays_shut(with_record, lee, heart, held, how, turned):
    """The end of what it hangs from takes the keys of what was passed on, too, and no later turn gives them back."""
    child = passed_on(with_record, lee, heart, how)
    grants.end(held, keyring=with_record.keyring if turned else None, by=access.own_party(with_record.patient))
    upkeep.tidy(with_record.patient, keyring=with_record.keyring)
    Ending.objects.all().delete()
    assert not GrantSeal.objects.filter(grant_id=child.pk).exists()
    with pytest.raises(AccessDenied):
        read(with_record, heart)


def test_what_was_over_by_its_report_is_handed_no_key_when_an_epoch_turns(with_record, lee, heart, held, stranger):
    child = passed_on(with_record, lee, heart, "patient")
    other = people.give(with_record, stranger, Category.LABS)
    reports.file_report(child, logical_id=uuid.uuid4(), by=heart.user)
    with time_machine.travel(clock.now() + timedelta(days=8), tick=False):
        stop(with_record, other)
        Report.objects.all().delete()
        with pytest.raises(AccessDenied):
            read(with_record, heart)


def test_what_was_over_by_its_report_loses_its_keys_to_the_job_that_ends_what_is_over(with_record, lee, heart, held):
    child = passed_on(with_record, lee, heart, "patient")
    reports.file_report(child, logical_id=uuid.uuid4(), by=heart.user)
    with time_machine.travel(clock.now() + timedelta(days=8), tick=False):
        assert tasks.end_what_is_over() == 1
    assert not GrantSeal.objects.filter(grant_id=child.pk).exists()


def test_a_block_that_somebody_deletes_gives_nothing_back_to_whom_it_named(with_record, lee):
    people.give(with_record, lee, Category.LABS)
    made = blocks.block(with_record.patient, reader=lee.user)
    Ending.objects.all().delete()
    type(made).objects.all().delete()
    with pytest.raises(AccessDenied):
        read(with_record, lee)


# --- Rows traded -----------------------------------------------------------------------------------
def test_seals_traded_between_two_grants_open_neither(with_record, lee, stranger):
    one, other = people.give(with_record, lee, Category.LABS), people.give(with_record, stranger, Category.GENETIC)
    first, second = (GrantSeal.objects.get(grant_id=grant.pk) for grant in (one, other))
    for mine, theirs in ((first, second), (second, first)):
        GrantSeal.objects.filter(pk=mine.pk).update(blob=bytes(theirs.blob))
    for reader in (lee, stranger):
        with pytest.raises(AccessDenied):
            read(with_record, reader)


def test_lockboxes_that_one_grant_opens_do_not_open_by_another_of_the_same_reader(with_record, lee, heart):
    narrow = people.give(with_record, heart, Category.LABS, days=9)
    wide = people.give(with_record, lee, Category.GENETIC, days=9)
    moved = Seal.objects.get(grant_id=wide.pk)
    Seal.objects.filter(pk=moved.pk).update(grant_id=narrow.pk)
    Grant.objects.filter(pk=narrow.pk).update(categories=["genetic", "labs"])
    with pytest.raises(AccessDenied):
        read(with_record, heart)


@pytest.mark.parametrize(
    "change",
    [
        {"purpose": "HRESCH"},
        {"places": ["DE"]},
        {"kind": "legal-copy"},
        {"actions": ["read", "write"]},
        {"report_days": 900},
        {"starts": clock.now() - timedelta(days=400)},
        {"ends": clock.now() + timedelta(days=400)},
        {"parent": None},
        {"mandate": None},
    ],
    ids=lambda change: next(iter(change)),
)
def test_no_column_of_what_was_passed_on_can_be_changed(with_record, lee, heart, held, change):
    child = passed_on(with_record, lee, heart, "mandate")
    Grant.objects.filter(pk=child.pk).update(**change)
    with suppress(AccessDenied):
        assert not texts(read(with_record, heart))
    # The patient's own session hands it nothing either.
    stop(with_record, people.give(with_record, people.clinician("Omar Haddad"), Category.LABS))
    with suppress(AccessDenied):
        assert not texts(read(with_record, heart))


def test_a_child_that_the_referrer_signs_for_more_than_they_hold_opens_nothing(with_record, lee, heart, held):
    child = passed_on(with_record, lee, heart, "mandate")
    people.give(with_record, lee, Category.GENETIC)
    child.categories = ["genetic", "labs"]
    grants._sign(child, lee.keyring)
    child.save()
    with pytest.raises(AccessDenied):
        read(with_record, heart)
    stop(with_record, people.give(with_record, people.clinician("Omar Haddad"), Category.GENETIC))
    assert not Seal.objects.filter(grant_id=child.pk, lockbox__part="genetic").exists()


# --- Records said to have no patient ---------------------------------------------------------------
def without_its_patient(person) -> None:
    Patient.objects.filter(pk=person.patient.pk).update(user=None, claimed_at=None)


def claimed_by(user, patient) -> Claim:
    """Insert what two members of staff would have written."""
    claim = Claim.objects.create(
        patient=patient,
        code_digest=uuid.uuid4().bytes,
        invited_by=user,
        expires_at=clock.now() + timedelta(days=1),
        claimant=user,
        claimed_at=clock.now(),
    )
    for name in ("First", "Second"):
        ClaimCheck.objects.create(claim=claim, by=people.checker(name), document="passport")
    return claim


def test_a_record_that_had_its_patient_is_claimed_by_nobody_whatever_the_rows_say(with_record, stranger):
    without_its_patient(with_record)
    claim = claimed_by(stranger.user, with_record.patient)
    with pytest.raises(escrow.NotReleased) as shut:
        arrivals.finish_claim(claim, keyring=stranger.keyring)
    assert shut.value.because == "claim-not-ready"
    assert not EscrowUse.objects.exists()


def test_nobody_acts_by_two_vouchers_for_somebody_who_had_keys_of_their_own(with_record, stranger):
    without_its_patient(with_record)
    verifiers = [people.account(name) for name in ("First", "Second")]
    for one in verifiers:
        one.user.user_permissions.add(people.Permission.objects.get(codename="vouch_delegation"))
        one.user = type(one.user).objects.get(pk=one.user.pk)
    patient = Patient.objects.get(pk=with_record.patient.pk)
    terms = {"basis": "attorney", "rights": ["read"], "categories": ["labs"], "ends": clock.now() + timedelta(days=90)}
    made = vouching.begin(
        patient,
        by=verifiers[0].user,
        keyring=verifiers[0].keyring,
        email=stranger.user.email,
        document="court-order",
        **terms,
    )
    vouching.confirm(made, by=verifiers[1].user, keyring=verifiers[1].keyring, document="court-order")
    with pytest.raises(escrow.NotReleased):
        vouching.take_up(Delegation.objects.get(pk=made.pk), by=stranger.user, keyring=stranger.keyring)
    assert not EscrowUse.objects.exists()


def test_a_record_that_waits_still_goes_to_who_claims_it(ground):
    record, ana = waiting_record(), people.account("Ana Costa")
    claim = claimed_by(ana.user, record)
    assert arrivals.finish_claim(claim, keyring=ana.keyring).user_id == ana.user.pk
    assert EscrowUse.objects.get().why == "claim"
    assert releases.OPENED_BY["claim"] == "claim.released"
