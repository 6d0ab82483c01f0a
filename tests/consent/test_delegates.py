"""Who acts for a patient: named, agreed, signed; what opens for them, and what ends it."""

from datetime import UTC, datetime, timedelta

import pytest

from consent import access, queries
from consent.access import AccessDenied, KeysLocked
from consent.access.acting import acting_for, add_as_delegate, open_as_delegate
from consent.delegates import naming
from consent.delegates import queries as delegates
from consent.models import Delegation, Ending, Grant
from consent.sharing import blocks
from ehr.accounts.models import KeyVersion
from ehr.notices.models import Notice
from ehr.words import Category, Purpose
from patients.models import GrantSeal, Seal
from tests import people
from tests.consent.conftest import draft, texts
from tests.consent.delegating import ALL, lines, name, opened, terms


@pytest.fixture
def rui(ground):
    return people.account("Rui Costa")


# --- Naming -----------------------------------------------------------------------
def test_a_carer_reads_the_parts_they_were_named_for_and_no_others(with_record, rui):
    name(with_record, rui)
    chart = opened(with_record, rui)
    assert texts(chart) == {"marker labs", "marker treatment"}
    assert set(chart.categories) == {Category.LABS, Category.TREATMENT}


def test_the_log_says_who_opened_it_for_whom(with_record, rui):
    name(with_record, rui)
    opened(with_record, rui)
    (line,) = lines(with_record, "record.opened-for")
    assert (line.actor.name, line.actor.role, line.because) == ("Rui Costa", "delegate", "carer")
    assert line.details["for_name"] == "Ana Costa"
    assert line.subject == with_record.patient.pk


def test_nothing_opens_before_they_agreed(with_record, rui):
    asked = naming.ask(with_record.patient, email=rui.user.email, terms=terms())
    with pytest.raises(naming.CannotName):
        naming.sign(asked, keyring=with_record.keyring)
    with pytest.raises(AccessDenied):
        opened(with_record, rui)
    assert not Grant.objects.exists()


def test_nothing_opens_before_the_patient_signed(with_record, rui):
    asked = naming.ask(with_record.patient, email=rui.user.email, terms=terms())
    naming.accept(asked, by=rui.user)
    with pytest.raises(AccessDenied):
        opened(with_record, rui)
    assert not Seal.objects.filter(grant_id__isnull=False).exists()


def test_asking_does_not_tell_whether_an_address_is_anybodys(ana, rui):
    known = naming.ask(ana.patient, email=rui.user.email, terms=terms())
    unknown = naming.ask(ana.patient, email="nobody@example.org", terms=terms())
    assert known.sentence.replace(rui.user.email, "x") == unknown.sentence.replace("nobody@example.org", "x")
    assert "Rui" not in known.sentence
    assert unknown.reader is None


def test_only_who_was_asked_agrees(ana, rui, stranger):
    asked = naming.ask(ana.patient, email=rui.user.email, terms=terms())
    with pytest.raises(naming.CannotName):
        naming.accept(asked, by=stranger.user)


def test_signing_takes_the_patients_own_keys(ana, rui):
    asked = naming.ask(ana.patient, email=rui.user.email, terms=terms())
    naming.accept(asked, by=rui.user)
    with pytest.raises(KeysLocked):
        naming.sign(asked, keyring=rui.keyring)


def test_a_signature_sent_twice_is_one(ana, rui):
    asked = naming.ask(ana.patient, email=rui.user.email, terms=terms())
    naming.accept(asked, by=rui.user)
    first, second = (naming.sign(asked, keyring=ana.keyring) for _ in range(2))
    assert first == second
    assert Grant.objects.filter(delegation=first).count() == 1


def test_the_sentence_signed_is_the_one_read(ana, rui):
    asked = naming.ask(ana.patient, email=rui.user.email, terms=terms())
    naming.accept(asked, by=rui.user)
    with pytest.raises(naming.CannotName):
        naming.sign(asked, keyring=ana.keyring, sentence="another")
    read = naming.propose(naming.accept(asked, by=rui.user))
    assert naming.sign(asked, keyring=ana.keyring, sentence=read).sentence == read
    assert read.startswith("Rui Costa may act for you, as your carer, until ")


@pytest.mark.parametrize(
    "wrong",
    [
        {"rights": ()},
        {"categories": ()},
        {"rights": ("share",)},
        {"days": 800},
        {"days": -1},
        {"basis": "parent"},
    ],
)
def test_terms_that_cannot_be_are_not_asked(ana, rui, wrong):
    with pytest.raises(naming.CannotName):
        naming.ask(ana.patient, email=rui.user.email, terms=terms(**wrong))
    assert not Delegation.objects.exists()


def test_nobody_acts_for_themselves(ana):
    with pytest.raises(naming.CannotName):
        naming.ask(ana.patient, email=ana.user.email, terms=terms())


def test_one_delegation_between_two_people_at_a_time(ana, rui):
    name(ana, rui)
    with pytest.raises(naming.CannotName):
        name(ana, rui)


# --- The door -----------------------------------------------------------------------
def test_the_door_stays_shut_with_locked_keys(with_record, rui):
    name(with_record, rui)
    with pytest.raises(KeysLocked):
        open_as_delegate(with_record.patient, delegate=rui.user, keyring=None)
    assert lines(with_record, "record.refused-for")[0].because == "locked"


def test_anothers_keys_open_nothing_for_a_delegate(with_record, rui, stranger):
    name(with_record, rui)
    with pytest.raises(AccessDenied):
        open_as_delegate(with_record.patient, delegate=rui.user, keyring=stranger.keyring)


def test_a_part_they_were_not_named_for_is_refused_and_logged(with_record, rui):
    name(with_record, rui)
    with pytest.raises(AccessDenied):
        opened(with_record, rui, categories=[Category.MENTAL_HEALTH])
    (line,) = lines(with_record, "record.refused-for")
    assert line.outcome == "refused"


def test_without_the_right_to_read_nothing_opens_and_no_key_is_handed_over(with_record, rui):
    name(with_record, rui, rights=("log",))
    with pytest.raises(AccessDenied):
        opened(with_record, rui)
    assert not Grant.objects.exists()


def test_with_the_right_to_add_alone_one_adds_and_reads_nothing(with_record, rui):
    name(with_record, rui, rights=("add",))
    add_as_delegate(with_record.patient, [draft("labs", "measured")], delegate=rui.user, keyring=rui.keyring)
    with pytest.raises(AccessDenied):
        opened(with_record, rui)
    assert not GrantSeal.objects.exists()
    own = access.open_own(with_record.patient, keyring=with_record.keyring)
    assert "measured" in texts(own)


def test_what_a_delegate_adds_names_both(with_record, rui):
    name(with_record, rui)
    add_as_delegate(with_record.patient, [draft("labs", "measured")], delegate=rui.user, keyring=rui.keyring)
    own = access.open_own(with_record.patient, keyring=with_record.keyring, categories=[Category.LABS])
    entry = next(one for one in own.entries if one.resource["note"][0]["text"] == "measured")
    assert (entry.author_name, entry.author_valid) == ("Rui Costa, for Ana Costa", True)
    (line,) = lines(with_record, "entry.added-for")
    assert line.actor.role == "delegate"


def test_adding_to_a_part_they_were_not_named_for_stores_nothing(with_record, rui):
    name(with_record, rui)
    with pytest.raises(AccessDenied):
        add_as_delegate(with_record.patient, [draft("genetic")], delegate=rui.user, keyring=rui.keyring)
    assert len(access.open_own(with_record.patient, keyring=with_record.keyring).entries) == 6


def test_being_somebodys_carer_opens_nothing_as_a_clinician(with_record, lee):
    name(with_record, lee)
    with pytest.raises(AccessDenied):
        access.open_chart(with_record.patient, reader=lee.user, keyring=lee.keyring, purpose=Purpose.TREAT)
    assert queries.patient_within_reach(lee.user, with_record.patient.pk) is None


def test_what_a_clinician_was_given_opens_nothing_as_a_carer(with_record, lee):
    people.give(with_record, lee, Category.LABS)
    with pytest.raises(AccessDenied):
        opened(with_record, lee)


def test_a_lost_licence_does_not_end_what_is_private(with_record, lee):
    name(with_record, lee)
    lee.user.clinician.credentials.update(expires_at=people.LONG_AGO)
    assert texts(opened(with_record, lee)) == {"marker labs", "marker treatment"}


def test_a_block_beats_a_delegation_and_looks_like_its_end(with_record, rui):
    name(with_record, rui)
    blocks.block(with_record.patient, reader=rui.user, keyring=with_record.keyring)
    assert acting_for(with_record.patient, rui.user) is None
    with pytest.raises(AccessDenied) as blocked:
        opened(with_record, rui)
    with pytest.raises(AccessDenied) as never:
        opened(with_record, people.account("Somebody Else"))
    assert str(blocked.value) == str(never.value)
    assert lines(with_record, "record.refused-for")[1].because == "blocked"


def test_a_suspended_account_opens_nothing(with_record, rui):
    name(with_record, rui)
    rui.user.is_active = False
    rui.user.save(update_fields=["is_active"])
    with pytest.raises(AccessDenied):
        opened(with_record, rui)


# --- Ending -----------------------------------------------------------------------
def test_the_patient_ends_it_at_once_and_the_seals_are_gone(with_record, rui):
    made = name(with_record, rui)
    naming.end(made, by=with_record.user, keyring=with_record.keyring)
    assert acting_for(with_record.patient, rui.user) is None
    with pytest.raises(AccessDenied):
        opened(with_record, rui)
    assert not Seal.objects.filter(grant_id__isnull=False).exists()
    assert Ending.objects.get().epoch_turned_at is not None


def test_the_delegate_gives_it_back_without_the_patient(with_record, rui):
    made = name(with_record, rui)
    naming.end(made, by=rui.user)
    with pytest.raises(AccessDenied):
        opened(with_record, rui)
    assert Notice.objects.filter(user=with_record.user, kind="delegation-ended").exists()


def test_nobody_else_ends_it(ana, rui, stranger):
    made = name(ana, rui)
    with pytest.raises(naming.CannotName):
        naming.end(made, by=stranger.user)


def test_ending_twice_changes_nothing(ana, rui):
    made = name(ana, rui)
    for _ in range(2):
        naming.end(made, by=ana.user, keyring=ana.keyring)
    assert len(lines(ana, "delegation.ended")) == 1


def test_it_is_over_at_its_end_with_no_job_running(at_begun, with_record, rui):
    made = name(with_record, rui, days=1)
    at_begun.move_to(made.ends - timedelta(seconds=1))
    assert texts(opened(with_record, rui))
    at_begun.move_to(made.ends)
    with pytest.raises(AccessDenied):
        opened(with_record, rui)
    assert delegates.acts_for(rui.user) == []


# --- Forgeries -----------------------------------------------------------------------
@pytest.mark.parametrize(
    "changed",
    [
        {"rights": sorted(ALL), "categories": list(map(str, Category))},
        {"ends": datetime(2098, 1, 1, tzinfo=UTC)},
        {"basis": "attorney"},
    ],
)
def test_a_changed_delegation_lets_nobody_act(with_record, rui, changed):
    made = name(with_record, rui, rights=("read",))
    Delegation.objects.filter(pk=made.pk).update(**changed)
    assert acting_for(with_record.patient, rui.user) is None
    with pytest.raises(AccessDenied):
        opened(with_record, rui)


def test_a_delegation_moved_to_another_person_lets_nobody_act(with_record, rui, stranger):
    made = name(with_record, rui)
    Delegation.objects.filter(pk=made.pk).update(reader=stranger.user.reader)
    with pytest.raises(AccessDenied):
        opened(with_record, stranger)


def test_a_delegation_signed_by_somebody_else_lets_nobody_act(with_record, rui, stranger):
    made = name(with_record, rui)
    forged = naming.proofs.delegation_message(made)
    Delegation.objects.filter(pk=made.pk).update(
        signed_by=KeyVersion.objects.get(pk=stranger.keyring.version_id), signature=stranger.keyring.sign(forged)
    )
    assert acting_for(with_record.patient, rui.user) is None
