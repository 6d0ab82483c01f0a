"""Looking through the same decision without being let in: a patient's "view as", an administrator's "why?"."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from audit import log
from consent import keys, queries, sentences
from consent.access.reading import Chart, ends_of, within
from consent.access.refusing import KeysLocked, own_party
from consent.judging import ELSEWHERE, Presence, Verdict, also_writing, judge
from ehr import clock
from ehr.accounts import queries as accounts
from ehr.accounts.keyrings import OpenKeyring
from ehr.accounts.models import User
from ehr.words import Action, Category, Purpose
from patients import vault
from patients.models import Patient


@dataclass(frozen=True)
class AsSeen:
    """What a named reader would see at this moment, and in words why not more."""

    chart: Chart
    refusal: str  # empty where anything opens


def view_as(
    patient: Patient,
    *,
    reader: User,
    keyring: OpenKeyring | None,
    purpose: Purpose = Purpose.TREAT,
    presence: Presence = ELSEWHERE,
) -> AsSeen:
    """Return what a reader would see of a record, decided by the same function and opened with the patient's own keys.

    The line on the log says that it was the patient. Raises KeysLocked.
    """
    verdict = judge(patient, reader, action=Action.READ, purpose=purpose, parts=tuple(Category), presence=presence)
    own = keyring if accounts.is_theirs(keyring, patient.user_id) else None
    log.record(
        "record.viewed-as",
        actor=own_party(patient),
        subject=patient.pk,
        outcome="allowed" if own else "refused",
        categories=sorted(str(part) for part in verdict.allowed),
        purpose=Purpose.PATRQT,
        because="own" if own else "locked",
        details={"reader": str(reader.pk), "reader_name": verdict.party().name},
    )
    if own is None:
        raise KeysLocked(sentences.refusal("locked", name=patient.name), because="locked")
    boxes = keys.own_boxes(patient, list(Category), keyring=own)
    held = {part for part in verdict.allowed if part in boxes}
    chosen = queries.in_bundles(verdict.bundles)
    entries = [
        entry
        for entry in vault.read(patient, boxes)
        if (set(entry.parts) <= held and within(verdict, entry)) or entry.entry_id in chosen
    ]
    chart = Chart(
        patient=patient,
        entries=entries,
        categories=tuple(part for part in Category if part in held),
        opened_at=clock.now(),
        purpose=purpose,
        grants=tuple(verdict.used),
        writable=also_writing(verdict, purpose=purpose).parts,
        ends=ends_of(verdict),
    )
    return AsSeen(chart, "" if verdict.opens_anything else _told(verdict))


def _told(verdict: Verdict) -> str:
    return sentences.refusal(verdict.told, name=verdict.patient.name, standing_message=verdict.standing.message)


class MayNotAsk(Exception):
    """Asking who can see what is not this person's job; the message says whose it is."""


@dataclass(frozen=True)
class Reason:
    """One part of the answer to "can X see Y, and why?"."""

    part: Category
    allowed: bool
    because: str  # machine word
    words: str
    ends: datetime | None
    grant: uuid.UUID | None


def explain(
    patient: Patient,
    *,
    reader: User,
    by: User,
    action: Action = Action.READ,
    purpose: Purpose = Purpose.TREAT,
    presence: Presence = ELSEWHERE,
) -> list[Reason]:
    """Return for each of the six parts whether a reader would be let in now, and why: a dry run that opens nothing.

    It is on the patient's log as what it is. Raises MayNotAsk, logged too.
    """
    may = by.is_active and by.has_perm("consent.explain_access")
    verdict = judge(patient, reader, action=action, purpose=purpose, parts=tuple(Category), presence=presence)
    log.record(
        "access.explained" if may else "access.not-explained",
        actor=log.Party("person", by.pk, by.name, "staff", ""),
        subject=patient.pk,
        outcome="allowed" if may else "refused",
        purpose=Purpose.HOPERAT,
        because="dry-run" if may else "not-their-job",
        details={"reader": str(reader.pk), "reader_name": verdict.party().name, "action": str(action)},
    )
    if not may:
        raise MayNotAsk(_("Your role does not include asking who can see what. Ask the privacy officer."))
    return [_reason(verdict, part) for part in Category]


def _reason(verdict: Verdict, part: Category) -> Reason:
    one = verdict.decisions[part]
    chosen = [grant for grant in verdict.bundles if part in grant.categories]
    if not one.allowed and chosen:
        words = _("Chosen entries only, by a permission of the patient.")
        return Reason(part, True, "chosen-entries", words, verdict.facts[chosen[0].pk].ends, chosen[0].pk)
    # A colleague who is kept out by name learns nothing, through an administrator neither.
    because = verdict.instead[part] if one.because == "blocked" else one.because
    ends = verdict.facts[one.grant].ends if one.grant else None
    words = sentences.explanation(because, standing_message=verdict.standing.message)
    return Reason(part, one.allowed, because, words, ends, one.grant)
