"""Studies as ResearchStudy, for everybody, and who takes part as ResearchSubject, for themselves and their apps alone.

Made when it is asked for, from the rows, and never stored. Of a study nothing is told before two approved it, and never
who or how many joined. Source: FHIR R4 researchstudy.html, researchsubject.html.
"""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from audit import log
from consent.access import Caller, is_owners
from ehr import clock
from ehr.r4 import build
from ehr.r4.build import coding, filled, reference
from ehr.r4.labels import CONFIDENTIALITY
from patients.models import Patient
from research.models import Joining, Study

STUDY, SUBJECT = "ResearchStudy", "ResearchSubject"
# Everybody could read them on their page of studies, at least for a while.
_KNOWN = (Study.State.APPROVED, Study.State.PAUSED, Study.State.CLOSED)


# --- Studies, for everybody ----------------------------------------------------------------------
def studies(wanted: Collection[UUID] | None = None) -> list[tuple[dict, datetime]]:
    """Return the studies that two approved, or those of some ids, each with since when it stands as it is."""
    rows = Study.objects.filter(state__in=_KNOWN, decided_at__isnull=False).select_related("institution")
    rows = rows if wanted is None else rows.filter(pk__in=wanted)
    at = clock.now()
    return [(_study(one, at), one.closed_at or one.decided_at) for one in rows.order_by("pk")]


def find(study_id: UUID) -> dict | None:
    """Return a study that two approved, or None for any other."""
    return next((told for told, _since in studies([study_id])), None)


def _study(study: Study, at: datetime) -> dict:
    return filled(
        resourceType=STUDY,
        id=str(study.pk),
        title=study.title,
        status=_state(study, at),
        description=study.plain,
        period={"start": build.instant(study.decided_at), "end": build.instant(_end(study))},
        sponsor={"type": "Organization", "display": study.institution.name},
    )


def _end(study: Study) -> datetime:
    return min(study.closed_at or study.ends, study.ends)


def _state(study: Study, at: datetime) -> str:
    """Return where a study stands, in R4's words: while it is paused nobody joins, and nothing is read for it."""
    if study.ends <= at:
        return "completed"
    if study.state == Study.State.CLOSED:
        return "administratively-completed"
    return "active" if study.state == Study.State.APPROVED else "temporarily-closed-to-accrual-and-intervention"


# --- Who takes part, for themselves --------------------------------------------------------------
def subjects(patient: Patient, caller: Caller) -> list[dict]:
    """Return a patient's parts in studies, those before too, once a look that is not their own is on their list.

    Nothing to anybody but the patient and the apps they let in. Whether the token has the scope for it is for whoever
    holds the token to say. Call it outside a transaction.
    """
    if not is_owners(patient, caller):
        return []
    if caller.app is not None:
        log.record(
            "joining.read",
            actor=log.Party("app", caller.app.pk, caller.app.name),
            subject=patient.pk,
            purpose=str(caller.purpose),
            because="app",
            details=caller.told,
        )
    at = clock.now()
    rows = Joining.objects.filter(patient=patient).select_related("study", "grant__ending").order_by("since", "pk")
    return [_subject(one, at) for one in rows]


def whose(joining_id: UUID) -> Patient | None:
    """Return whose part in a study this is: ask `subjects` before a word of it is told."""
    row = Joining.objects.filter(pk=joining_id).select_related("patient__user").first()
    return row.patient if row else None


def _subject(joining: Joining, at: datetime) -> dict:
    status, over = _part(joining, at)
    return filled(
        resourceType=SUBJECT,
        id=str(joining.pk),
        meta={
            "versionId": "2" if over else "1",
            "lastUpdated": build.instant(over or joining.since),
            "security": [coding(CONFIDENTIALITY, "R")],
        },
        status=status,
        period=filled(start=build.instant(joining.since), end=over and build.instant(over)),
        study=reference(STUDY, joining.study_id) | {"display": joining.study.title},
        individual=reference("Patient", joining.patient_id),
        consent=reference("Consent", joining.grant_id),
    )


def _part(joining: Joining, at: datetime) -> tuple[str, datetime | None]:
    """Return how somebody takes part, in R4's words, and since when no more. A study's own end is nobody's choice."""
    ending = getattr(joining.grant, "ending", None)
    ended = joining.withdrawn_at or (ending.at if ending else joining.until)
    by_itself = min(joining.until, joining.study.closed_at or joining.until)
    over = min(ended, by_itself)
    if over > at:
        return "on-study", None
    return ("withdrawn" if over < by_itself else "off-study"), over
