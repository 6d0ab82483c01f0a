"""Visits as Appointments, each change of one a version, told to their patient and to whose time they are.

Why somebody comes is an entry of the record, sealed: who may not read it is told of none. Source: FHIR R4
appointment.html.
"""

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet

from appointments.booking import REASONS
from appointments.fhir import hours, slots
from appointments.models import Appointment, Change, Status
from audit import log
from consent.access import Caller, is_owners
from ehr.crypto.digests import keyed
from ehr.r4 import build
from ehr.r4.build import coding, filled, reference
from ehr.r4.labels import CONFIDENTIALITY
from ehr.words import Purpose
from patients.models import Patient
from providers.queries import party, standing

WHY = f"{build.BASE}/CodeSystem/visit-change"
CALLED_OFF = "http://terminology.hl7.org/CodeSystem/appointment-cancellation-reason"
FULL = (
    "patient",
    "place",
    "visit_type",
    "schedule__place",
    "schedule__timetable__clinician__user__reader",
)
# R4's Appointment has no word for being seen: the nearest says that the encounter may begin.
_STATUS = {Status.IN_PROGRESS: "checked-in"}
_CALLED_OFF = frozenset({Status.CANCELLED, Status.NO_SHOW})


class Reason(NamedTuple):
    """The entry that says why somebody comes, for who may read it."""

    id: UUID
    written_at: datetime


class Version(NamedTuple):
    """A visit as it was from one change to the next; `number` counts those that are told."""

    resource: dict
    number: int
    current: bool


# --- To whom ---------------------------------------------------------------------------------------
def of(patient: Patient, caller: Caller) -> list[Appointment] | None:
    """Return the visits of a patient that a caller is told of, soonest first, once that is on the patient's list.

    None to whom nothing is told: to a clinician with whom there was no visit as to anybody else. Whether the token has
    the scope for it is for whoever holds the token to say. Call it outside a transaction.
    """
    found = list(_told(patient, caller))
    if not found and patient.user_id != caller.user.pk:
        return None
    _note(patient, caller)
    return found


def is_told(visit: Appointment, caller: Caller) -> bool:
    """Tell whether a caller is told of a visit. Nothing is on the list by that."""
    return _told(visit.patient, caller).filter(pk=visit.pk).exists()


def note(visit: Appointment, caller: Caller) -> None:
    """Commit the line that somebody looks at one visit."""
    _note(visit.patient, caller)


def find(fhir_id: UUID) -> Appointment | None:
    """Return a visit, whoever's it is: ask `is_told` before a word of it is told."""
    return _full(Appointment.objects.filter(pk=fhir_id)).first()


def patients_of(caller: Caller, *, since: datetime | None = None, until: datetime | None = None) -> list[Patient]:
    """Return who has a visit with a clinician where they may be let in to clinical text now, by name.

    `since` and `until` narrow to visits that begin from a moment on, and before one.
    """
    if not _treats(caller):
        return []
    among = _with(caller)
    among = among if since is None else among.filter(starts__gte=since)
    among = among if until is None else among.filter(starts__lt=until)
    rows = Patient.objects.filter(appointments__in=among).exclude(user=caller.user)
    return sorted(rows.select_related("user").distinct(), key=lambda one: (one.name.casefold(), str(one.pk)))


def _told(patient: Patient, caller: Caller) -> QuerySet[Appointment]:
    rows = Appointment.objects.filter(patient=patient)
    if patient.user_id is not None and patient.user_id == caller.user.pk:
        return _full(rows) if is_owners(patient, caller) else rows.none()
    return _full(rows & _with(caller)) if _treats(caller) else rows.none()


def _treats(caller: Caller) -> bool:
    return caller.app is None and caller.purpose == Purpose.TREAT


def _with(caller: Caller) -> QuerySet[Appointment]:
    """Return the visits in a clinician's own time, where they may be let in to clinical text now."""
    rows = Appointment.objects.filter(timetable__clinician__user=caller.user)
    return rows.filter(schedule__institution__in=standing(caller.user).clinical_at)


def _full(rows: QuerySet[Appointment]) -> QuerySet[Appointment]:
    return rows.select_related(*FULL).prefetch_related("changes").order_by("starts", "pk")


def _note(patient: Patient, caller: Caller) -> None:
    """Commit the line of a look; a patient's own look at their visits is none, here as on their pages."""
    app = caller.app
    if caller.is_owner(patient):
        return
    log.record(
        "appointment.read",
        actor=log.Party("app", app.pk, app.name) if app else party(caller.user),
        subject=patient.pk,
        purpose=str(caller.purpose),
        because="app" if app else "visits",
        details=caller.told,
    )


# --- What ------------------------------------------------------------------------------------------
def versions(visit: Appointment, reason: Reason | None) -> list[Version]:
    """Return a visit as it was after each change, the last one as it is now.

    `reason` is given where it may be read: that it was added is a version then, and else nothing of it is told.
    """
    made: list[Change] = sorted(visit.changes.all(), key=lambda one: one.number)
    last = made[-1] if made else Change(appointment=visit, number=0, after=visit.status, at=visit.made_at)
    events = [(one.at, one, False) for one in made or [last]]
    # What was moved here brought its reason along.
    known = reason if reason and reason.written_at <= events[0][0] else None
    if reason and not known:
        then = [change for at, change, _added in events if at <= reason.written_at][-1]
        events = sorted([*events, (reason.written_at, then, True)], key=lambda one: (one[0], one[2]))
    found = []
    for number, (at, change, is_reason) in enumerate(events, start=1):
        known = reason if is_reason else known
        found.append(Version(_resource(visit, change, at, known), number, number == len(events)))
    return found


def _resource(visit: Appointment, change: Change, at: datetime, reason: Reason | None) -> dict:
    status = Status(change.after)
    return filled(
        resourceType="Appointment",
        id=str(visit.pk),
        meta={
            "versionId": _version_id(visit, change, reason),
            "lastUpdated": build.instant(at),
            "security": [coding(CONFIDENTIALITY, "R")],
        },
        extension=[
            build.extension("time-zone", valueCode=visit.time_zone),
            build.extension("visit-mode", valueCode=visit.visit_type.mode),
        ],
        status=_STATUS.get(status, str(status)),
        cancelationReason=_why(visit, change) if status in _CALLED_OFF else None,
        serviceType=[hours.service(visit.visit_type)],
        start=hours.local(visit.starts, visit.time_zone),
        end=hours.local(visit.ends, visit.time_zone),
        minutesDuration=int((visit.ends - visit.starts).total_seconds()) // 60,
        slot=[reference("Slot", slots.name(visit.schedule_id, visit.visit_type_id, visit.starts))],
        created=build.instant(visit.made_at),
        basedOn=[reference("ServiceRequest", reason.id)] if reason else [],
        participant=list(_participants(visit, status)),
    )


def _participants(visit: Appointment, status: Status) -> Iterable[dict]:
    answered = "needs-action" if status == Status.PROPOSED else "accepted"
    whose = reference("Patient", visit.patient_id) | {"display": visit.patient.name}
    yield {"actor": whose, "required": "required", "status": answered}
    yield {"actor": hours.practitioner(visit.schedule), "required": "required", "status": "accepted"}
    if visit.place is not None:
        yield {"actor": hours.location(visit.place), "required": "required", "status": "accepted"}


def _why(visit: Appointment, change: Change) -> dict | None:
    """Return why it was called off, in HL7's words by whom and in ours why; None where nobody came."""
    if change.after == Status.NO_SHOW:
        return None
    by = "oth" if change.by_id is None else "pat" if change.by_id == visit.patient.user_id else "prov"
    words = str(REASONS[change.because]) if change.because in REASONS else ""
    ours = [coding(WHY, change.because, words)] if change.because else []
    return {"coding": [coding(CALLED_OFF, by), *ours]}


def _version_id(visit: Appointment, change: Change, reason: Reason | None) -> str:
    """Return what a version is called: in no order, and another one where why somebody comes is told with it."""
    said = f"{visit.pk}|{change.number}|{reason.id if reason else ''}"
    return str(uuid.UUID(bytes=keyed(settings.INDEX_KEY, "fhir-visit-version", said)[:16], version=5))
