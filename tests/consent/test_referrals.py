"""Referral: at most what the referrer holds, over with it or with the report's days, and never passed on again."""

import uuid
from datetime import timedelta

import pytest
import time_machine

from audit.queries import story
from consent import access, authority
from consent.access import AccessDenied, KeysLocked
from consent.models import Grant, Mandate, Referral
from consent.sharing import blocks, grants, mandates, referrals, reports
from consent.sharing.mandates import CannotMandate
from consent.sharing.referrals import CannotAnswer, CannotRefer
from ehr import clock
from ehr.notices.models import Notice
from ehr.words import Action, Category, Purpose
from providers.roles import Role
from tests import people
from tests.consent.conftest import draft, texts
from tests.consent.test_narrow import only, read, three

__all__ = ["three"]
pytestmark = pytest.mark.django_db
WORDS = "Please look at the heart."
BOTH = (Action.READ, Action.WRITE)


@pytest.fixture
def heart(ground):
    return people.clinician("Hana Heart", role=Role.SPECIALIST)


@pytest.fixture
def held(with_record, lee):
    """What Dr Lee holds: labs and history, to read and write, for 60 days."""
    return people.give(with_record, lee, Category.LABS, Category.HISTORY, actions=BOTH, days=60)


def refer(lee, ana, to, *parts, **more):
    told = {"days": 30, "words": WORDS} | more
    return referrals.refer(
        ana.patient, referrer=lee.user, keyring=lee.keyring, to=to.user, categories=parts or [Category.LABS], **told
    )


def approve(ana, referral, **more):
    told = {"categories": referral.categories, "actions": referral.actions, "days": referral.days} | more
    return referrals.approve(referral, keyring=ana.keyring, **told)


def write(ana, reader, words):
    entry = draft(Category.LABS, words)
    access.add_entries(ana.patient, [entry], reader=reader.user, keyring=reader.keyring, purpose=Purpose.TREAT)
    return entry


def stop(ana, grant):
    grants.end(grant, keyring=ana.keyring, by=access.own_party(ana.patient))


def refused(ana, reader) -> str:
    with pytest.raises(AccessDenied) as found:
        read(ana, reader)
    return found.value.because


# --- Proposing -----------------------------------------------------------------------------------
def test_a_referral_opens_nothing_until_the_patient_says_yes(with_record, lee, heart, held):
    refer(lee, with_record, heart)
    refused(with_record, heart)


@pytest.mark.parametrize("part", [Category.GENETIC, Category.TREATMENT])
def test_nobody_passes_on_what_they_do_not_hold(with_record, lee, heart, held, part):
    with pytest.raises(CannotRefer):
        refer(lee, with_record, heart, Category.LABS, part)


def test_nobody_passes_on_to_write_what_they_may_only_read(with_record, lee, heart):
    people.give(with_record, lee, Category.LABS)
    with pytest.raises(CannotRefer):
        refer(lee, with_record, heart, actions=BOTH)


def test_single_entries_and_some_dates_are_not_passed_on(with_record, lee, heart, three):
    people.give(with_record, lee, Category.LABS, narrow=only(three["2023"]))
    with pytest.raises(CannotRefer):
        refer(lee, with_record, heart, actions=[Action.READ])


def test_a_nurse_refers_nobody(with_record, heart):
    nurse = people.clinician("Nina Nurse", role=Role.NURSE)
    people.give(with_record, nurse, Category.LABS, actions=BOTH)
    with pytest.raises(CannotRefer):
        refer(nurse, with_record, heart)


def test_nobody_refers_to_somebody_without_a_licence_or_to_themselves(with_record, lee, held):
    for to in (people.account("No Doctor"), lee):
        with pytest.raises(CannotRefer):
            refer(lee, with_record, to)


def test_the_same_proposal_is_not_made_twice_and_one_confirmation_is_one(with_record, lee, heart, held):
    once = uuid.uuid4()
    first = refer(lee, with_record, heart, once=once)
    assert refer(lee, with_record, heart, once=once) == first
    with pytest.raises(CannotRefer):
        refer(lee, with_record, heart)


def test_the_patient_reads_why_and_that_the_referrer_wrote_it(with_record, lee, heart, held):
    message = referrals.read_message(refer(lee, with_record, heart), with_record.keyring)
    assert (message.words, message.signed) == (WORDS, True)


def test_words_of_other_terms_do_not_open(with_record, lee, heart, held):
    made = refer(lee, with_record, heart)
    Referral.objects.filter(pk=made.pk).update(days=90)
    assert referrals.read_message(Referral.objects.get(pk=made.pk), with_record.keyring).words is None


# --- Answering -----------------------------------------------------------------------------------
def test_the_specialist_reads_the_parts_approved_and_no_others(with_record, lee, heart, held):
    made = approve(with_record, refer(lee, with_record, heart, Category.LABS, Category.HISTORY), categories=["labs"])
    assert texts(read(with_record, heart)) == {"marker labs"}
    assert made.kind == Grant.Kind.REFERRAL
    assert made.parent == held


def test_the_patient_may_say_yes_to_less_and_not_to_more(with_record, lee, heart, held):
    referral = refer(lee, with_record, heart)
    for more in ({"categories": ["labs", "history"]}, {"days": 31}):
        with pytest.raises(CannotAnswer):
            approve(with_record, referral, **more)
    made = approve(with_record, referral, days=5, actions=[Action.READ])
    assert made.ends - made.starts == timedelta(days=5)


def test_approved_twice_is_one_permission(with_record, lee, heart, held):
    referral = refer(lee, with_record, heart)
    assert approve(with_record, referral) == approve(with_record, referral)


def test_declined_or_withdrawn_or_lapsed_cannot_be_approved(with_record, lee, heart, held):
    declined = referrals.decline(refer(lee, with_record, heart))
    withdrawn = referrals.withdraw(refer(lee, with_record, heart), by=lee.user)
    lapsed = refer(lee, with_record, heart)
    Referral.objects.filter(pk=lapsed.pk).update(lapses_at=clock.now(), made_at=clock.now() - timedelta(days=15))
    for one in (declined, withdrawn, lapsed):
        with pytest.raises(CannotAnswer):
            approve(with_record, one)
    refused(with_record, heart)


def test_nobody_approves_with_other_keys_than_the_patients(with_record, lee, heart, held):
    referral = refer(lee, with_record, heart)
    for keyring in (None, lee.keyring, heart.keyring):
        with pytest.raises(KeysLocked):
            referrals.approve(referral, keyring=keyring, categories=["labs"], actions=["read"], days=5)


def test_a_referral_whose_referrer_was_stopped_cannot_be_approved(with_record, lee, heart, held):
    referral = refer(lee, with_record, heart)
    stop(with_record, held)
    with pytest.raises(CannotAnswer):
        approve(with_record, referral)


# --- What hangs from what ------------------------------------------------------------------------
def test_the_report_is_read_by_the_referrer_and_its_days_count(with_record, lee, heart, held):
    made = approve(with_record, refer(lee, with_record, heart))
    report = write(with_record, heart, "the heart is well")
    filed = reports.file_report(made, logical_id=report.logical_id, by=heart.user).filed_at
    assert "the heart is well" in texts(read(with_record, lee))
    for after, opens in ((timedelta(days=7, seconds=-1), True), (timedelta(days=7), False)):
        with time_machine.travel(filed + after, tick=False):
            if opens:
                assert read(with_record, heart).entries
            else:
                assert refused(with_record, heart) == "over"


def test_without_a_report_it_is_over_at_its_own_end(with_record, lee, heart, held):
    made = approve(with_record, refer(lee, with_record, heart))
    with time_machine.travel(made.ends - timedelta(seconds=1), tick=False):
        assert read(with_record, heart).entries
    with time_machine.travel(made.ends, tick=False):
        assert refused(with_record, heart) == "over"


def test_what_is_passed_on_never_lasts_longer_than_what_it_hangs_from(with_record, lee, heart):
    held = people.give(with_record, lee, Category.LABS, actions=BOTH, days=10)
    assert approve(with_record, refer(lee, with_record, heart)).ends == held.ends


def test_ending_what_it_hangs_from_ends_it_at_once(with_record, lee, heart, held):
    approve(with_record, refer(lee, with_record, heart))
    stop(with_record, held)
    assert refused(with_record, heart) == "stopped"


def test_a_specialist_cannot_pass_it_on(with_record, lee, heart, held, stranger):
    approve(with_record, refer(lee, with_record, heart))
    with pytest.raises(CannotRefer):
        refer(heart, with_record, stranger)


def test_only_the_specialist_files_the_report_and_once(with_record, lee, heart, held):
    made = approve(with_record, refer(lee, with_record, heart))
    with pytest.raises(CannotRefer):
        reports.file_report(made, logical_id=uuid.uuid4(), by=lee.user)
    first = reports.file_report(made, logical_id=uuid.uuid4(), by=heart.user)
    assert reports.file_report(made, logical_id=uuid.uuid4(), by=heart.user) == first


# --- Mandates ------------------------------------------------------------------------------------
def mandate(ana, lee, **more):
    told = {"categories": [Category.LABS], "roles": [Role.SPECIALIST], "days": 30} | more
    told.setdefault("until", clock.now() + timedelta(days=90))
    return mandates.make(ana.patient, keyring=ana.keyring, referrer=lee.user, **told)


def test_under_a_mandate_the_specialist_reads_while_the_patient_is_away(with_record, lee, heart, held):
    mandate(with_record, lee)
    made = refer(lee, with_record, heart).grant
    assert made is not None
    assert texts(read(with_record, heart)) == {"marker labs"}
    assert Notice.objects.filter(user=with_record.user, kind="somebody-let-in").exists()


def test_the_referrer_signs_and_the_patients_mandate_stands_behind_it(with_record, lee, heart, held):
    signed = mandate(with_record, lee)
    made = Grant.objects.get(pk=refer(lee, with_record, heart).grant.pk)
    assert made.patient_version_id == lee.keyring.version_id
    assert made.mandate == signed
    assert authority.signed_for_patient(made)
    assert not authority.signed_by_patient(made)


@pytest.mark.parametrize(
    "beyond",
    [{"roles": [Role.NURSE]}, {"categories": [Category.HISTORY]}, {"days": 29}],
    ids=["role", "part", "days"],
)
def test_what_a_mandate_does_not_cover_waits_for_the_patient(with_record, lee, heart, held, beyond):
    mandate(with_record, lee, **beyond)
    assert refer(lee, with_record, heart).grant is None
    refused(with_record, heart)


def test_a_mandate_that_is_ended_passes_nothing_on(with_record, lee, heart, held):
    mandates.end(mandate(with_record, lee))
    assert refer(lee, with_record, heart).grant is None


def test_a_mandate_that_is_over_passes_nothing_on(with_record, lee, heart, held):
    until = clock.now() + timedelta(days=20)
    mandate(with_record, lee, until=until)
    with time_machine.travel(until, tick=False):
        assert refer(lee, with_record, heart).grant is None


@pytest.mark.security
@pytest.mark.parametrize(
    "change",
    [
        {"categories": ["labs", "history"]},
        {"days": 365},
        {"until": clock.now() + timedelta(days=900)},
        {"roles": ["nurse", "specialist"]},
        {"sentence": "anything"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_mandate_that_is_not_what_was_signed_passes_nothing_on_and_opens_nothing(
    with_record, lee, heart, held, stranger, change
):
    made = mandate(with_record, lee)
    refer(lee, with_record, heart)
    Mandate.objects.filter(pk=made.pk).update(**change)
    assert refused(with_record, heart) == "seal-does-not-open"
    assert refer(lee, with_record, stranger).grant is None


@pytest.mark.security
def test_a_mandate_that_the_referrer_made_themselves_counts_for_nothing(with_record, lee, heart, held):
    """Whoever can write a row has no signature of the patient to put beside it."""
    row = mandates.propose(
        with_record.patient,
        referrer=lee.user,
        categories=[Category.LABS],
        roles=[Role.SPECIALIST],
        days=30,
        until=clock.now() + timedelta(days=30),
    )
    row.patient_version_id = lee.keyring.version_id
    row.signature = lee.keyring.sign(mandates.proofs.mandate_message(row))
    row.save(force_insert=True)
    assert refer(lee, with_record, heart).grant is None


def test_what_was_passed_on_under_a_mandate_outlives_the_turn_of_an_epoch(with_record, lee, heart, held, stranger):
    mandate(with_record, lee)
    refer(lee, with_record, heart)
    stop(with_record, people.give(with_record, stranger, Category.LABS))
    assert texts(read(with_record, heart)) == {"marker labs"}


def test_a_blocked_specialist_is_not_reached_by_a_mandate(with_record, lee, heart, held):
    mandate(with_record, lee)
    blocks.block(with_record.patient, reader=heart.user)
    assert refer(lee, with_record, heart).grant is None


def test_a_mandate_for_everybody_or_for_ever_is_sent_back(with_record, lee, held):
    for wrong in ({"roles": []}, {"days": 0}, {"days": 999}, {"categories": []}):
        with pytest.raises(CannotMandate):
            mandate(with_record, lee, **wrong)


def test_locked_keys_make_no_mandate(with_record, lee, held):
    with pytest.raises(KeysLocked):
        mandate(people.Person(with_record.user, lee.keyring, with_record.patient), lee)


def test_all_of_it_is_on_the_patients_list(with_record, lee, heart, held):
    mandate(with_record, lee)
    made = refer(lee, with_record, heart).grant
    reports.file_report(made, logical_id=uuid.uuid4(), by=heart.user)
    told = [line.action for line in story(with_record.patient.pk)]
    for action in ("mandate.made", "referral.proposed", "referral.mandated", "grant.made", "report.filed"):
        assert action in told
