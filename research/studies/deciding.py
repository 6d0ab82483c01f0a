"""What the committee does: asks, approves, refuses, pauses and closes. Two approve, neither of them who proposed it."""

from datetime import timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from consent import escrow
from consent.keyholder.studies import COMMITTEE, DECIDES, RUN_APPROVED, VOTED, Approved, run_message, vote_message
from ehr import clock
from ehr.accounts import queries as accounts
from ehr.accounts.keyrings import OpenKeyring
from ehr.accounts.models import Keyring, Reader, User
from ehr.chain import studies
from ehr.notices import operations as notices
from providers.rules import NotPossible
from research import queries
from research.models import Question, Run, Study, Vote
from research.studies.proposing import intact, locked, log_study
from research.studies.states import State, Verb, after

# How long a study's worker may read before a member of the committee lets it again.
RUN_LASTS = timedelta(days=30)


def ask(study: Study, *, text: str, by: User) -> Question:
    """Ask the researcher something before it is decided. Raises NotPossible."""
    _check(study, by, text)
    with transaction.atomic():
        study = locked(study)
        study.state = after(study, Verb.ASK)
        study.save(update_fields=["state"])
        question = Question.objects.create(study=study, by=by, text=text.strip())
        log_study("study.asked", study, by)
        _tell(study, "study.asked", str(question.pk))
    return question


def approve(study: Study, *, by: User, reason: str, keyring: OpenKeyring | None) -> Study:
    """Approve a study's terms as one member of the committee. With the second one's it opens, and a run may read.

    It is signed with the member's own key, which is what the keyholder goes by.

    Raises NotPossible for who proposed it, the same member twice, and terms that are not what was proposed;
    `escrow.KeyholderAway` where its keys could not be made: then `finish` opens it later, and nobody approves anew.
    """
    _check(study, by, reason)
    own = _own(keyring, by)
    with transaction.atomic():
        study = locked(study)
        study.state = after(study, Verb.VOTE)
        if study.ends <= clock.now():
            raise NotPossible(_("Its term is over. Refuse it, so that it is proposed anew."))
        if study.second_approver_id is not None:
            raise NotPossible(_("Two have approved it. It opens as soon as its keys are made."))
        _vote(study, by, reason, Vote.Decision.APPROVED, keyring=own)
        if study.first_approver_id is None:
            study.first_approver = by
        else:
            study.second_approver = by
            study.reader = Reader.objects.create(kind=Reader.Kind.STUDY, name=study.title)
            _let_run(study, by, own)
        study.save(update_fields=["state", "first_approver", "second_approver", "reader"])
    return finish(study, by=by) if study.second_approver_id else study


def finish(study: Study, *, by: User | None = None) -> Study:
    """Make the keys of a study that two approved, and open it for joining. May run any number of times.

    Call it outside a transaction: the keyholder believes what is committed. Raises `escrow.NotReleased`.
    """
    study.refresh_from_db()
    if study.state != State.WAITING or study.reader is None or study.second_approver_id is None:
        return study
    escrow.study_begun(study.reader, approved(study))
    with transaction.atomic():
        study = locked(study)
        if study.state != State.WAITING:
            return study
        study.state, study.decided_at = after(study, Verb.OPEN), clock.now()
        study.save(update_fields=["state", "decided_at"])
        studies.register(study.pk, terms=bytes(study.terms or b""), sponsor=studies.sponsor(), until=study.ends)
        log_study("study.opened", study, by, reader=str(study.reader_id))
        _tell(study, "study.approved")
    return study


def refuse(study: Study, *, by: User, reason: str) -> Study:
    """Refuse a study; its researcher reads why and may propose another. Raises NotPossible."""
    _check(study, by, reason)
    with transaction.atomic():
        study = locked(study)
        if study.second_approver_id is not None:
            raise NotPossible(_("Two have approved it. Close it instead, once it is open."))
        study.state, study.decided_at = after(study, Verb.REFUSE), clock.now()
        _vote(study, by, reason, Vote.Decision.REFUSED)
        study.save(update_fields=["state", "decided_at"])
        _tell(study, "study.refused")
    return study


def let_run(study: Study, *, by: User, reason: str, keyring: OpenKeyring | None) -> Run:
    """Let a study's worker read for another 30 days, signed by one member of the committee. Raises NotPossible."""
    _check(study, by, reason)
    own = _own(keyring, by)
    with transaction.atomic():
        study = locked(study)
        after(study, Verb.LET_RUN)
        return _let_run(study, by, own)


def pause(study: Study, *, by: User, reason: str) -> Study:
    """Hold a study still: nobody joins, no run begins, until it goes on. Who joined stays in, and may withdraw."""
    return _hold(study, Verb.PAUSE, "study.paused", by=by, reason=reason)


def resume(study: Study, *, by: User, reason: str) -> Study:
    """Let a paused study go on. Raises NotPossible."""
    return _hold(study, Verb.RESUME, "study.resumed", by=by, reason=reason)


def close(study: Study, *, by: User, reason: str = "") -> Study:
    """End a study for good, as its researcher or the committee: its private key is destroyed with this.

    What people gave to it opens for nobody from now on; their permissions are ended one after another, by a task.
    """
    if by.pk != study.proposer_id:
        _check(study, by, reason)
    with transaction.atomic():
        study = locked(study)
        study.state, study.closed_at = after(study, Verb.CLOSE), clock.now()
        study.save(update_fields=["state", "closed_at"])
        destroy_keys(study)
        studies.close(study.pk)
        log_study("study.closed", study, by, reason=reason.strip()[:500])
        _tell(study, "study.closed")
    return study


def end(study: Study) -> bool:
    """Close a study whose term is over; tell whether it was this call that did. May run twice."""
    with transaction.atomic():
        study = locked(study)
        if study.ends > clock.now() or study.state not in {State.APPROVED, State.PAUSED}:
            return False
        study.state, study.closed_at = after(study, Verb.CLOSE), clock.now()
        study.save(update_fields=["state", "closed_at"])
        destroy_keys(study)
        log_study("study.closed", study, None, reason="term")
        _tell(study, "study.closed")
    return True


def destroy_keys(study: Study) -> None:
    """Destroy what is kept of a study's private key. Its public one stays, for what was signed to it names it."""
    gone = {"by_passphrase": None, "by_recovery_code": None, "changed_at": clock.now()}
    Keyring.objects.filter(reader=study.reader_id, reader__kind=Reader.Kind.STUDY).update(**gone)


def approved(study: Study) -> Approved:
    """Return what two approved, as the keyholder binds a study's keys to it. A changed row opens nothing."""
    votes = [one for one in queries.votes(study) if one.decision == Vote.Decision.APPROVED]
    return Approved(
        study=str(study.pk),
        terms=bytes(study.terms or b"").hex(),
        proposer=str(study.proposer_id),
        until=int(study.ends.timestamp()),
        votes=tuple(sorted(str(one.event_id) for one in votes[:COMMITTEE])),
    )


def _own(keyring: OpenKeyring | None, by: User) -> OpenKeyring:
    if keyring is None or not accounts.is_theirs(keyring, by.pk):
        raise NotPossible(_("This is signed with your own keys. Unlock them, then decide again."))
    return keyring


def _signed(keyring: OpenKeyring, message: bytes) -> dict[str, object]:
    return {"key": keyring.version_id, "signature": keyring.sign(message).hex()}


def _let_run(study: Study, by: User, keyring: OpenKeyring) -> Run:
    run = Run(study=study, approved_by=by, until=min(clock.now() + RUN_LASTS, study.ends))
    signed = _signed(keyring, run_message(bytes(study.terms or b"").hex(), str(run.pk)))
    event = log_study(RUN_APPROVED, study, by, run=str(run.pk), until=run.until.isoformat(), **signed)
    run.event_id = event.pk
    run.save(force_insert=True)
    return run


def _vote(study: Study, by: User, reason: str, decision: str, *, keyring: OpenKeyring | None = None) -> None:
    terms = bytes(study.terms or b"")
    if not intact(study):
        raise NotPossible(_("The study is not what was proposed. Tell the operator; nothing was decided."))
    if study.votes.filter(by=by, terms=terms).exists():
        raise NotPossible(_("You have decided about it. The other approval is somebody else’s."))
    action = VOTED if decision == Vote.Decision.APPROVED else "study.refused"
    signed = _signed(keyring, vote_message(terms.hex())) if keyring else {}
    event = log_study(action, study, by, reason=reason.strip(), **signed)
    Vote.objects.create(
        study=study,
        by=by,
        proposer_id=study.proposer_id,
        terms=terms,
        decision=decision,
        reason=reason.strip(),
        event_id=event.pk,
    )


def _hold(study: Study, verb: Verb, action: str, *, by: User, reason: str) -> Study:
    _check(study, by, reason)
    with transaction.atomic():
        study = locked(study)
        study.state = after(study, verb)
        study.save(update_fields=["state"])
        event = log_study(action, study, by, reason=reason.strip())
        _tell(study, action, str(event.pk))
    return study


def _check(study: Study, by: User, words: str) -> None:
    if not by.is_active or not by.has_perm(DECIDES):
        raise NotPossible(_("Only the committee decides about studies."))
    if by.pk == study.proposer_id:
        raise NotPossible(_("This is your own study. Others decide about it."))
    if not words.strip():
        raise NotPossible(_("Say in a few words what the decision rests on."))


def _tell(study: Study, kind: str, once: str = "") -> None:
    terms = bytes(study.terms or b"").hex()[:16]
    notices.notify(study.proposer, kind, about=study.pk, key=f"{kind}:{study.pk}:{terms}:{once}")
