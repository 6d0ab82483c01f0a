"""Visits that were booked here, beside the Appointments that other systems sent: told, and stored as no entry.

They stand in no part of a record, so a token is for them only where a scope names Appointment; to whom they are told,
`appointments.fhir` decides, and writes down that somebody looked.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from appointments.fhir import slots
from appointments.fhir import visits as booked
from appointments.fhir.visits import Reason, Version
from appointments.models import Appointment
from consent.access import Caller
from ehr.fhir.asking import Asking
from ehr.smart.scopes import VISITS as KIND
from patients.models import Patient

WHY = "ServiceRequest"  # the type of the entry that says why somebody comes


class Shown(Protocol):
    """A resource of the record that may be seen."""

    kind: str
    logical_id: UUID
    written_at: datetime
    current: bool
    deleted: bool


def of(asking: Asking, patient: Patient, caller: Caller, kinds: Iterable[str] | None) -> list[Appointment] | None:
    """Return the visits that are told where some types are asked for; None where none are, or not to this caller."""
    if kinds is None or KIND not in kinds or not asking.names(KIND, patient):
        return None
    return booked.of(patient, caller)


def types(asking: Asking, patient: Patient, kinds: Iterable[str]) -> frozenset[str]:
    """Return the types to open with visits: why somebody comes is one of its own, where the token is for it."""
    told = any(asking.allow(WHY, how, patient=patient) for how in ("read", "search-type"))
    return frozenset(kinds) | ({WHY} if told else frozenset())


def find(asking: Asking, fhir_id: UUID) -> Appointment | None:
    """Return a visit that is told to whoever asks, or None."""
    visit = booked.find(fhir_id)
    if visit is None or not asking.names(KIND, visit.patient):
        return None
    caller = asking.caller.towards(visit.patient)
    return visit if caller is not None and booked.is_told(visit, caller) else None


def is_offered_here(resource: Mapping) -> bool:
    """Tell whether an Appointment that is sent names a time of this server's."""
    listed = resource.get("slot")
    names = [str(one.get("reference")) for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    return any(slots.read(name.rpartition("/")[2]) for name in names)


def note(visit: Appointment, caller: Caller) -> None:
    """Commit the line that somebody looks at one visit."""
    booked.note(visit, caller)


def patients(asking: Asking, since: datetime | None, until: datetime | None) -> list[Patient]:
    """Return of whom whoever asks is told visits in a time, whether or not their record is open to them."""
    found = booked.patients_of(asking.caller, since=since, until=until)
    return [one for one in found if asking.names(KIND, one)]


def versions(visits: Sequence[Appointment], shown: Iterable[Shown], *, every: bool) -> list[Version]:
    """Return visits with what of them is told beside what may be seen of a record: each version, or the last alone."""
    if not visits:
        return []
    why = {
        one.logical_id: Reason(one.logical_id, one.written_at)
        for one in shown
        if one.kind == WHY and one.current and not one.deleted
    }
    found = (one for visit in visits for one in booked.versions(visit, why.get(visit.reason)))
    return [one for one in found if every or one.current]
