"""A study's keys: made for what two approved, let go for an approved run and a committed line, and for nothing else."""

from datetime import timedelta
from hashlib import sha256

import pytest
import time_machine

from audit import log
from audit import queries as audit
from audit.models import Event
from consent import escrow
from consent.escrow import NotReleased
from consent.keyholder import readers
from consent.keyholder import studies as keyholder
from ehr import clock
from ehr.accounts import queries as accounts
from ehr.accounts.keyrings import CannotOpen
from ehr.accounts.keyrings.held import open_held
from ehr.accounts.models import Keyring, Reader, User
from providers.rules import NotPossible
from research import queries, tasks
from research.models import Run, Study
from research.studies import deciding, running
from research.studies.states import State
from tests.research import studying

pytestmark = [pytest.mark.django_db, pytest.mark.security]


@pytest.fixture
def board(db):
    studying.prepare_ground()
    keyholder._begun.clear()
    return studying.committee()


@pytest.fixture
def study(board):
    return studying.opened(board=board)


@pytest.fixture
def run(study):
    return queries.run_at(study, clock.now())


def asked(study, run, /, **instead):
    """Ask the keyholder as a worker that was taken over might: with a line that says what it likes."""
    approval = instead.pop("approval_id", run.event_id)
    action = instead.pop("action", keyholder.OPENED_BY)
    terms = instead.pop("terms", deciding.approved(study))

    def record(to):
        details = {"to": to, "reader": str(study.reader_id), "run": str(run.pk), "approval": str(approval)} | instead
        return log.record(action, actor=log.SYSTEM, subject=None, details=details)

    return escrow.study_released(accounts.present_version(study.reader), terms, approval, record=record)


def refused(*args, **instead) -> str:
    with pytest.raises(NotReleased) as stopped:
        asked(*args, **instead)
    return stopped.value.because


def test_an_approved_run_gets_the_keys_and_the_line_is_there_before(study, run):
    keyring = running.keys_for(run)
    assert keyring.belongs_to(study.reader.keyring.version)
    said = [audit.find(one.pk) for one in Event.objects.order_by("id")]
    assert [one.action for one in said[-2:]] == ["study.run-begun", "study.released"]
    assert said[-2].details["run"] == str(run.pk)


def test_what_is_stored_of_the_keys_opens_with_nothing_else(study):
    with pytest.raises(CannotOpen):
        open_held(Keyring.objects.select_related("version").get(reader=study.reader), readers.wrapping())


def test_no_keys_are_made_before_two_approved(board):
    study = studying.waiting(studying.researcher())
    studying.approve(study, by=board.first, reason="Sound.")
    study.refresh_from_db()
    reader = Reader.objects.create(kind=Reader.Kind.STUDY, name="Too early")
    with pytest.raises(NotReleased) as stopped:
        escrow.study_begun(reader, deciding.approved(study))
    assert stopped.value.because == "not-approved"
    assert not Keyring.objects.filter(reader=reader).exists()


def test_one_members_line_twice_is_one_approval(board):
    study = studying.waiting(studying.researcher())
    study = studying.approve(study, by=board.first, reason="Sound.")
    (vote,) = deciding.approved(study).votes
    reader = Reader.objects.create(kind=Reader.Kind.STUDY, name="Alone")
    with pytest.raises(NotReleased) as stopped:
        escrow.study_begun(reader, deciding.approved(study)._replace(votes=(vote, vote)))
    assert stopped.value.because == "not-approved"


def test_lines_that_somebody_else_wrote_approve_nothing(board):
    study = studying.waiting(studying.researcher())
    details = {"study": str(study.pk), "terms": bytes(study.terms).hex()}
    people = [log.Party("person", one.pk, one.name) for one in (board.first, study.proposer)]
    lines = [log.append(keyholder.VOTED, actor=one, subject=None, outcome="done", details=details) for one in people]
    reader = Reader.objects.create(kind=Reader.Kind.STUDY, name="With the proposer")
    with pytest.raises(NotReleased):
        escrow.study_begun(reader, deciding.approved(study)._replace(votes=tuple(str(one.pk) for one in lines)))


def test_two_lines_in_members_names_that_they_did_not_sign_approve_nothing(board):
    study = studying.waiting(studying.researcher())
    terms = bytes(study.terms).hex()
    first, second = (studying.KEYRINGS[one.pk] for one in (board.first, board.second))
    forged = [
        {},
        {"key": second.version_id, "signature": first.sign(keyholder.vote_message(terms)).hex()},
        {"key": first.version_id, "signature": first.sign(keyholder.vote_message(terms)).hex()},
        {"key": second.version_id, "signature": second.sign(keyholder.vote_message("00" * 32)).hex()},
        {"key": "1", "signature": "not hex"},
    ]
    studying.approve(study, by=board.first)
    study.refresh_from_db()
    reader = Reader.objects.create(kind=Reader.Kind.STUDY, name="Forged")
    for told in forged:
        details = {"study": str(study.pk), "terms": terms} | told
        party = log.Party("person", board.second.pk, "Second Member")
        line = log.append(keyholder.VOTED, actor=party, subject=None, outcome="done", details=details)
        votes = (*deciding.approved(study).votes, str(line.pk))
        with pytest.raises(NotReleased) as stopped:
            escrow.study_begun(reader, deciding.approved(study)._replace(votes=votes))
        assert stopped.value.because == "not-approved"


def test_a_run_that_nobody_signed_is_let_by_nobody(study, board):
    run = Run(study=study, approved_by=board.third, until=study.ends)
    details = {"study": str(study.pk), "terms": bytes(study.terms).hex(), "run": str(run.pk)}
    party = log.Party("person", board.third.pk, "Third Member")
    run.event_id = log.append(keyholder.RUN_APPROVED, actor=party, subject=None, outcome="done", details=details).pk
    assert refused(study, run) == "not-approved"


def test_without_open_keys_nobody_approves(board):
    study = studying.waiting(studying.researcher())
    for keyring in (None, studying.KEYRINGS[board.second.pk]):
        with pytest.raises(NotPossible, match="your own keys"):
            deciding.approve(study, by=board.first, reason="Sound.", keyring=keyring)


def test_changed_terms_open_nothing(study, run):
    approved = deciding.approved(study)
    for instead in (
        approved._replace(terms="00" * 32),
        approved._replace(until=approved.until + 86_400),
        approved._replace(proposer=str(run.approved_by_id)),
        approved._replace(votes=approved.votes[:1]),
    ):
        assert refused(study, run, terms=instead) in {"nothing-sealed", "not-approved"}
    Study.objects.filter(pk=study.pk).update(commercial=True)
    with pytest.raises(NotPossible):
        running.keys_for(run)


def test_the_line_must_say_so(study, run):
    assert refused(study, run, action="study.opened") == "other-action"
    assert refused(study, run, reader=str(study.pk)) == "other-reader"
    assert refused(study, run, to=sha256(b"another").hexdigest()) == "other-key"
    assert refused(study, run, run=str(study.pk)) == "not-approved"


def test_a_line_opens_once(study, run):
    kept = []

    def record(to):
        details = {"to": to, "reader": str(study.reader_id), "run": str(run.pk), "approval": str(run.event_id)}
        kept.append(log.record(keyholder.OPENED_BY, actor=log.SYSTEM, subject=None, details=details))
        return kept[0]

    version = accounts.present_version(study.reader)
    escrow.study_released(version, deciding.approved(study), run.event_id, record=record)
    with pytest.raises(NotReleased) as stopped:
        escrow.study_released(version, deciding.approved(study), run.event_id, record=record)
    assert stopped.value.because in {"used", "other-key"}


def test_who_left_the_committee_lets_nothing_run(study, run):
    User.objects.filter(pk=run.approved_by_id).update(is_active=False)
    assert refused(study, run) == "not-approved"


def test_another_studys_approval_lets_nothing_run(study, run, board):
    other = studying.opened(studying.researcher("Bo Ny"), board, title="Another")
    theirs = queries.run_at(other, clock.now())
    assert refused(study, run, approval_id=theirs.event_id) == "not-approved"
    assert refused(study, run, approval_id=deciding.approved(study).votes[0]) == "not-approved"


def test_a_row_that_says_a_run_lasts_longer_changes_nothing(study, run):
    Run.objects.update(until=clock.now() + timedelta(days=300))
    with time_machine.travel(clock.now() + timedelta(days=32), tick=False):
        assert refused(study, run) == "not-approved"


def test_a_run_is_let_again_by_the_committee(study, run, board):
    with time_machine.travel(clock.now() + timedelta(days=31), tick=False):
        with pytest.raises(NotPossible, match="time of this run is over"):
            running.keys_for(run)
        again = studying.let_run(study, by=board.third, reason="Goes on.")
        assert running.keys_for(again)


def test_a_study_reads_so_often_and_no_more(study, run, monkeypatch):
    monkeypatch.setattr(keyholder, "MOST_PER_HOUR", 1)
    running.keys_for(run)
    assert refused(study, run) == "too-many"


def test_once_its_term_is_over_its_keys_stay_shut(study, run):
    with time_machine.travel(study.ends + timedelta(seconds=1), tick=False):
        assert refused(study, run) == "study-over"


def test_closing_destroys_the_keys(study, run, board):
    deciding.close(study, by=board.first, reason="Done.")
    assert refused(study, run) == "nothing-sealed"
    Study.objects.filter(pk=study.pk).update(state=State.APPROVED)
    assert refused(study, run) == "nothing-sealed"


def test_a_paused_study_begins_no_run(study, run, board):
    deciding.pause(study, by=board.first, reason="A complaint.")
    with pytest.raises(NotPossible, match="not open"):
        running.keys_for(run)


def test_a_study_ends_with_its_term_and_its_keys_with_it(study, run):
    assert tasks.move_studies_on() == 0
    with time_machine.travel(study.ends + timedelta(seconds=1), tick=False):
        assert tasks.move_studies_on() == 1
        assert tasks.move_studies_on() == 0
    study.refresh_from_db()
    assert study.state == State.CLOSED
    assert Keyring.objects.get(reader=study.reader).by_passphrase is None
