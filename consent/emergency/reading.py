"""Reads about emergencies: for the patient, for who opened one, and for the officers who review them."""

from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from audit import queries as audit
from consent.models import Emergency
from consent.words import about_emergency, read
from ehr.accounts.keyrings import OpenKeyring
from ehr.accounts.models import User
from ehr.words import Purpose
from patients.models import Patient

MOST_LINES = 200
_WITH = ("patient__user", "reader__user", "reviewed_by")


def of_patient(patient: Patient) -> QuerySet[Emergency]:
    """Return the emergencies with a patient's record, newest first."""
    return Emergency.objects.filter(patient=patient).select_related(*_WITH).order_by("-opened_at")


def one_of_patient(patient: Patient, emergency_id: UUID) -> Emergency | None:
    """Return one emergency with a patient's own record, or None."""
    return of_patient(patient).filter(pk=emergency_id).first()


def open_now(patient: Patient, at: datetime) -> list[Emergency]:
    """Return the emergencies that hold with a patient's record."""
    return [one for one in of_patient(patient).filter(ended_at__isnull=True, ends_at__gt=at) if one.is_open(at)]


def by_reader(reader: User, patient_id: UUID) -> QuerySet[Emergency]:
    """Return somebody's own emergencies with a patient, newest first."""
    rows = Emergency.objects.filter(reader__user=reader, patient=patient_id)
    return rows.select_related(*_WITH).order_by("-opened_at")


def to_review() -> QuerySet[Emergency]:
    """Return the emergencies nobody has reviewed, the first due first. One that never opened has nothing to show."""
    waiting = Emergency.objects.filter(outcome="").exclude(ended_by=Emergency.EndedBy.FAILED)
    return waiting.select_related(*_WITH).order_by("review_due_at", "pk")


def reason_of(emergency: Emergency, keyring: OpenKeyring | None) -> str | None:
    """Return why, in the words of who opened it, opened with one's own keys; None where they are not for these keys."""
    return _said(emergency, emergency.event_id, keyring, review=False)


def review_of(emergency: Emergency, keyring: OpenKeyring | None) -> str | None:
    """Return what the review found, in its words, opened as `reason_of` is."""
    return _said(emergency, emergency.review_event_id, keyring, review=True)


def _said(emergency: Emergency, event_id: UUID | None, keyring: OpenKeyring | None, *, review: bool) -> str | None:
    line = audit.find(event_id) if event_id else None
    info = about_emergency(emergency.pk, emergency.patient_id, review=review)
    return read(line.sealed, keyring, info=info) if line else None


def words_on(line: audit.Line, keyring: OpenKeyring | None) -> str:
    """Return the words that a line about an emergency holds for these keys; empty for every other line."""
    named = line.details.get("emergency")
    if named is None or line.subject is None:
        return ""
    info = about_emergency(UUID(str(named)), line.subject, review=line.action == "emergency.reviewed")
    return read(line.sealed, keyring, info=info) or ""


def actor_of(emergency: Emergency) -> audit.Party | None:
    """Return who opened it as the log has them: with role and place as they were."""
    line = audit.find(emergency.event_id)
    return line.actor if line else None


def looks_in(emergency: Emergency) -> list[audit.Line]:
    """Return what was opened in an emergency, oldest first: the log's lines about its reader and its patient."""
    over = emergency.ended_at or emergency.ends_at
    lines = audit.story(emergency.patient_id, limit=MOST_LINES)
    return [
        line
        for line in reversed(lines)
        if line.purpose == Purpose.BTG
        and line.actor is not None
        and line.actor.id == emergency.reader.user_id
        and emergency.opened_at <= line.time <= over
    ]
