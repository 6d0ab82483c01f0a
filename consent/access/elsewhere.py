"""A look in another system, told to the patient's list by who looked: what was taken along is not out of sight."""

from collections.abc import Sequence
from uuid import UUID

from audit import log
from consent.access.refusing import refuse
from consent.judging import ELSEWHERE, Presence, judge
from ehr.accounts.models import User
from ehr.words import Action, Category, Purpose
from patients.models import Patient


def note_elsewhere(
    patient: Patient,
    *,
    reader: User,
    purpose: Purpose | str,
    parts: Sequence[Category],
    system: str,
    presence: Presence = ELSEWHERE,
) -> UUID:
    """Commit the line that a reader looked at parts of a record in another system, and return its event's id.

    `system` names that system, up to 40 characters. Raises AccessDenied, the try on the list as refused, where one of
    the parts is not open to the reader now: nobody writes lines about a record that they may not read.
    """
    verdict = judge(patient, reader, action=Action.READ, purpose=purpose, parts=parts, presence=presence)
    if len(verdict.allowed) != len(set(parts)):
        raise refuse(verdict, patient, "chart.refused", because=verdict.because, purpose=str(purpose), parts=parts)
    grant = next(iter(verdict.used))
    event = log.record(
        "chart.opened-elsewhere",
        actor=verdict.party(grant),
        subject=patient.pk,
        categories=sorted(map(str, parts)),
        purpose=str(purpose),
        grant=grant.pk,
        because="grant",
        details={"system": system, **verdict.team(grant)},
    )
    return event.id
