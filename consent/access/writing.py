"""Writing: what a reader, a patient or another system puts in. It is sealed before it is stored."""

import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from audit import log
from consent import authority, dispensing, keys, queries
from consent.access.callers import Caller
from consent.access.refusing import AccessDenied, own_event, own_party, own_refusal, refuse
from consent.access.searching import open_record, recorded
from consent.judging import ELSEWHERE, Presence, Verdict, judge
from consent.rules import EntryFacts
from ehr.accounts import queries as accounts
from ehr.accounts.keyrings import OpenKeyring
from ehr.accounts.models import User
from ehr.words import Action, Category, Purpose
from patients import vault
from patients.models import Entry, Patient
from patients.queries import NOTHING_YET, Newest, known_origins, latest_versions, written_by
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
    every = frozenset(Category)
    return _write(patient, drafts, Caller(reader, keyring, None, every, every, purpose, presence))


def write_record(patient: Patient, caller: Caller, drafts: Sequence[Draft]) -> list[Entry]:
    """Seal what a caller wrote through an interface, all or nothing, or raise AccessDenied.

    A draft's `version` is one more than that of the version it is to follow: where another came first, or an entry is
    there that should be new, ChangedMeanwhile is raised. A deletion is a version, too (`Draft.deletion`). Every part
    touched needs leave to write, of the patient and of the token.
    """
    if not drafts:
        return []
    if caller.is_owner(patient):
        return _write_own(patient, drafts, caller)
    return _write(patient, drafts, caller, recorded=_recorded(patient, drafts, caller))


def _write(
    patient: Patient,
    drafts: Sequence[Draft],
    caller: Caller,
    *,
    recorded: Mapping[uuid.UUID, date | None] | None = None,
) -> list[Entry]:
    """Seal what somebody wrote under a permission. `recorded` are the days of the versions that are followed."""
    try:
        with transaction.atomic():
            # Stopping takes the same row: what is written came before it, or is refused.
            Patient.objects.select_for_update(no_key=True).get(pk=patient.pk)
            before = latest_versions(patient, [draft.logical_id for draft in drafts])
            parts = _touched(drafts, before)
            verdict = _judged(patient, caller, parts)
            filled = dispensing.filled_by(drafts) if verdict.only_dispenses else ""
            if filled:
                # Of several prescriptions each has a grant of its own: the one that names this one counts.
                verdict = _judged(patient, caller, parts, about=EntryFacts(filled))
            because = _why_not_written(verdict, drafts, parts, caller, recorded)
            if not because and not _are_their_own(patient, drafts, caller, filled):
                because = "only-dispensing"
            if not because:
                _follow(drafts, before)
                grants = {str(part): grant for part, grant in verdict.allowed.items()}
                grant = next(iter(grants.values()))
                actor, told = verdict.party(grant), verdict.team(grant) | caller.told
                why = dispensing.correction(drafts) if filled else ""
                _append_writing(
                    patient, drafts, actor=actor, purpose=caller.purpose, grant=grant.pk, told=told, why=why
                )
                boxes = keys.granted_boxes(patient, grants, keyring=caller.keyring)
                return vault.write(patient, drafts, author=_author(patient, caller, actor.name), boxes=boxes)
    except IntegrityError as twice:
        # Two at the same moment: the database let the first one in.
        raise ChangedMeanwhile from twice
    except keys.CannotOpen:
        because = "seal-does-not-open"
    purpose = str(caller.purpose)
    raise refuse(verdict, patient, "entry.refused", because=because, purpose=purpose, parts=parts, told=caller.told)


def _judged(patient: Patient, caller: Caller, parts: Sequence[Category], *, about: EntryFacts | None = None) -> Verdict:
    return judge(
        patient,
        caller.reader,
        action=Action.WRITE,
        purpose=caller.purpose,
        parts=parts,
        presence=caller.presence,
        about=about,
    )


def _author(patient: Patient, caller: Caller, name: str) -> Person:
    """Return who signs: a person, or an app, of which the name says for whom it wrote."""
    if caller.app is not None:
        name = _("%(name)s, for %(patient)s") % {"name": name, "patient": patient.name}
    return Person(caller.keyring, name)


def _follow(drafts: Sequence[Draft], before: Mapping[uuid.UUID, Newest]) -> None:
    """Raise ChangedMeanwhile unless each draft is the next version of what is there; of one entry there is one."""
    if any(draft.version != 1 + before.get(draft.logical_id, NOTHING_YET).version for draft in drafts):
        raise ChangedMeanwhile


def _recorded(patient: Patient, drafts: Sequence[Draft], caller: Caller) -> dict[uuid.UUID, date | None]:
    """Return the days of the versions that drafts follow, where a grant to write names days: opened, and on the log.

    What the caller may not read, they do not change under such a grant.
    """
    newer = [draft for draft in drafts if draft.version > 1]
    if not newer:
        return {}
    before = latest_versions(patient, [draft.logical_id for draft in newer])
    verdict = _judged(patient, caller, _touched(newer, before))
    if not any(grant.record_from or grant.record_until for grant in verdict.used):
        return {}
    found = {}
    for draft in newer:
        with suppress(AccessDenied):
            record = open_record(patient, caller, action_words="entry.opened", logical_id=draft.logical_id)
            found |= {one.logical_id: recorded(one) for one in record.rows}
    return found


def _touched(drafts: Sequence[Draft], before: Mapping) -> tuple[Category, ...]:
    """Return the parts that drafts are put into, and those from which new versions take something."""
    put = {part for draft in drafts for part in draft.parts}
    return tuple(sorted(map(Category, put.union(*(one.parts for one in before.values())))))


def _why_not_written(
    verdict: Verdict,
    drafts: Sequence[Draft],
    parts: Sequence[Category],
    caller: Caller,
    days: Mapping[uuid.UUID, date | None] | None,
) -> str:
    if not caller.writes.issuperset(parts):
        return "not-in-scope"
    if len(verdict.allowed) != len(parts):
        return verdict.because
    if verdict.only_dispenses and not dispensing.filled_by(drafts):
        return "only-dispensing"
    # Who was let in to chosen entries, or to days, adds new ones, and new versions of those only. A dispensing is not
    # among those a pharmacist was let in to: whether they follow one of theirs is looked at beside this.
    for part, grant in verdict.allowed.items() if not verdict.only_dispenses else ():
        newer = [draft for draft in drafts if draft.version > 1 and part in draft.parts]
        narrow = grant.entries or (days is not None and (grant.record_from or grant.record_until))
        if narrow and not all(verdict.covers(grant, _about(one, days or {})) for one in newer):
            return "not-in-grant"
    if caller.open_keyring is None:
        return "locked"
    # Writing may need no seal, so the signature itself is checked.
    genuine = all(authority.signed_for_patient(grant) for grant in verdict.allowed.values())
    return "" if genuine else "seal-does-not-open"


def _are_their_own(patient: Patient, drafts: Sequence[Draft], caller: Caller, filled: str) -> bool:
    """Tell whether the versions that a pharmacist follows are all of what they recorded for that one prescription.

    They cannot open it, and neither can the door: its id is counted from a permission of theirs for that prescription,
    and its newest version bears their own key.
    """
    followed = {draft.logical_id for draft in drafts if draft.version > 1}
    if not filled or not followed:
        return True
    counted = {one for grant in queries.given_for(patient, caller.user, filled) for one in dispensing.ids(grant.pk)}
    return followed <= counted & written_by(patient, caller.user)


def _about(draft: Draft, days: Mapping[uuid.UUID, date | None]) -> EntryFacts:
    return EntryFacts(str(draft.logical_id), days.get(draft.logical_id))


def add_own(patient: Patient, drafts: Sequence[Draft], *, keyring: OpenKeyring | None) -> list[Entry]:
    """Seal what a patient added to their own record, signed by them and marked as theirs. Raises KeysLocked,
    and ChangedMeanwhile for a version that is there already.
    """
    parts = {Category(part) for draft in drafts for part in draft.parts}
    if not accounts.is_theirs(keyring, patient.user_id):
        own_event(patient, None, "entry.refused", parts)
    return _seal_own(patient, drafts, keyring, {})


def _write_own(patient: Patient, drafts: Sequence[Draft], caller: Caller) -> list[Entry]:
    before = latest_versions(patient, [draft.logical_id for draft in drafts])
    parts = _touched(drafts, before)
    if not caller.writes.issuperset(parts):
        raise own_refusal(patient, "entry.refused", parts, because="not-in-scope", told=caller.told)
    if caller.open_keyring is None:
        own_event(patient, None, "entry.refused", parts, told=caller.told)
    with transaction.atomic():
        # One row per patient orders their own changes, so that the second of two is seen to be that.
        Patient.objects.select_for_update(no_key=True).get(pk=patient.pk)
        _follow(drafts, latest_versions(patient, [draft.logical_id for draft in drafts]))
        return _seal_own(patient, drafts, caller.keyring, caller.told)


def _seal_own(patient: Patient, drafts: Sequence[Draft], keyring: OpenKeyring, told: Mapping[str, str]) -> list[Entry]:
    parts = {Category(part) for draft in drafts for part in draft.parts}
    try:
        with transaction.atomic():
            _append_writing(patient, drafts, actor=own_party(patient), purpose=Purpose.PATRQT, told=told)
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
    why: str = "",
) -> None:
    because = why or ("grant" if grant else "own" if actor.role == "patient" else "source")
    removed = [draft for draft in drafts if draft.deleted]
    kept = [draft for draft in drafts if not draft.deleted]
    changed = "entry.changed" if any(draft.version > 1 for draft in kept) else "entry.added"
    for action, some in ((changed, kept), ("entry.removed", removed)):
        if some:
            log.append(
                action,
                actor=actor,
                subject=patient.pk,
                outcome="done",
                categories=sorted({part for draft in some for part in draft.parts}),
                purpose=str(purpose),
                grant=grant,
                because=because,
                details={"count": len(some), **(told or {})},
            )
