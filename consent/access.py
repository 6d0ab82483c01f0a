"""THE DOOR: the only way from ciphertext to text, and the way in for everything new.

Each verb decides, logs, acts. The line is committed before a key is used: no log, no chart. A refusal is logged
too. Call the reading verbs outside a transaction, for a rollback would erase the line after the text was seen.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import IntegrityError, transaction

from audit import log
from consent import keys, queries, rules, sentences
from consent.models import Grant
from ehr import clock
from ehr.accounts import queries as accounts
from ehr.accounts.keyrings import OpenKeyring
from ehr.accounts.models import User
from ehr.notices import operations as notices
from ehr.words import Action, Category, Purpose
from patients import vault
from patients.models import Entry, Patient
from patients.queries import NOTHING_YET, known_origins, newest_versions
from patients.vault import Author, Draft, OpenEntry
from providers.queries import Standing, party, standing

__all__ = ["AccessDenied", "ChangedMeanwhile", "Chart", "Draft", "KeysLocked", "OpenEntry"]


class AccessDenied(Exception):
    """The reader may not do this. The message says why and what to do next; `because` is the log's word for it."""

    def __init__(self, message: str, *, because: str) -> None:
        super().__init__(message)
        self.because = because


class KeysLocked(AccessDenied):
    """Signed in, but the keyring is locked: nothing opens until the passphrase is given."""


class ChangedMeanwhile(Exception):
    """Somebody wrote the next version first. Nothing was stored; read theirs, then write on top of it."""


@dataclass(frozen=True)
class Chart:
    """What one opening showed: the entries, which parts may be read, and under which permission until when."""

    patient: Patient
    entries: list[OpenEntry] = field(repr=False)
    categories: tuple[Category, ...]
    opened_at: datetime
    purpose: Purpose
    grants: tuple[Grant, ...] = ()
    writable: tuple[Category, ...] = ()

    @property
    def ends(self) -> datetime | None:
        """When the last of the permissions used ends; None for one's own record."""
        return max((grant.ends for grant in self.grants), default=None)


@dataclass(frozen=True)
class _Verdict:
    """Decisions for each part asked for, and the grants that allow."""

    reader: User
    standing: Standing
    decisions: Mapping[Category, rules.Decision]
    grants: Mapping[uuid.UUID, Grant]

    @property
    def allowed(self) -> dict[Category, Grant]:
        return {part: self.grants[one.grant] for part, one in self.decisions.items() if one.allowed}

    @property
    def because(self) -> str:
        """The most telling reason of a refusal: one about the reader or about time before "not in the grant"."""
        reasons = [one.because for one in self.decisions.values() if not one.allowed]
        return next((one for one in reasons if one not in {"no-grant", "not-in-grant"}), (reasons or ["no-grant"])[0])

    def party(self) -> log.Party:
        return party(self.reader, known=self.standing)


def _judge(
    patient: Patient, reader: User, *, action: Action, purpose: Purpose | str, parts: Iterable[Category]
) -> _Verdict:
    """Decide on each part by `consent.rules`, from facts read now. Nothing is cached."""
    at = clock.now()
    seen = standing(reader, at)
    facts = queries.reader_facts(seen)
    grants = {grant.pk: grant for grant in queries.between(patient, reader)}
    known = [queries.facts(grant) for grant in grants.values()]
    decisions = {
        part: rules.decide(reader=facts, grants=known, category=part, action=action, purpose=purpose, at=at)
        for part in parts
    }
    return _Verdict(reader, seen, decisions, grants)


def _refuse(
    verdict: _Verdict, patient: Patient, action: str, *, because: str, purpose: str, parts: Iterable[Category]
) -> AccessDenied:
    """Log a refusal and return the exception to raise. The subject's list holds the attempt."""
    event = log.record(
        action,
        actor=verdict.party(),
        subject=patient.pk,
        outcome="refused",
        categories=sorted(parts),
        purpose=purpose,
        because=because,
    )
    if because == "seal-does-not-open":
        for officer in queries.officers():
            key = f"grant-altered:{patient.pk}:{event.time:%Y-%m-%d}:{officer.pk}"
            notices.notify(officer, "desk.grant-altered", about=event.pk, key=key)
    kind = KeysLocked if because == "locked" else AccessDenied
    message = sentences.refusal(because, name=patient.name, standing_message=verdict.standing.message)
    return kind(message, because=because)


# --- Reading -------------------------------------------------------------------------------------
def open_chart(
    patient: Patient,
    *,
    reader: User,
    keyring: OpenKeyring | None,
    purpose: Purpose | str,
    categories: Sequence[Category] | None = None,
    logical_id: uuid.UUID | None = None,
    all_versions: bool = False,
) -> Chart:
    """Return what a reader may read of a record, or raise AccessDenied; the log holds the attempt either way.

    Of `categories` (all six when None) those are opened that are allowed; the rest leave no trace in the answer.
    """
    asked = tuple(categories) if categories is not None else tuple(Category)
    verdict = _judge(patient, reader, action=Action.READ, purpose=purpose, parts=asked)
    allowed = verdict.allowed
    because = "locked" if allowed and keyring is None else "" if allowed else verdict.because
    if because:
        raise _refuse(verdict, patient, "chart.refused", because=because, purpose=str(purpose), parts=asked)
    _record_opening(verdict, patient, allowed, purpose=purpose, logical_id=logical_id)
    try:
        boxes = keys.granted_boxes(patient, {str(part): grant for part, grant in allowed.items()}, keyring=keyring)
        if not boxes:
            raise keys.CannotOpen("No seal was found for this permission.")
    except keys.CannotOpen as problem:
        raise _refuse(
            verdict, patient, "chart.refused", because="seal-does-not-open", purpose=str(purpose), parts=allowed
        ) from problem
    entries = vault.read(patient, boxes, logical_id=logical_id, all_versions=all_versions)
    keys.settle(patient, boxes)
    writing = _judge(patient, reader, action=Action.WRITE, purpose=purpose, parts=tuple(Category))
    return Chart(
        patient=patient,
        entries=entries,
        categories=tuple(part for part in asked if part in boxes),
        opened_at=clock.now(),
        purpose=Purpose(purpose),
        grants=tuple({grant.pk: grant for grant in allowed.values()}.values()),
        writable=tuple(writing.allowed),
    )


def _record_opening(
    verdict: _Verdict, patient: Patient, allowed: Mapping[Category, Grant], *, purpose, logical_id
) -> None:
    """Commit one event per grant used: each names its own parts and permission."""
    by_grant: dict[uuid.UUID, list[str]] = {}
    for part, grant in allowed.items():
        by_grant.setdefault(grant.pk, []).append(str(part))
    page = log.new_id(clock.now())
    for grant_id, parts in by_grant.items():
        log.record(
            "chart.opened" if logical_id is None else "entry.opened",
            actor=verdict.party(),
            subject=patient.pk,
            categories=sorted(parts),
            purpose=str(purpose),
            grant=grant_id,
            because="grant",
            page=page,
        )


def identify(patient: Patient, *, reader: User, purpose: Purpose | str) -> None:
    """Commit the line of a page that shows whose record it is and opens nothing, such as an empty form.

    Raises AccessDenied where the reader may neither read nor write anything of it now.
    """
    every = tuple(Category)
    verdict = _judge(patient, reader, action=Action.READ, purpose=purpose, parts=every)
    writing = _judge(patient, reader, action=Action.WRITE, purpose=purpose, parts=every)
    allowed = verdict.allowed or writing.allowed
    if not allowed:
        because = verdict.because
        raise _refuse(verdict, patient, "chart.refused", because=because, purpose=str(purpose), parts=every)
    grant = next(iter(allowed.values())).pk
    log.record(
        "patient.named", actor=verdict.party(), subject=patient.pk, purpose=str(purpose), grant=grant, because="grant"
    )


def own_party(patient: Patient) -> log.Party:
    """Return a patient as the log writes them down."""
    return log.Party("person", patient.user_id, patient.name, "patient", "")


def open_own(
    patient: Patient,
    *,
    keyring: OpenKeyring | None,
    categories: Sequence[Category] | None = None,
    logical_id: uuid.UUID | None = None,
    all_versions: bool = False,
) -> Chart:
    """Return a patient's own record, opened with their own keys. Raises KeysLocked."""
    asked = tuple(categories) if categories is not None else tuple(Category)
    _own_event(patient, keyring, "record.opened", asked)
    boxes = keys.own_boxes(patient, asked, keyring=keyring)
    entries = vault.read(patient, boxes, logical_id=logical_id, all_versions=all_versions)
    keys.settle(patient, boxes)
    return Chart(patient, entries, asked, clock.now(), Purpose.PATRQT, writable=tuple(Category))


def _own_event(patient: Patient, keyring: OpenKeyring | None, action: str, parts: Iterable[Category]) -> None:
    keyring = keyring if accounts.is_theirs(keyring, patient.user_id) else None
    log.record(
        action,
        actor=own_party(patient),
        subject=patient.pk,
        outcome="allowed" if keyring else "refused",
        categories=sorted(parts),
        purpose=Purpose.PATRQT,
        because="own" if keyring else "locked",
    )
    if keyring is None:
        raise KeysLocked(sentences.refusal("locked", name=patient.name), because="locked")


def open_attachment(
    patient: Patient, entry: Entry, *, reader: User, keyring: OpenKeyring | None, purpose: Purpose | str
) -> bytes:
    """Return the picture or PDF of an entry a reader may read, or raise AccessDenied. One event, as for an entry."""
    if entry.patient_id != patient.pk:
        raise ValueError("This entry is another patient's.")
    parts = [Category(part) for part in entry.wrapped_keys.values_list("lockbox__part", flat=True)]
    if patient.user_id == reader.pk:
        _own_event(patient, keyring, "attachment.opened", parts)
        try:
            return vault.read_attachment(entry, keys.own_boxes(patient, parts, keyring=keyring))
        except keys.CannotOpen as problem:
            message = sentences.refusal("does-not-open", name=patient.name)
            raise AccessDenied(message, because="does-not-open") from problem
    verdict = _judge(patient, reader, action=Action.READ, purpose=purpose, parts=parts)
    allowed = verdict.allowed
    because = verdict.because if len(allowed) != len(parts) else "" if keyring else "locked"
    if not because:
        _record_opening(verdict, patient, allowed, purpose=purpose, logical_id=entry.logical_id)
        by_part = {str(part): grant for part, grant in allowed.items()}
        try:
            return vault.read_attachment(entry, keys.granted_boxes(patient, by_part, keyring=keyring))
        except keys.CannotOpen:
            because = "does-not-open"
    raise _refuse(verdict, patient, "chart.refused", because=because, purpose=str(purpose), parts=parts)


# --- Writing -------------------------------------------------------------------------------------
@dataclass(frozen=True)
class _Person:
    """Somebody who writes with their own author key."""

    keyring: OpenKeyring
    name: str
    source_id: None = None

    @property
    def version_id(self) -> int:
        return self.keyring.version_id

    def sign(self, message: bytes) -> bytes:
        return self.keyring.sign(message)


def add_entries(
    patient: Patient, drafts: Sequence[Draft], *, reader: User, keyring: OpenKeyring | None, purpose: Purpose | str
) -> list[Entry]:
    """Seal what a clinician wrote, signed by them, or raise AccessDenied. Every part touched needs a grant to write:
    the part where something is put, and the part from which a new version takes it.

    Raises ChangedMeanwhile when a draft does not follow the newest version.
    """
    try:
        with transaction.atomic():
            # Stopping takes the same row: what is written came before it, or is refused.
            Patient.objects.select_for_update(no_key=True).get(pk=patient.pk)
            before = newest_versions(patient, [draft.logical_id for draft in drafts])
            parts = _touched(drafts, before)
            verdict = _judge(patient, reader, action=Action.WRITE, purpose=purpose, parts=parts)
            because = _why_not_written(verdict, parts, keyring)
            if not because:
                if any(draft.version != 1 + before.get(draft.logical_id, NOTHING_YET).version for draft in drafts):
                    raise ChangedMeanwhile
                grants = {str(part): grant for part, grant in verdict.allowed.items()}
                _append_writing(
                    patient, drafts, actor=verdict.party(), purpose=purpose, grant=next(iter(grants.values())).pk
                )
                boxes = keys.granted_boxes(patient, grants, keyring=keyring)
                return vault.write(patient, drafts, author=_Person(keyring, verdict.party().name), boxes=boxes)
    except IntegrityError as twice:
        # Two at the same moment: the database let the first one in.
        raise ChangedMeanwhile from twice
    except keys.CannotOpen:
        because = "seal-does-not-open"
    raise _refuse(verdict, patient, "entry.refused", because=because, purpose=str(purpose), parts=parts)


def _touched(drafts: Sequence[Draft], before: Mapping) -> tuple[Category, ...]:
    """Return the parts that drafts are put into, and those from which new versions take something."""
    put = {part for draft in drafts for part in draft.parts}
    return tuple(sorted(map(Category, put.union(*(one.parts for one in before.values())))))


def _why_not_written(verdict: _Verdict, parts: Sequence[Category], keyring: OpenKeyring | None) -> str:
    if len(verdict.allowed) != len(parts):
        return verdict.because
    if not accounts.is_theirs(keyring, verdict.reader.pk):
        return "locked"
    # Writing may need no seal, so the signature itself is checked.
    genuine = all(queries.signed_by_patient(grant) for grant in verdict.allowed.values())
    return "" if genuine else "seal-does-not-open"


def add_own(patient: Patient, drafts: Sequence[Draft], *, keyring: OpenKeyring | None) -> list[Entry]:
    """Seal what a patient added to their own record, signed by them and marked as theirs. Raises KeysLocked,
    and ChangedMeanwhile for a version that is there already.
    """
    parts = {Category(part) for draft in drafts for part in draft.parts}
    if not accounts.is_theirs(keyring, patient.user_id):
        _own_event(patient, None, "entry.refused", parts)
    try:
        with transaction.atomic():
            _append_writing(patient, drafts, actor=own_party(patient), purpose=Purpose.PATRQT)
            boxes = keys.own_boxes(patient, parts, keyring=keyring)
            return vault.write(patient, drafts, author=_Person(keyring, patient.name), boxes=boxes)
    except IntegrityError as twice:
        raise ChangedMeanwhile from twice


def receive(patient: Patient, drafts: Sequence[Draft], *, source: Author) -> list[Entry]:
    """Seal what another system sent, with no reading key at hand; what is known already is left out.

    Call it inside the transaction of the whole delivery, so that a broken one leaves nothing behind.
    """
    known = known_origins(patient, [draft.origin for draft in drafts if draft.origin])
    fresh = [draft for draft in drafts if draft.origin not in known]
    if not fresh:
        return []
    actor = log.Party("system", source.source_id, source.name, "source", "")
    _append_writing(patient, fresh, actor=actor, purpose=Purpose.TREAT)
    return vault.write(patient, fresh, author=source)


def _append_writing(
    patient: Patient, drafts: Sequence[Draft], *, actor: log.Party, purpose, grant: uuid.UUID | None = None
) -> None:
    changed = any(draft.version > 1 for draft in drafts)
    log.append(
        "entry.changed" if changed else "entry.added",
        actor=actor,
        subject=patient.pk,
        outcome="done",
        categories=sorted({part for draft in drafts for part in draft.parts}),
        purpose=str(purpose),
        grant=grant,
        because="grant" if grant else "own" if actor.role == "patient" else "source",
        details={"count": len(drafts)},
    )
