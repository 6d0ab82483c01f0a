"""Breaking the glass: decide, commit the line, ask the keyholder. Where one step fails nothing opens.

Line, row and notices are one commit, and only what is committed moves the keyholder. So no key is ever out before its
line, its patient's notice and its review are there for good.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import DatabaseError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from audit import log
from audit.models import Event
from consent import breaking, escrow, queries, rules
from consent.access import ELSEWHERE, KeysLocked, Presence
from consent.emergency import contacts, holding
from consent.emergency.reviewing import REVIEW_WITHIN, reviewers
from consent.models import Emergency
from consent.rules import EmergencyFacts, Situation
from consent.sentences import refusal
from consent.words import about_emergency, seal_to
from ehr import clock
from ehr.accounts import queries as accounts
from ehr.accounts.keyrings import OpenKeyring
from ehr.accounts.models import Reader, User
from ehr.notices import operations as notices
from ehr.words import Action, Category, Purpose
from patients.models import Patient
from providers.queries import Standing, party, standing

LASTS = timedelta(hours=4)
SHORTEST, LONGEST = 20, 2_000  # characters of the words that say why
# The same words for who is kept out by name and for what is kept shut from everybody: neither is told apart.
_KEPT_SHUT = frozenset({"blocked", "barred-in-emergency"})


class CannotBreak(Exception):
    """Nothing was opened. The message says why and what to do next; `because` is the log's word for it."""

    def __init__(self, message: object, *, because: str) -> None:
        super().__init__(message)
        self.because = because


@dataclass(frozen=True)
class Opened:
    """An emergency, and what its session keeps of the keys; empty where the same form was sent before."""

    emergency: Emergency
    keep: str = field(repr=False)


@dataclass(frozen=True)
class _Asked:
    """What somebody asks for, once they are known to be who they are."""

    id: uuid.UUID
    patient: Patient
    reader: User
    reason: str
    words: str
    session_digest: bytes
    proven_by: Sequence[str]


@dataclass(frozen=True)
class _Decided:
    """Which parts would open now, and the machine word of why none does."""

    at: datetime
    parts: tuple[str, ...]
    because: str
    standing: Standing
    blocked: bool


class _Again(Exception):
    """The same form was sent before."""


def may_break_glass(reader: User) -> bool:
    """Tell whether somebody's role and licence let them open a record in an emergency at all, for what pages offer."""
    facts = queries.reader_facts(standing(reader))
    return facts.active and facts.in_good_standing and facts.may_break_glass


def break_glass(
    patient: Patient,
    *,
    reader: User,
    keyring: OpenKeyring | None,
    reason: str,
    words: str,
    attested: bool,
    session_digest: bytes,
    proven_by: Sequence[str] = (),
    presence: Presence = ELSEWHERE,
    once: uuid.UUID | None = None,
) -> Opened:
    """Open a record in an emergency, for this reader, in this session, for four hours. Call it outside a transaction.

    Whoever calls has asked again for the passphrase and, where one is enrolled, for the second step (`proven_by`).
    The same form (`once`) sent twice opens once; so does another form while this session's emergency is open, unless
    the patient has locked the record anew. Raises CannotBreak, its line committed, and KeysLocked.
    """
    said = words.strip()
    if problem := _problem(reason, said, attested):
        raise CannotBreak(problem, because="incomplete")
    if keyring is None or not accounts.is_theirs(keyring, reader.pk):
        raise KeysLocked(refusal("locked", name=patient.name), because="locked")
    form = uuid.uuid5(once or uuid.uuid4(), f"{patient.pk} {reader.pk}")
    if open_already := _sent_before(form) or _open_in(presence, patient):
        return Opened(open_already, "")
    asked = _Asked(form, patient, reader, reason, said, session_digest, tuple(proven_by))
    _allowed(asked)
    secrets = _released(asked)
    if secrets is None:
        return Opened(Emergency.objects.get(pk=form), "")
    kept = holding.put_away(secrets, emergency_id=form, keyring=keyring)
    return Opened(Emergency.objects.select_related("patient", "reader").get(pk=form), kept)


def _problem(reason: str, said: str, attested: bool) -> str:
    if reason not in Emergency.Reason.values:
        return _("Choose why it cannot wait.")
    if len(said) < SHORTEST:
        told = ngettext(
            "Say in at least %(least)d characters what you need to find out. One is missing.",
            "Say in at least %(least)d characters what you need to find out. %(missing)d are missing.",
            SHORTEST - len(said),
        )
        return told % {"least": SHORTEST, "missing": SHORTEST - len(said)}
    if len(said) > LONGEST:
        return _("This is too long. Say it in at most 2,000 characters.")
    return "" if attested else _("Confirm that you need the record to care for this person now.")


def _sent_before(form: uuid.UUID) -> Emergency | None:
    """Return what the same form opened. Raises CannotBreak where it opened nothing."""
    made = Emergency.objects.filter(pk=form).first()
    if made is not None and not made.opened:
        raise CannotBreak(_("Nothing was opened. Send it again."), because="failed-before")
    return made


def _open_in(presence: Presence, patient: Patient) -> Emergency | None:
    """Return the emergency that this session holds already, if its keys still fit all it opened."""
    urgent = presence.urgent.get(patient.pk)
    if urgent is None or not urgent.secrets or holding.shut_again(presence, patient):
        return None
    found = Emergency.objects.filter(pk=urgent.emergency_id, patient=patient).first()
    return found if found is not None and found.is_open(clock.now()) else None


# --- Deciding ------------------------------------------------------------------------------------
def _decide(patient: Patient, reader: User) -> _Decided:
    """Ask the rules about each part as if the glass were broken now: they decide alike at each use afterwards."""
    at = clock.now()
    seen = standing(reader, at)
    proposed = EmergencyFacts(id=uuid.UUID(int=0), starts=at, ends=at + LASTS, opted_out=breaking.opted_out(patient))
    blocked = queries.is_blocked(patient, reader)
    situation = Situation(blocked=blocked, emergency=proposed, law=queries.law())
    asking = queries.reader_facts(seen)
    decisions = {
        part: rules.decide(
            reader=asking, grants=(), category=part, action=Action.READ, purpose=Purpose.BTG, at=at, situation=situation
        )
        for part in Category
    }
    parts = tuple(str(part) for part, one in decisions.items() if one.allowed)
    if patient.user_id == reader.pk:
        return _Decided(at, (), "own", seen, blocked)
    return _Decided(at, parts, "" if parts else decisions[Category.BASIC].because, seen, blocked)


def _allowed(asked: _Asked) -> _Decided:
    """Return what is decided. Raises CannotBreak, its line committed, where nothing would open."""
    decided = _decide(asked.patient, asked.reader)
    if not decided.parts:
        raise _refuse(asked, decided)
    return decided


def _refuse(asked: _Asked, decided: _Decided) -> CannotBreak:
    log.record(
        "emergency.refused",
        actor=party(asked.reader, known=decided.standing),
        subject=asked.patient.pk,
        outcome="refused",
        purpose=Purpose.BTG,
        because=decided.because,
        details={"reason": asked.reason},
    )
    return CannotBreak(_sentence(asked.patient, decided), because=decided.because)


def _sentence(patient: Patient, decided: _Decided) -> str:
    if decided.because == "own":
        return _("This is your own record. It is always open to you under “My record”.")
    if decided.because in _KEPT_SHUT:
        told = _("{name} keeps this record shut even in an emergency, as the law here allows. Care for them without.")
        return told.format(name=patient.name)
    return refusal(decided.because, name=patient.name, standing_message=decided.standing.message)


# --- Acting --------------------------------------------------------------------------------------
def _released(asked: _Asked) -> Mapping[tuple[str, int], bytes] | None:
    """Return what the keyholder let go; None where the same form got there first. Raises CannotBreak."""
    try:
        return escrow.released(asked.patient, why="emergency", record=lambda to: _record(asked, to))
    except _Again:
        return None
    except escrow.NotReleased as shut:
        _failed(asked, because=shut.because)
        raise CannotBreak(str(shut), because=shut.because) from shut
    except DatabaseError as problem:
        # No line, no look. What to do next does not depend on what exactly is wrong with the storage.
        raise CannotBreak(
            _("The log cannot be written at the moment, so nothing was opened. Care for them without the record."),
            because="log-away",
        ) from problem


def _record(asked: _Asked, to: str) -> Event:
    """Commit the line, the row and what everybody is told, all or nothing, and return the event."""
    refused = None
    with transaction.atomic(durable=True):
        Patient.objects.select_for_update().get(pk=asked.patient.pk)
        if _sent_before(asked.id):
            raise _Again
        decided = _decide(asked.patient, asked.reader)
        if decided.parts:
            event = _append(asked, decided, to)
            _tell(_make(asked, decided, event), asked, decided)
        else:
            refused = decided
    if refused is not None:
        raise _refuse(asked, refused)
    return event


def _append(asked: _Asked, decided: _Decided, to: str) -> Event:
    info = about_emergency(asked.id, asked.patient.pk)
    return log.append(
        "emergency.opened",
        actor=party(asked.reader, known=decided.standing),
        subject=asked.patient.pk,
        outcome="allowed",
        categories=decided.parts,
        purpose=Purpose.BTG,
        because=asked.reason,
        sealed=seal_to([asked.patient.user, *reviewers()], asked.words, info=info),
        details={
            "to": to,
            "reason": asked.reason,
            "emergency": str(asked.id),
            "until": log.timestamp(decided.at + LASTS),
            "proven_by": list(asked.proven_by),
        },
    )


def _make(asked: _Asked, decided: _Decided, event: Event) -> Emergency:
    return Emergency.objects.create(
        id=asked.id,
        patient=asked.patient,
        reader=Reader.objects.get(user=asked.reader),
        reason=asked.reason,
        parts=list(decided.parts),
        event_id=event.pk,
        session_digest=asked.session_digest,
        opened_at=decided.at,
        ends_at=decided.at + LASTS,
        review_due_at=decided.at + REVIEW_WITHIN,
    )


def _tell(emergency: Emergency, asked: _Asked, decided: _Decided) -> None:
    """Put what patient, contact and officers are told into the outbox, in the commit of its cause."""
    key = f"emergency:{emergency.pk}"
    if asked.patient.user is not None:
        kind = "blocked-emergency" if decided.blocked else "emergency-access"
        notices.notify(asked.patient.user, kind, about=emergency.pk, key=f"{key}:{asked.patient.user_id}")
    contacts.tell(emergency)
    for officer in reviewers():
        if officer.pk not in {asked.reader.pk, asked.patient.user_id}:
            notices.notify(officer, "desk.emergency-opened", about=emergency.pk, key=f"{key}:{officer.pk}")


def _failed(asked: _Asked, *, because: str) -> None:
    """Write down that nothing opened after all. A patient who was told of it is told that, too."""
    with transaction.atomic():
        made = Emergency.objects.select_for_update().filter(pk=asked.id).first()
        log.append(
            "emergency.failed",
            actor=party(asked.reader),
            subject=asked.patient.pk,
            outcome="refused",
            purpose=Purpose.BTG,
            because=because,
            details={"emergency": str(asked.id)},
        )
        if made is None:
            return
        made.ended_at = made.relocked_at = clock.now()
        made.ended_by = Emergency.EndedBy.FAILED
        made.save(update_fields=["ended_at", "ended_by", "relocked_at"])
        if asked.patient.user is not None:
            notices.notify(asked.patient.user, "emergency-failed", about=made.pk, key=f"emergency-failed:{made.pk}")
