"""Reading: decide, log, open. Call these outside a transaction, for a rollback would erase the line."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from audit import log
from consent import authority, keys, queries, sentences
from consent.access.refusing import AccessDenied, own_event, refuse
from consent.access.sorting import sort_if_due
from consent.judging import ELSEWHERE, Presence, Verdict, also_writing, judge
from consent.keys import OpenBox, OpenBundle
from consent.models import Grant
from consent.rules import EntryFacts
from ehr import clock
from ehr.accounts.keyrings import OpenKeyring
from ehr.accounts.models import Reader, User
from ehr.r4.search import recorded_on
from ehr.words import Action, Category, Purpose
from patients import vault
from patients.models import Entry, Patient
from patients.vault import OpenEntry


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
    ends: datetime | None = None  # when the last of the permissions used ends; None for one's own record
    by_emergency: bool = False


def open_chart(
    patient: Patient,
    *,
    reader: User,
    keyring: OpenKeyring | None,
    purpose: Purpose | str,
    categories: Sequence[Category] | None = None,
    logical_id: uuid.UUID | None = None,
    all_versions: bool = False,
    presence: Presence = ELSEWHERE,
) -> Chart:
    """Return what a reader may read of a record, or raise AccessDenied; the log holds the attempt either way.

    Of `categories` (all six when None) those are opened that are allowed; the rest leave no trace in the answer.
    """
    asked = tuple(categories) if categories is not None else tuple(Category)
    verdict = judge(patient, reader, action=Action.READ, purpose=purpose, parts=asked, presence=presence)
    boxes, bundles = unlock(verdict, keyring, presence, purpose=purpose, action=_opening(logical_id))
    entries = vault.read(patient, boxes, bundles, logical_id=logical_id, all_versions=all_versions)
    keys.settle(patient, boxes)
    # An emergency is for reading; what somebody may write besides, they may by a permission, and to treat.
    wanted = Purpose.TREAT if verdict.by_emergency else purpose
    writing = also_writing(verdict, purpose=wanted)
    return Chart(
        patient=patient,
        entries=[entry for entry in entries if within(verdict, entry)],
        categories=tuple(part for part in asked if part in boxes),
        opened_at=clock.now(),
        purpose=Purpose(purpose),
        grants=tuple(verdict.used),
        # Handing out what was prescribed has a page of its own; besides it a pharmacist writes nothing.
        writable=() if writing.only_dispenses else writing.parts,
        ends=ends_of(verdict),
        by_emergency=bool(verdict.by_emergency),
    )


def _opening(logical_id: uuid.UUID | None) -> str:
    return "chart.opened" if logical_id is None else "entry.opened"


def unlock(
    verdict: Verdict,
    keyring: OpenKeyring | None,
    presence: Presence,
    *,
    purpose: Purpose | str,
    action: str,
    via: Mapping[str, str] | None = None,
    refused: str = "chart.refused",
) -> tuple[dict[str, OpenBox], list[OpenBundle]]:
    """Return the lockboxes and bundles that a verdict lets open, once its line is committed. Raises AccessDenied.

    `action` is what the line says, or `refused`; `via` through which program.
    """
    patient, told = verdict.patient, {"purpose": str(purpose), "parts": tuple(verdict.decisions), "told": via}
    because = verdict.because if not verdict.opens_anything else "locked" if keyring is None else ""
    if because or keyring is None:
        raise refuse(verdict, patient, refused, because=because, **told)
    _record_opening(verdict, action, purpose=purpose, via=via or {})
    try:
        # What the patient signed opens by its digest; where somebody signed for them, that they might is checked here.
        signed_for = [grant for grant in verdict.used if grant.mandate_id or grant.delegation_id]
        if not all(map(authority.signed_for_patient, signed_for)):
            raise keys.CannotOpen("This was not signed by who may sign for the patient.")
        by_part = {str(part): grant for part, grant in verdict.allowed.items()}
        boxes = keys.granted_boxes(patient, by_part, keyring=keyring)
        if verdict.by_emergency:
            boxes |= keys.boxes_of(patient, presence.urgent[patient.pk].secrets, verdict.by_emergency)
            if not boxes:
                # No seal is amiss: the patient began new epochs since, and what was let go is of the ones before.
                raise refuse(verdict, patient, refused, because="emergency-keys-over", **told)
        bundles = keys.granted_bundles(verdict.bundles, keyring=keyring)
        if not boxes and not bundles:
            raise keys.CannotOpen("No seal was found for this permission.")
    except keys.CannotOpen as problem:
        because = _why_shut(verdict, keyring, presence, purpose)
        raise refuse(verdict, patient, refused, because=because, **told) from problem
    return boxes, bundles


def _why_shut(verdict: Verdict, keyring: OpenKeyring, presence: Presence, purpose: Purpose | str) -> str:
    """Return why an allowed key did not open: an end in that very moment, keys on their way, or tampering."""
    parts = tuple(verdict.decisions)
    again = judge(verdict.patient, verdict.reader, action=Action.READ, purpose=purpose, parts=parts, presence=presence)
    if not again.opens_anything:
        return again.because
    if any(map(queries.is_unsealed_of_old, verdict.used)):
        return "keys-wait"
    return "team-keys-wait" if keys.waits_for_team(verdict.used, keyring) else "seal-does-not-open"


def within(verdict: Verdict, entry: OpenEntry) -> bool:
    """Tell whether an opened entry is what the grant of its parts is about: of record dates only the past is a key.

    One that does not open says nothing of its date, and is shown as such.
    """
    by = [verdict.allowed[part] for part in map(Category, entry.parts) if part in verdict.allowed]
    narrow = [grant for grant in by if grant.record_from or grant.record_until]
    if not narrow or entry.raw is None:
        return True
    facts = EntryFacts(str(entry.logical_id), recorded_on(entry.resource))
    return all(verdict.covers(grant, facts) for grant in narrow)


def ends_of(verdict: Verdict) -> datetime | None:
    """Return when the last of the permissions used ends."""
    return max((verdict.facts[grant.pk].ends for grant in verdict.used), default=None)


def _record_opening(verdict: Verdict, action: str, *, purpose: Purpose | str, via: Mapping[str, str]) -> None:
    """Commit one event per permission used: each names its own parts and permission."""
    page = log.new_id(clock.now())
    used: list[tuple[str, Grant | None, list[str]]] = []
    for grant in verdict.used:
        whole = [str(part) for part, one in verdict.allowed.items() if one.pk == grant.pk]
        used.append(("grant", grant, whole or grant.categories))
    if verdict.by_emergency:
        used.append(("emergency", None, [str(part) for part in verdict.by_emergency]))
    for because, grant, parts in used:
        log.record(
            action,
            actor=verdict.party(grant),
            subject=verdict.patient.pk,
            categories=sorted(parts),
            purpose=str(purpose),
            grant=grant.pk if grant else None,
            because=because,
            page=page,
            details={**verdict.team(grant), **via},
        )


def identify(
    patient: Patient,
    *,
    reader: User | Reader,
    purpose: Purpose | str,
    presence: Presence = ELSEWHERE,
    told: Mapping[str, str] | None = None,
) -> None:
    """Commit the line of a page that shows whose record it is and opens nothing, such as an empty form.

    `told` is what the line says besides. Raises AccessDenied where the reader, a person or an app, may neither read
    nor write anything of it now.
    """
    every = tuple(Category)
    verdict = judge(patient, reader, action=Action.READ, purpose=purpose, parts=every, presence=presence)
    writing = also_writing(verdict, purpose=purpose)
    if not (verdict.opens_anything or writing.opens_anything):
        because = verdict.because
        raise refuse(verdict, patient, "chart.refused", because=because, purpose=str(purpose), parts=every, told=told)
    grant = next(iter([*verdict.used, *writing.used]), None)
    log.record(
        "patient.named",
        actor=verdict.party(grant),
        subject=patient.pk,
        purpose=str(purpose),
        grant=grant.pk if grant else None,
        because="grant" if grant else "emergency",
        details={**verdict.team(grant), **(told or {})},
    )


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
    own_event(patient, keyring, "record.opened", asked)
    sort_if_due(patient, keyring=keyring)
    boxes = keys.own_boxes(patient, asked, keyring=keyring)
    entries = vault.read(patient, boxes, logical_id=logical_id, all_versions=all_versions)
    keys.settle(patient, boxes)
    return Chart(patient, entries, asked, clock.now(), Purpose.PATRQT, writable=tuple(Category))


def own_recorded_between(
    patient: Patient, parts: Sequence[str], first: date | None, last: date | None, *, keyring: OpenKeyring
) -> frozenset[uuid.UUID]:
    """Return the row ids of one's own entries that were recorded between two days, both included. Raises KeysLocked.

    An entry that names no whole day is in no such time.
    """
    chart = open_own(patient, keyring=keyring, categories=[Category(part) for part in parts])
    days = ((entry.entry_id, recorded_on(entry.resource)) for entry in chart.entries)
    return frozenset(
        row for row, day in days if day and (first is None or day >= first) and (last is None or day <= last)
    )


def open_attachment(
    patient: Patient,
    entry: Entry,
    *,
    reader: User,
    keyring: OpenKeyring | None,
    purpose: Purpose | str,
    presence: Presence = ELSEWHERE,
) -> bytes:
    """Return the picture or PDF of an entry a reader may read, or raise AccessDenied. One event, as for an entry."""
    if entry.patient_id != patient.pk:
        raise ValueError("This entry is another patient's.")
    parts = [Category(part) for part in entry.wrapped_keys.values_list("lockbox__part", flat=True)]
    if patient.user_id == reader.pk:
        own_event(patient, keyring, "attachment.opened", parts)
        try:
            return vault.read_attachment(entry, keys.own_boxes(patient, parts, keyring=keyring))
        except keys.CannotOpen as problem:
            message = sentences.refusal("does-not-open", name=patient.name)
            raise AccessDenied(message, because="does-not-open") from problem
    verdict = judge(patient, reader, action=Action.READ, purpose=purpose, parts=parts, presence=presence)
    boxes, bundles = unlock(verdict, keyring, presence, purpose=purpose, action="entry.opened")
    because = "not-in-grant"
    found = vault.read(patient, boxes, bundles, logical_id=entry.logical_id, all_versions=True)
    if any(one.entry_id == entry.pk and within(verdict, one) for one in found):
        try:
            return vault.read_attachment(entry, boxes, bundles)
        except keys.CannotOpen:
            because = "does-not-open"
    raise refuse(verdict, patient, "chart.refused", because=because, purpose=str(purpose), parts=parts)
