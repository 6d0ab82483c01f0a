"""Whom and what can be booked, as Schedule, Slot and Location. Of nobody's visit a word: a time is free, or it is not.

Source: FHIR R4 schedule.html, slot.html, location.html.
"""

from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Q

from appointments import zones
from appointments.availability import NotFree, Slot, check, free
from appointments.fhir import slots
from appointments.models import Place, Schedule, Timetable, VisitType
from ehr.r4 import build
from ehr.r4.build import coding, filled, known_as, reference
from providers.queries import standings

KIND = f"{build.BASE}/CodeSystem/visit-type"
FULL = ("timetable__clinician__user__reader", "institution", "place")


# --- Whom can be booked ----------------------------------------------------------------------------
def offered(
    at: datetime, *, schedules: Collection[UUID] | None = None, visit_types: Collection[UUID] | None = None
) -> list[Schedule]:
    """Return whose hours can be booked at a moment, among some schedules and for some kinds of visit where named."""
    rows = Schedule.objects.filter(
        Q(place=None) | Q(place__closed_at=None), retired_at=None, visit_types__retired_at=None
    ).exclude(visit_types=None)
    if schedules is not None:
        rows = rows.filter(pk__in=schedules)
    if visit_types is not None:
        rows = rows.filter(visit_types__in=visit_types)
    found = list(rows.select_related(*FULL).prefetch_related("visit_types").order_by("pk").distinct())
    seen = standings({one.timetable.clinician.user_id for one in found}, at) if found else {}
    return [one for one in found if one.institution_id in seen[one.timetable.clinician.user_id].clinical_at]


def find(schedule: UUID) -> Schedule | None:
    """Return one schedule, in use or not, or None."""
    return Schedule.objects.select_related(*FULL).prefetch_related("visit_types").filter(pk=schedule).first()


def kinds_of(schedule: Schedule) -> list[VisitType]:
    """Return what can be booked there."""
    return [one for one in schedule.visit_types.all() if one.retired_at is None]


def schedule(one: Schedule, at: datetime, *, active: bool) -> dict:
    """Return somebody's hours for some kinds of visit at one place."""
    last = zones.local_day(at, one.time_zone) + timedelta(days=one.horizon_days)
    return filled(
        resourceType="Schedule",
        id=str(one.pk),
        extension=[build.extension("time-zone", valueCode=one.time_zone)],
        active=active,
        serviceType=[service(kind) for kind in kinds_of(one)],
        actor=[practitioner(one), *([location(one.place)] if one.place else [])],
        planningHorizon={
            "start": zones.local_day(at, one.time_zone).isoformat(),
            "end": last.isoformat(),
        },
    )


def service(kind: VisitType) -> dict:
    """Return a kind of visit."""
    return {"coding": [coding(KIND, str(kind.pk), kind.name)], "text": kind.name}


def practitioner(one: Schedule) -> dict:
    """Return whose hours these are: as who reads here by that name, and by the identifier that consents know."""
    clinician = one.timetable.clinician
    by = known_as("Practitioner", build.READER, clinician.user.reader.pk, clinician.full_name)
    return reference("Practitioner", clinician.user_id) | by


def location(place: Place) -> dict:
    """Return where it is."""
    return reference("Location", place.pk) | {"display": place.name}


def places(wanted: Collection[UUID]) -> list[dict]:
    """Return some places, closed ones too, as Locations."""
    return [_place(one) for one in Place.objects.filter(pk__in=wanted).select_related("institution").order_by("pk")]


def clinicians(users: Collection[UUID]) -> set[UUID]:
    """Return those of some people who have or had hours here."""
    return set(Timetable.objects.filter(clinician__user__in=users).values_list("clinician__user", flat=True))


def _place(place: Place) -> dict:
    return filled(
        resourceType="Location",
        id=str(place.pk),
        extension=[build.extension("time-zone", valueCode=place.time_zone)],
        status="active" if place.closed_at is None else "inactive",
        name=place.name,
        description=place.way_in,
        mode="instance",
        telecom=[filled(system="phone", value=place.telephone)] if place.telephone else [],
        address={"text": place.address},
        managingOrganization={"display": place.institution.name},
    )


# --- When ------------------------------------------------------------------------------------------
def times(offering: Iterable[Schedule], kind: VisitType, first: date, last: date, *, at: datetime) -> list[Slot]:
    """Return the free times for a kind of visit, soonest first."""
    there = [one for one in offering if any(kind.pk == known.pk for known in kinds_of(one))]
    return free(there, kind, first=first, last=last, at=at) if there else []


def slot(time: Slot, kind: VisitType) -> dict:
    """Return a free time."""
    return _slot(time.schedule_id, kind, time.starts, time.ends, time.time_zone, is_free=True)


def one_slot(fhir_id: str, at: datetime) -> dict | None:
    """Return a time by its name, free or not; None for a name that this server never gave.

    That a time is not free does not say why: taken, kept for somebody, closed, over.
    """
    said = slots.read(fhir_id)
    where = find(said.schedule) if said else None
    what = VisitType.objects.filter(pk=said.visit_type).first() if said else None
    if said is None or where is None or what is None:
        return None
    ends = said.starts + zones.STEP * -(-what.minutes * 60 // zones.STEP_SECONDS)
    return _slot(where.pk, what, said.starts, ends, where.time_zone, is_free=_is_free(where, what, said.starts, at))


def _is_free(where: Schedule, what: VisitType, starts: datetime, at: datetime) -> bool:
    try:
        check(where, what, starts, at=at)
    except NotFree:
        return False
    return True


def _slot(where: UUID, kind: VisitType, starts: datetime, ends: datetime, zone: str, *, is_free: bool) -> dict:
    return {
        "resourceType": "Slot",
        "id": slots.name(where, kind.pk, starts),
        "extension": [build.extension("time-zone", valueCode=zone)],
        "serviceType": [service(kind)],
        "schedule": reference("Schedule", where),
        "status": "free" if is_free else "busy",
        "start": local(starts, zone),
        "end": local(ends, zone),
    }


def local(at: datetime, zone: str) -> str:
    """Return a moment as clocks at a place show it, with how far they are from UTC: FHIR's instant."""
    return at.astimezone(ZoneInfo(zone)).isoformat(timespec="seconds")
