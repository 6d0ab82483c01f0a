"""Writing: what a reader, a patient or another system puts in. It is sealed before it is stored."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import IntegrityError, transaction

from audit import log
from consent import authority, dispensing, keys
from consent.access.refusing import own_event, own_party, refuse
from consent.judging import ELSEWHERE, Presence, Verdict, judge
from consent.rules import EntryFacts
from ehr.accounts import queries as accounts
from ehr.accounts.keyrings import OpenKeyring
from ehr.accounts.models import User
from ehr.words import Action, Category, Purpose
from patients import vault
from patients.models import Entry, Patient
from patients.queries import NOTHING_YET, known_origins, newest_versions
from patients.vault import Author, Draft


class ChangedMeanwhile(Exception):
    """Somebody wrote the next version first. Nothing was stored; read theirs, then write on top of it."""


@dataclass(frozen=True)
class Person:
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
    patient: Patient,
    drafts: Sequence[Draft],
    *,
    reader: User,
    keyring: OpenKeyring | None,
    purpose: Purpose | str,
    presence: Presence = ELSEWHERE,
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
            verdict = judge(patient, reader, action=Action.WRITE, purpose=purpose, parts=parts, presence=presence)
            if verdict.only_dispenses and (filled := dispensing.filled_by(drafts)):
                # Of several prescriptions each has a grant of its own: the one that names this one counts.
                verdict = judge(
                    patient,
                    reader,
                    action=Action.WRITE,
                    purpose=purpose,
                    parts=parts,
                    presence=presence,
                    about=EntryFacts(filled),
                )
            because = _why_not_written(verdict, drafts, parts, keyring)
            if not because:
                if any(draft.version != 1 + before.get(draft.logical_id, NOTHING_YET).version for draft in drafts):
                    raise ChangedMeanwhile
                grants = {str(part): grant for part, grant in verdict.allowed.items()}
                grant = next(iter(grants.values()))
                actor, told = verdict.party(grant), verdict.team(grant)
                _append_writing(patient, drafts, actor=actor, purpose=purpose, grant=grant.pk, told=told)
                boxes = keys.granted_boxes(patient, grants, keyring=keyring)
                return vault.write(patient, drafts, author=Person(keyring, actor.name), boxes=boxes)
    except IntegrityError as twice:
        # Two at the same moment: the database let the first one in.
        raise ChangedMeanwhile from twice
    except keys.CannotOpen:
        because = "seal-does-not-open"
    raise refuse(verdict, patient, "entry.refused", because=because, purpose=str(purpose), parts=parts)


def _touched(drafts: Sequence[Draft], before: Mapping) -> tuple[Category, ...]:
    """Return the parts that drafts are put into, and those from which new versions take something."""
    put = {part for draft in drafts for part in draft.parts}
    return tuple(sorted(map(Category, put.union(*(one.parts for one in before.values())))))


def _why_not_written(
    verdict: Verdict, drafts: Sequence[Draft], parts: Sequence[Category], keyring: OpenKeyring | None
) -> str:
    if len(verdict.allowed) != len(parts):
        return verdict.because
    if verdict.only_dispenses and not dispensing.filled_by(drafts):
        return "only-dispensing"
    # Who was let in to chosen entries adds new ones, and new versions of those only.
    for part, grant in verdict.allowed.items():
        newer = [draft for draft in drafts if draft.version > 1 and part in draft.parts]
        if grant.entries and not all(verdict.covers(grant, EntryFacts(str(one.logical_id))) for one in newer):
            return "not-in-grant"
    if not accounts.is_theirs(keyring, verdict.reader.pk):
        return "locked"
    # Writing may need no seal, so the signature itself is checked.
    genuine = all(authority.signed_for_patient(grant) for grant in verdict.allowed.values())
    return "" if genuine else "seal-does-not-open"


def add_own(patient: Patient, drafts: Sequence[Draft], *, keyring: OpenKeyring | None) -> list[Entry]:
    """Seal what a patient added to their own record, signed by them and marked as theirs. Raises KeysLocked,
    and ChangedMeanwhile for a version that is there already.
    """
    parts = {Category(part) for draft in drafts for part in draft.parts}
    if not accounts.is_theirs(keyring, patient.user_id):
        own_event(patient, None, "entry.refused", parts)
    try:
        with transaction.atomic():
            _append_writing(patient, drafts, actor=own_party(patient), purpose=Purpose.PATRQT)
            boxes = keys.own_boxes(patient, parts, keyring=keyring)
            return vault.write(patient, drafts, author=Person(keyring, patient.name), boxes=boxes)
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
    patient: Patient,
    drafts: Sequence[Draft],
    *,
    actor: log.Party,
    purpose,
    grant: uuid.UUID | None = None,
    told: Mapping[str, str] | None = None,
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
        details={"count": len(drafts), **(told or {})},
    )
