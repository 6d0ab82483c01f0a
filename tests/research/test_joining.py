"""Joining a study: a permission for its runs alone, withdrawn at once, and nothing on chain that names anybody."""

import uuid
from datetime import timedelta

import pytest
import time_machine

from audit import log
from audit import queries as audit
from audit.models import Event
from consent import access, keys
from consent.judging import Presence, judge
from consent.models import Grant
from consent.sharing import grants
from ehr import clock
from ehr.accounts.keyrings import CannotOpen
from ehr.accounts.models import Reader
from ehr.chain.models import Transaction
from ehr.words import Action, Purpose
from patients.models import GrantSeal
from research import joining, queries
from research.joining import CannotGive
from research.models import Joining, JoiningParcel
from research.studies import deciding, running
from tests import people
from tests.research import studying
from tests.research.studying import BASIC, LABS, MIND

pytestmark = pytest.mark.django_db


@pytest.fixture
def board(db):
    studying.prepare_ground()
    return studying.committee()


@pytest.fixture
def rosa(board):
    return studying.researcher()


@pytest.fixture
def study(board, rosa):
    return studying.opened(rosa, board)


@pytest.fixture
def ana(board):
    return people.patient()


def allowed(ana, study, *, run=True, purpose=Purpose.HRESCH, parts=(LABS,)):
    presence = Presence(run=uuid.uuid4()) if run else Presence()
    verdict = judge(ana.patient, study.reader, action=Action.READ, purpose=purpose, parts=parts, presence=presence)
    return set(verdict.allowed), verdict.because


def acts(person):
    return [one.action for one in reversed(audit.story(person.patient.pk))]


# --- Joining -------------------------------------------------------------------------------------
def test_j7_1_a_consent_names_parts_purpose_and_term_and_is_signed(ana, study):
    made = studying.join(ana, study, BASIC, LABS)
    grant = made.grant
    assert (grant.categories, grant.purpose, grant.actions) == (["basic", "labs"], "HRESCH", ["read"])
    assert grant.reader == study.reader
    assert grant.ends == study.ends
    assert grant.sentence.startswith("The study “Sleep and pain” may use your personal details and lab results")
    assert acts(ana)[-2:] == ["grant.made", "research.joined"]


def test_a_run_opens_what_was_given_and_nothing_else(ana, study):
    studying.join(ana, study, LABS)
    assert allowed(ana, study, parts=(BASIC, LABS)) == ({LABS}, "not-in-grant")


def test_outside_a_run_a_study_is_nobody(ana, study):
    studying.join(ana, study)
    assert allowed(ana, study, run=False) == (set(), "no-run")


def test_a_study_reads_for_research_and_for_nothing_else(ana, study):
    studying.join(ana, study)
    assert allowed(ana, study, purpose=Purpose.TREAT)[0] == set()


def test_the_studys_keyring_opens_the_part_and_the_researchers_does_not(ana, study, rosa):
    made = studying.join(ana, study)
    held = running.keys_for(queries.run_at(study, clock.now()))
    assert set(keys.granted_boxes(ana.patient, {"labs": made.grant}, keyring=held)) == {"labs"}
    assert keys.granted_boxes(ana.patient, {"labs": made.grant}, keyring=rosa.keyring) == {}
    seal = GrantSeal.objects.get(grant_id=made.grant_id)
    with pytest.raises(CannotOpen):
        rosa.keyring.open_seal(bytes(seal.blob), info=b"")


def test_a_researcher_opens_nobodys_record(ana, study, rosa):
    studying.join(ana, study)
    with pytest.raises(access.AccessDenied):
        access.open_chart(ana.patient, reader=rosa.user, keyring=rosa.keyring, purpose=Purpose.HRESCH)


def test_only_parts_the_study_asked_for_are_given(ana, study):
    with pytest.raises(CannotGive, match="did not ask"):
        studying.join(ana, study, MIND)
    with pytest.raises(CannotGive):
        joining.join(ana.patient, study, keyring=ana.keyring, categories=())
    assert not Grant.objects.exists()


def test_the_same_confirmation_twice_joins_once(ana, study):
    once = uuid.uuid4()
    first, second = (studying.join(ana, study, once=once) for _ in range(2))
    assert first == second
    with pytest.raises(CannotGive, match="already"):
        studying.join(ana, study)
    assert Joining.objects.count() == 1


def test_what_changed_since_it_was_read_is_not_agreed_to(ana, study):
    read = joining.proposed(ana.patient, study, categories=(BASIC,)).sentence
    with pytest.raises(CannotGive, match="changed since"):
        studying.join(ana, study, LABS, sentence=read)
    assert not Joining.objects.exists()


def test_nobody_joins_a_study_that_is_not_open(ana, study, board):
    deciding.pause(study, by=board.first, reason="A complaint.")
    study.refresh_from_db()
    with pytest.raises(CannotGive):
        studying.join(ana, study)


def test_only_patients_join_with_their_own_keys(ana, study):
    bo = people.patient("Bo Ny")
    with pytest.raises(access.KeysLocked):
        joining.join(ana.patient, study, keyring=bo.keyring, categories=(LABS,))


def test_a_study_is_given_to_nowhere_else_and_nobody_else_is_given_anything_for_research(ana, study):
    mei = people.clinician()
    term = {"starts": clock.now(), "ends": clock.now() + timedelta(days=3)}
    with pytest.raises(CannotGive):
        grants.give(
            ana.patient, keyring=ana.keyring, reader=mei.user, categories=(LABS,), purpose=Purpose.HRESCH, **term
        )
    for instead in ({"purpose": Purpose.TREAT}, {"actions": (Action.READ, Action.WRITE)}):
        asked = {"purpose": Purpose.HRESCH} | instead
        with pytest.raises(CannotGive):
            grants.give(ana.patient, keyring=ana.keyring, reader=study.reader, categories=(LABS,), **term, **asked)


def test_another_reader_of_that_kind_is_no_study(ana, study):
    fake = Reader.objects.create(kind=Reader.Kind.STUDY, name="Sleep and pain")
    studying.join(ana, study)
    presence = Presence(run=uuid.uuid4())
    verdict = judge(ana.patient, fake, action=Action.READ, purpose=Purpose.HRESCH, parts=(LABS,), presence=presence)
    assert not verdict.opens_anything


# --- Withdrawing ---------------------------------------------------------------------------------
def test_j7_2_withdrawing_stops_the_next_run(ana, study):
    made = studying.join(ana, study)
    joining.withdraw(made, keyring=ana.keyring)
    assert allowed(ana, study) == (set(), "stopped")
    assert list(queries.participants(study)) == []
    assert not GrantSeal.objects.filter(grant_id=made.grant_id).exists()
    assert acts(ana)[-2:] == ["grant.ended", "research.withdrawn"]


def test_withdrawing_needs_no_open_keys_and_twice_is_once(ana, study):
    made = studying.join(ana, study)
    for _ in range(2):
        joining.withdraw(made, keyring=None)
    assert acts(ana).count("research.withdrawn") == 1
    assert allowed(ana, study)[0] == set()


def test_stopping_it_where_all_permissions_are_stopped_withdraws_too(ana, study):
    made = studying.join(ana, study)
    grants.end(made.grant, keyring=ana.keyring, by=log.Party("person", ana.user.pk, "Ana Costa"))
    assert list(queries.participants(study)) == []
    assert joining.follow() == 1
    made.refresh_from_db()
    assert made.withdrawn_at == made.grant.ending.at
    assert joining.follow() == 0


def test_whoever_withdrew_may_join_anew_with_other_parts(ana, study):
    joining.withdraw(studying.join(ana, study), keyring=ana.keyring)
    again = studying.join(ana, study, BASIC)
    assert queries.joined_by(ana.patient) == [again]
    assert len(queries.left_by(ana.patient)) == 1


def test_after_the_term_nobody_takes_part(ana, study):
    studying.join(ana, study, until=clock.now() + timedelta(days=10))
    with time_machine.travel(clock.now() + timedelta(days=10, seconds=1), tick=False):
        assert queries.joined_by(ana.patient) == []
        assert allowed(ana, study)[0] == set()


def test_when_a_study_closes_everybody_is_out_and_told(ana, study, board):
    made = studying.join(ana, study)
    deciding.close(study, by=board.first, reason="Done.")
    assert joining.follow() == 1
    assert ana.user.notices.filter(kind="study-over").exists()
    made.refresh_from_db()
    assert hasattr(Grant.objects.get(pk=made.grant_id), "ending")
    assert acts(ana)[-1] == "research.withdrawn"


# --- On chain, and in numbers --------------------------------------------------------------------
def test_an_opt_in_reaches_the_chain_as_a_commitment_at_a_random_moment(ana, study):
    made = studying.join(ana, study)
    assert JoiningParcel.objects.get().due_at >= made.since
    with time_machine.travel(clock.now() + timedelta(hours=2), tick=False):
        assert joining.relay() == 1
        assert joining.relay() == 0
    sent = Transaction.objects.get(method="join")
    assert bytes(made.commitment) in bytes(sent.calldata)
    assert bytes(made.commitment) == joining.commitment(made)
    for told in (ana.patient.pk, study.pk, made.pk, made.grant_id):
        assert told.bytes not in bytes(sent.calldata)


def test_without_the_salt_nobody_tells_whose_commitment_it_is(ana, study):
    made = studying.join(ana, study)
    made.salt = bytes(32)
    assert joining.commitment(made) != bytes(made.commitment)


def test_a_small_number_of_people_is_told_to_nobody(ana, study, settings):
    studying.join(ana, study)
    assert queries.how_many(study) is None
    settings.RESEARCH_SMALL, settings.RESEARCH_BASE = 1, 1
    assert queries.how_many(study) == 1


def test_where_it_went_shows_research_and_nothing_else(ana, study):
    people.give(ana, people.clinician())
    studying.join(ana, study)
    assert [one.action for one in queries.uses(ana.patient)] == ["research.joined"]
    assert Event.objects.filter(subject=ana.patient.pk).count() > 2
