"""Studies: who proposes one, who decides, and that nothing changes after it was proposed."""

import itertools
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from audit import log
from audit import queries as audit
from audit.models import Event
from ehr import clock
from ehr.chain.models import Transaction
from ehr.notices.models import Notice
from providers.roles import Role
from providers.rules import NotPossible
from research import queries, words
from research.models import Agreement, Study, Vote
from research.studies import deciding, proposing, registering
from research.studies.states import MOVES, State, Verb, after
from tests import people
from tests.research import studying

pytestmark = pytest.mark.django_db


@pytest.fixture
def rosa(db):
    return studying.researcher()


@pytest.fixture
def board(db):
    studying.prepare_ground()
    return studying.committee()


def acts():
    return [audit.find(event.pk).action for event in Event.objects.order_by("id")]


# --- Researchers ---------------------------------------------------------------------------------
def test_the_agreement_is_signed_with_ones_own_key(rosa):
    assert queries.agreed(rosa.user.clinician.researcher)
    stranger = people.account("Charlie")
    other = studying.researcher("Bo Ny", agreed=False)
    with pytest.raises(NotPossible, match="your own keys"):
        registering.sign_agreement(other.user.clinician.researcher, keyring=stranger.keyring, by=other.user)


def test_signing_twice_is_signing_once(rosa):
    registering.sign_agreement(rosa.user.clinician.researcher, keyring=rosa.keyring, by=rosa.user)
    assert Agreement.objects.count() == acts().count("researcher.agreed") == 1


@pytest.mark.parametrize("column", ["signature", "digest"])
def test_an_agreement_that_somebody_wrote_into_the_table_is_none(rosa, column):
    Agreement.objects.update(**{column: b"\x01" * 32})
    assert not queries.footing(rosa.user.clinician.researcher).ok


def test_another_text_is_another_edition(rosa, monkeypatch):
    monkeypatch.setattr(words, "AGREEMENT", ("I may do as I like.",))
    assert not queries.agreed(rosa.user.clinician.researcher)


def test_who_cares_for_people_does_no_research_from_the_same_account():
    mei = people.clinician()
    with pytest.raises(NotPossible, match="another e-mail address"):
        registering.register(
            mei.user,
            title="Dr",
            professional_name="Mei Lee",
            institution=people.institution(),
            licence=licence(),
            evidence=studying.PDF,
            by=mei.user,
        )


def licence(role=Role.RESEARCHER):
    until = clock.now() + timedelta(days=300)
    return registering.Licence(role, "R-77", "City University", "CA", "Epidemiology", until)


def test_registering_hands_in_training_for_a_verifier_and_opens_nothing():
    bo = people.account("Bo Ny")
    made = registering.register(
        bo.user,
        title="Dr",
        professional_name="Bo Ny",
        institution=people.institution("City University"),
        licence=licence(),
        evidence=studying.PDF,
        by=bo.user,
    )
    assert made.clinician.credentials.get().role == Role.RESEARCHER
    assert not queries.footing(made).ok
    with pytest.raises(NotPossible):
        proposing.draft(made, studying.asked(), ethics=studying.PDF, by=bo.user)


def test_registering_here_is_for_research_only():
    bo = people.account("Bo Ny")
    with pytest.raises(NotPossible, match="research only"):
        registering.register(
            bo.user,
            title="",
            professional_name="Bo Ny",
            institution=people.institution(),
            licence=licence(Role.NURSE),
            evidence=studying.PDF,
            by=bo.user,
        )


def test_a_suspended_licence_proposes_nothing(rosa):
    study = studying.drafted(rosa)
    rosa.user.clinician.credentials.update(status="suspended")
    with pytest.raises(NotPossible):
        proposing.propose(study, by=rosa.user)


def test_without_the_agreement_nothing_is_proposed():
    bo = studying.researcher("Bo Ny", agreed=False)
    with pytest.raises(NotPossible, match="data-use agreement"):
        studying.drafted(bo)


# --- The table -----------------------------------------------------------------------------------
def test_only_what_the_table_names_happens():
    for state, verb in itertools.product(State, Verb):
        study = Study(state=state)
        if (state, verb) in MOVES:
            assert after(study, verb) == MOVES[state, verb]
        else:
            with pytest.raises(NotPossible):
                after(study, verb)


def test_changes_come_before_the_proposal_and_never_after():
    assert {state for state, verb in MOVES if verb == Verb.CHANGE} == {State.DRAFT}


# --- Proposing -----------------------------------------------------------------------------------
def test_a_draft_is_nobody_elses(rosa):
    study, other = studying.drafted(rosa), studying.researcher("Bo Ny")
    assert queries.own_study(other.user, study.pk) is None
    with pytest.raises(NotPossible):
        proposing.propose(study, by=other.user)


def test_the_same_form_sent_twice_is_one_study(rosa):
    study = studying.drafted(rosa)
    again = proposing.draft(
        rosa.user.clinician.researcher, studying.asked(), ethics=studying.PDF, by=rosa.user, once=study.pk
    )
    assert again == study
    assert Study.objects.count() == 1


def test_what_is_proposed_is_fixed(rosa):
    study = studying.waiting(rosa)
    assert proposing.intact(study)
    with pytest.raises(NotPossible):
        proposing.change(study, studying.asked(title="Another"), ethics=None, by=rosa.user)


def test_a_changed_row_is_not_what_was_proposed_and_nobody_approves_it(rosa, board):
    study = studying.waiting(rosa)
    changed = {
        "title": "X", "pay": 1, "commercial": True, "categories": ["genetic"], "views": [],
        "plain": "Nothing much.", "currency": "USD", "ethics_reference": "none",
    }  # fmt: skip
    for name, value in changed.items():
        kept = getattr(study, name)
        Study.objects.filter(pk=study.pk).update(**{name: value})
        with pytest.raises(NotPossible, match="not what was proposed"):
            studying.approve(study, by=board.first, reason="Sound.")
        Study.objects.filter(pk=study.pk).update(**{name: kept})
    assert studying.approve(study, by=board.first, reason="Sound.").first_approver == board.first


def test_taken_back_and_proposed_anew_needs_two_again(rosa, board):
    study = studying.waiting(rosa)
    studying.approve(study, by=board.first, reason="Sound.")
    proposing.take_back(study, by=rosa.user)
    proposing.change(study, studying.asked(pay=900), ethics=None, by=rosa.user)
    study = proposing.propose(study, by=rosa.user)
    study = studying.approve(study, by=board.second, reason="Sound.")
    assert study.state == State.WAITING
    study = studying.approve(study, by=board.first, reason="Still sound.")
    assert study.state == State.APPROVED


_HALF = r'{"resource": "Patient", "select": [{"column": [{"name": "\ud800"}]}]}'


def test_what_is_no_view_is_not_taken():
    for text in ("", "nothing", "3", "[]", '{"resource": "Patient"}', '[{"select": []}]', _HALF):
        with pytest.raises(NotPossible):
            proposing.read_views(text)


def test_views_are_stored_as_they_were_handed_in():
    assert proposing.read_views('{"resource": "Patient", "select": [{"x": 1.50}], "where": []}')[0]["select"] == [
        {"x": 1.5}
    ]


def test_a_study_asks_within_bounds(rosa):
    for instead, why in (({"categories": ()}, "one part"), ({"ends": clock.now() + timedelta(days=1)}, "one week")):
        with pytest.raises(NotPossible, match=why):
            studying.drafted(rosa, **instead)


def test_the_ethics_approval_is_sealed_and_opened_on_the_log(rosa, board):
    study = studying.waiting(rosa)
    assert studying.PDF not in bytes(study.ethics.sealed)
    assert proposing.open_ethics(study, by=board.first) == (studying.PDF, "application/pdf")
    assert "study.ethics-opened" in acts()
    with pytest.raises(NotPossible):
        proposing.open_ethics(study, by=people.account("Charlie").user)


# --- The committee -------------------------------------------------------------------------------
def test_two_others_approve_and_then_it_opens(rosa, board):
    study = studying.waiting(rosa)
    study = studying.approve(study, by=board.first, reason="Sound.")
    assert study.state == State.WAITING
    assert queries.open_study(study.pk) is None
    study = studying.approve(study, by=board.second, reason="Sound.")
    assert study.state == State.APPROVED
    assert queries.open_study(study.pk) == study
    assert Transaction.objects.get(method="register").contract == "ResearchRegistry"
    assert Notice.objects.filter(user=rosa.user, kind="study.approved").exists()


def test_nobody_approves_twice(rosa, board):
    study = studying.waiting(rosa)
    studying.approve(study, by=board.first, reason="Sound.")
    with pytest.raises(NotPossible, match="somebody else"):
        studying.approve(study, by=board.first, reason="Sound.")


def test_who_proposed_it_does_not_decide(rosa, board):
    study = studying.waiting(rosa)
    rosa.user.user_permissions.set(board.first.user_permissions.all())
    proposer = type(rosa.user).objects.get(pk=rosa.user.pk)
    with pytest.raises(NotPossible, match="Others decide"):
        studying.approve(study, by=proposer, reason="Mine.")


def test_the_database_refuses_one_approver_twice(rosa, board):
    study = studying.waiting(rosa)
    with pytest.raises(IntegrityError), transaction.atomic():
        Study.objects.filter(pk=study.pk).update(first_approver=board.first, second_approver=board.first)
    with pytest.raises(IntegrityError), transaction.atomic():
        Study.objects.filter(pk=study.pk).update(first_approver=rosa.user)


def test_who_is_not_on_the_committee_does_not_decide(rosa):
    study = studying.waiting(rosa)
    for verb in (studying.approve, deciding.refuse, deciding.pause, studying.let_run):
        with pytest.raises(NotPossible, match="Only the committee"):
            verb(study, by=people.checker("Vera Fine"), reason="Why not.")


def test_the_committee_asks_and_the_answer_brings_it_back(rosa, board):
    study = studying.waiting(rosa)
    question = deciding.ask(study, text="Why labs?", by=board.first)
    with pytest.raises(NotPossible):
        studying.approve(study, by=board.first, reason="Sound.")
    proposing.answer(question, text="For creatinine.", by=rosa.user)
    study.refresh_from_db()
    assert study.state == State.WAITING
    with pytest.raises(NotPossible):
        proposing.answer(question, text="Again.", by=rosa.user)


def test_a_refused_study_says_why(rosa, board):
    study = deciding.refuse(studying.waiting(rosa), by=board.first, reason="Too broad.")
    assert study.state == State.REFUSED
    assert [one.reason for one in queries.votes(study)] == ["Too broad."]


def test_each_decision_is_on_the_log_and_names_the_terms(rosa, board):
    study = studying.opened(rosa, board)
    lines = [audit.proven(vote.event_id) for vote in Vote.objects.all()]
    assert {line.actor.id for line in lines} == {board.first.pk, board.second.pk}
    assert {line.details["terms"] for line in lines} == {bytes(study.terms).hex()}
    assert acts().count("study.opened") == 1


def test_while_the_keyholder_is_away_two_approvals_stand_and_open_it_later(rosa, board, monkeypatch):
    study = studying.waiting(rosa)
    studying.approve(study, by=board.first, reason="Sound.")
    with monkeypatch.context() as away:
        away.setattr(deciding.escrow, "study_begun", lambda *_: (_ for _ in ()).throw(deciding.escrow.KeyholderAway()))
        with pytest.raises(deciding.escrow.KeyholderAway):
            studying.approve(study, by=board.second, reason="Sound.")
    study.refresh_from_db()
    assert study.state == State.WAITING
    assert deciding.finish(study).state == State.APPROVED
    assert deciding.finish(study).state == State.APPROVED


def test_a_paused_study_is_joined_by_nobody_and_goes_on(rosa, board):
    study = studying.opened(rosa, board)
    deciding.pause(study, by=board.third, reason="A complaint.")
    assert queries.open_study(study.pk) is None
    deciding.resume(study, by=board.first, reason="Settled.")
    assert queries.open_study(study.pk) == study


def test_nothing_personal_is_on_chain(rosa, board):
    study = studying.opened(rosa, board)
    data = b"".join(bytes(one.calldata) for one in Transaction.objects.all())
    for word in (study.title, study.pk.hex, rosa.user.name, study.institution.name):
        assert word.encode() not in data
    assert study.pk.bytes not in data
    assert log.SYSTEM.name.encode() not in data
