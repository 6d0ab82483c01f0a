"""Referral: a physician proposes somebody else, with at most what they hold; the patient approves, or has a mandate.

What is passed on hangs from the referrer's own permission and is over with it. It is over some days after the report,
too, and cannot be passed on again.
"""

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from audit import log
from consent import keys, queries, sentences
from consent.access import KeysLocked, own_party
from consent.judging import ELSEWHERE, Presence, judge
from consent.models import Block, Grant, Referral
from consent.sharing import grants, mandates
from consent.sharing.correspondence import Message, read_signed_words, signed_words
from consent.sharing.passing_on import may_be_passed_on
from consent.sharing.proposing import Narrow, Origin
from consent.sharing.proposing import propose as propose_grant
from ehr import clock
from ehr.accounts import queries as accounts
from ehr.accounts.keyrings import OpenKeyring
from ehr.accounts.models import Reader, User
from ehr.crypto.digests import joined
from ehr.notices import operations as notices
from ehr.words import Action, Category, Purpose
from patients.models import Patient
from providers.queries import party, standing
from providers.roles import REFERRERS

LAPSES_AFTER = timedelta(days=14)
MOST_DAYS = 180
REPORT_DAYS = 7
MOST_WORDS = 2_000
State = Referral.State
LAPSED = "lapsed"


class CannotRefer(Exception):
    """This referral cannot be made; the message says why and what to do next."""


class CannotAnswer(Exception):
    """This referral cannot be answered any more, or not in this way; the message says why."""


# --- Proposing -----------------------------------------------------------------------------------
def refer(
    patient: Patient,
    *,
    referrer: User,
    keyring: OpenKeyring | None,
    to: User,
    categories: Iterable[str],
    actions: Iterable[str] = (Action.READ, Action.WRITE),
    days: int,
    words: str,
    report_days: int = REPORT_DAYS,
    once: uuid.UUID | None = None,
    presence: Presence = ELSEWHERE,
) -> Referral:
    """Propose that somebody see part of what the referrer sees. Where a mandate covers it, it is done at once.

    Raises CannotRefer, and KeysLocked, for the words are signed and under a mandate so is the permission.
    """
    chosen = [str(part) for part in Category if part in set(categories)]
    wanted = [str(action) for action in Action if action in set(actions)]
    if keyring is None or not accounts.is_theirs(keyring, referrer.pk):
        raise KeysLocked(sentences.refusal("locked", name=patient.name), because="locked")
    with transaction.atomic():
        Patient.objects.select_for_update().get(pk=patient.pk)
        if once and (sent := Referral.objects.filter(pk=once, patient=patient, referrer__user=referrer).first()):
            return sent
        parent = _parent(patient, referrer, chosen, wanted, presence)
        problem = _problem(patient, referrer, to, chosen, wanted, days, words)
        if problem:
            raise CannotRefer(problem)
        at = clock.now()
        referral = Referral(
            id=once or uuid.uuid4(),
            patient=patient,
            parent=parent,
            referrer=parent.reader,
            to=Reader.objects.get(user=to),
            key_version_id=keyring.version_id,
            categories=chosen,
            actions=wanted,
            days=days,
            report_days=report_days,
            made_at=at,
            lapses_at=at + LAPSES_AFTER,
        )
        info = _info(referral)
        referral.message = keys.seal_words(patient, signed_words(words.strip(), info, keyring), info=info)
        referral.save(force_insert=True)
        _log("referral.proposed", referral, actor=party(referrer))
        kept_out = queries.is_blocked(patient, to)
        # Of somebody who is kept out the patient does not hear, and who proposes it learns nothing of that.
        if not kept_out and not _under_mandate(referral, referrer, keyring):
            for person in queries.whom_to_tell(patient):
                notices.notify(person, "referral-proposed", about=referral.pk, key=f"referral:{referral.pk}")
    return referral


def _parent(patient: Patient, referrer: User, chosen: Sequence[str], wanted: Sequence[str], presence) -> Grant:
    """Return the one permission of the referrer's that covers all that is to be passed on. Raises CannotRefer."""
    problem = CannotRefer(
        _("You can pass on only what the patient shared with you yourself, as whole parts. Ask the patient for more.")
    )
    found: set[uuid.UUID] = set()
    held: dict[uuid.UUID, Grant] = {}
    for action in wanted:
        verdict = judge(
            patient,
            referrer,
            action=Action(action),
            purpose=Purpose.TREAT,
            parts=[Category(part) for part in chosen],
            presence=presence,
        )
        if len(verdict.allowed) != len(chosen):
            raise problem
        held |= {grant.pk: grant for grant in verdict.allowed.values()}
        found |= {grant.pk for grant in verdict.allowed.values()}
    if len(found) != 1:
        raise problem
    parent = held[found.pop()]
    if not may_be_passed_on(parent):
        raise problem
    return parent


def _problem(
    patient: Patient, referrer: User, to: User, chosen: Sequence[str], wanted: Sequence[str], days: int, words: str
) -> str:
    return _problem_of_people(patient, referrer, to) or _problem_of_terms(chosen, wanted, days, words)


def _problem_of_people(patient: Patient, referrer: User, to: User) -> str:
    if not standing(referrer).roles & REFERRERS:
        return _("Referring is for physicians. Ask the patient’s physician.")
    if to.pk in (referrer.pk, patient.user_id):
        return _("Choose somebody else than yourself and the patient.")
    if not standing(to).ok:
        return _("%(name)s’s licence is not confirmed at the moment. Choose somebody else.") % {"name": to.name}
    between = Referral.objects.filter(patient=patient, referrer__user=referrer, to__user=to, state=State.PROPOSED)
    if between.filter(lapses_at__gt=clock.now()).exists():
        return _("You have proposed this already. Wait for the answer, or withdraw it first.")
    return ""


def _problem_of_terms(chosen: Sequence[str], wanted: Sequence[str], days: int, words: str) -> str:
    if not chosen or not wanted:
        return _("Choose at least one part, and what they may do.")
    if not 1 <= days <= MOST_DAYS:
        return _("Choose a number of days from 1 to %(most)s.") % {"most": MOST_DAYS}
    if not words.strip():
        return _("Write in a few words why you refer. The patient reads it.")
    if len(words) > MOST_WORDS:
        return _("Write at most %(most)s characters.") % {"most": MOST_WORDS}
    return ""


def _under_mandate(referral: Referral, referrer: User, keyring: OpenKeyring) -> bool:
    """Pass on at once what a mandate of the patient covers: signed and sealed by the referrer. Tell whether it was."""
    proposed = _grant(referral, referral.categories, referral.actions, referral.days)
    mandate = mandates.covering(proposed, to=referral.to.user)
    if mandate is None:
        return False
    proposed = _grant(referral, referral.categories, referral.actions, referral.days, mandate=mandate)
    by_part = dict.fromkeys(referral.categories, referral.parent)
    boxes = keys.granted_boxes(referral.patient, by_part, keyring=keyring)
    made = grants.make(proposed, keyring, once=_grant_id(referral), by=party(referrer), boxes=boxes)
    _close(referral, State.APPROVED, grant=made)
    _log("referral.mandated", referral, actor=party(referrer), grant=made.pk)
    return True


def _grant(referral: Referral, categories, actions, days: int, mandate=None) -> Grant:
    """Return the unsigned permission that a referral asks for. Raises grants.CannotGive."""
    now = clock.now()
    origin = Origin(kind=Grant.Kind.REFERRAL, parent=referral.parent, report_days=referral.report_days, mandate=mandate)
    return propose_grant(
        referral.patient,
        reader=referral.to.user,
        categories=categories,
        actions=actions,
        purpose=Purpose.TREAT,
        starts=now,
        ends=_ends(referral, days, now),
        narrow=Narrow(places=frozenset(referral.parent.places)),
        origin=origin,
    )


def _ends(referral: Referral, days: int, now: datetime) -> datetime:
    """Return the end of what is passed on: so many days from now, and never later than what it hangs from."""
    return min(now + timedelta(days=days), referral.parent.ends)


def _grant_id(referral: Referral) -> uuid.UUID:
    return uuid.uuid5(referral.pk, "grant")


# --- Answering -----------------------------------------------------------------------------------
def propose(referral: Referral, *, categories: Iterable[str], actions: Iterable[str], days: int) -> Grant:
    """Return the unsigned permission with the sentence the patient is to confirm. Raises CannotAnswer, CannotGive."""
    return _grant(*_narrowed(_waiting(_full(Referral.objects).get(pk=referral.pk)), categories, actions, days))


def _narrowed(referral: Referral, categories, actions, days: int) -> tuple:
    chosen, allowed = set(map(str, categories)), set(map(str, actions))
    if not chosen <= set(referral.categories) or not allowed <= set(referral.actions) or days > referral.days:
        raise CannotAnswer(_("You can say yes to what was proposed, or to less."))
    return referral, sorted(chosen), sorted(allowed), days


def approve(
    referral: Referral,
    *,
    keyring: OpenKeyring | None,
    categories: Iterable[str],
    actions: Iterable[str],
    days: int,
    sentence: str | None = None,
) -> Grant:
    """Say yes, perhaps to less. Confirmed twice, it returns the first. Raises CannotAnswer, CannotGive, KeysLocked."""
    if keyring is None or not accounts.is_theirs(keyring, referral.patient.user_id):
        raise KeysLocked(sentences.refusal("locked", name=referral.patient.name), because="locked")
    with transaction.atomic():
        referral = _locked(referral)
        if referral.grant is not None:
            return referral.grant
        _waiting(referral)
        if queries.facts(_with_facts(referral.parent)).ended_at is not None:
            raise CannotAnswer(_("Who proposed this does not see your record any more, so nothing can be passed on."))
        proposed = _grant(*_narrowed(referral, categories, actions, days))
        made = grants.make(proposed, keyring, once=_grant_id(referral), sentence=sentence)
        _close(referral, State.APPROVED, grant=made)
        _log("referral.approved", referral, actor=own_party(referral.patient), grant=made.pk)
        notices.notify(
            referral.referrer.user, "referral-answered", about=referral.pk, key=f"referral-answered:{referral.pk}"
        )
    return made


def _with_facts(grant: Grant) -> Grant:
    return Grant.objects.select_related(*queries.DECIDED_BY).get(pk=grant.pk)


def decline(referral: Referral) -> Referral:
    """Say no. Who proposed it learns that much. Twice is once. Raises CannotAnswer."""
    return _shut(referral, State.DECLINED, "referral.declined", own_party(referral.patient))


def withdraw(referral: Referral, *, by: User) -> Referral:
    """Take a proposal back. Twice is once. Raises CannotAnswer."""
    return _shut(referral, State.WITHDRAWN, "referral.withdrawn", party(by))


def _shut(referral: Referral, new: str, action: str, actor: log.Party) -> Referral:
    with transaction.atomic():
        referral = _locked(referral)
        if referral.state == new:
            return referral
        _waiting(referral)
        _close(referral, new)
        _log(action, referral, actor=actor)
        if new == State.DECLINED:
            key = f"referral-answered:{referral.pk}"
            notices.notify(referral.referrer.user, "referral-answered", about=referral.pk, key=key)
    return referral


def _locked(referral: Referral) -> Referral:
    Patient.objects.select_for_update().get(pk=referral.patient_id)
    return _full(Referral.objects).get(pk=referral.pk)


def _full(rows) -> QuerySet[Referral]:
    return rows.select_related(
        "patient__user", "parent__reader", "referrer__user", "to__user", "key_version__reader", "grant__ending"
    )


def _waiting(referral: Referral) -> Referral:
    """Return a row just read, if it still waits for an answer. Raises CannotAnswer."""
    told = {
        State.APPROVED: _("This was answered already: you said yes."),
        State.DECLINED: _("This was answered already: you said no."),
        State.WITHDRAWN: _("This was taken back, so there is nothing to answer."),
        LAPSED: _("This lapsed, because nobody answered it for 14 days. It can be proposed again."),
    }
    now = state(referral)
    if now in told:
        raise CannotAnswer(told[now])
    return referral


def _close(referral: Referral, new: str, *, grant: Grant | None = None) -> None:
    referral.state, referral.answered_at, referral.grant = new, clock.now(), grant
    referral.save(update_fields=["state", "answered_at", "grant"])


# --- Reading referrals ---------------------------------------------------------------------------
def state(referral: Referral, at: datetime | None = None) -> str:
    """Return a referral's state at a moment: its own word, or "lapsed" when nobody answered in time."""
    over = referral.state == State.PROPOSED and referral.lapses_at <= (at or clock.now())
    return LAPSED if over else str(referral.state)


def open_referrals(patient: Patient) -> QuerySet[Referral]:
    """Return the referrals that wait for a patient's answer, oldest first.

    One to somebody they keep out by name lapses unheard, as a request of such a person does.
    """
    kept_out = Block.objects.filter(patient=patient, lifted_at__isnull=True).values("reader")
    rows = Referral.objects.filter(patient=patient, state=State.PROPOSED, lapses_at__gt=clock.now())
    rows = rows.exclude(to__in=kept_out).exclude(referrer__in=kept_out)
    return _full(rows).order_by("made_at")


def closed_referrals(patient: Patient) -> QuerySet[Referral]:
    """Return a patient's referrals that wait no more, newest first."""
    over = ~Q(state=State.PROPOSED) | Q(lapses_at__lte=clock.now())
    return _full(Referral.objects.filter(patient=patient).filter(over)).order_by("-made_at")


def of_patient(patient: Patient, referral_id) -> Referral | None:
    """Return one of the referrals proposed to a patient, or None."""
    return _full(Referral.objects.filter(patient=patient, pk=referral_id)).first()


def made_by(referrer: User) -> QuerySet[Referral]:
    """Return what a physician proposed, newest first."""
    return _full(Referral.objects.filter(referrer__user=referrer)).order_by("-made_at")


def made_one(referrer: User, referral_id) -> Referral | None:
    """Return one of a physician's own referrals, or None."""
    return made_by(referrer).filter(pk=referral_id).first()


def read_message(referral: Referral, keyring: OpenKeyring | None) -> Message:
    """Return why a physician refers, opened with the patient's own keys. Raises KeysLocked."""
    if keyring is None:
        raise KeysLocked(sentences.refusal("locked", name=referral.patient.name), because="locked")
    info = _info(referral)
    try:
        opened = keys.open_words(referral.patient, bytes(referral.message), keyring=keyring, info=info)
    except keys.CannotOpen:
        return Message(None, signed=False)
    return read_signed_words(opened, info, by=referral.referrer.user_id)


def _info(referral: Referral) -> bytes:
    """Return what the words are bound to: referral, patient, both physicians, and the terms they explain."""
    lists = (referral.categories, referral.actions, [str(referral.days), str(referral.report_days)])
    ids = (referral.pk, referral.patient_id, referral.referrer_id, referral.to_id, referral.parent_id)
    said = (joined(*(word.encode() for word in words)) for words in lists)
    return joined(b"referral/v1", *(one.bytes for one in ids), *said)


def _log(action: str, referral: Referral, *, actor: log.Party, grant: uuid.UUID | None = None) -> None:
    log.append(
        action,
        actor=actor,
        subject=referral.patient_id,
        outcome="done",
        categories=referral.categories,
        purpose=Purpose.TREAT,
        grant=grant,
        details={
            "referral": str(referral.pk),
            "reader_name": referral.to.name,
            "referrer_name": referral.referrer.name,
            "days": referral.days,
        },
    )
