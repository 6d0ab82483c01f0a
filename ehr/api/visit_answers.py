"""What answers about visits look like. Money is in the smallest unit, whole; moments are UTC, beside the zone."""

from collections.abc import Mapping
from datetime import datetime

from appointments import lists
from appointments.availability import Slot
from appointments.lists import Bookable
from appointments.models import Appointment, Hold, Schedule, VisitType
from appointments.payments import policy
from appointments.rules import AHEAD
from ehr.api.answers import moment


def bookable(one: Bookable) -> dict[str, object]:
    """Return who can be booked, where, and for what."""
    return {
        "id": str(one.schedule.pk),
        **_with_whom(one.schedule),
        "time_zone": one.schedule.time_zone,
        "kinds": [
            kind(found) | {"price": found.price, "currency": found.currency, "policy": policy.of(found)}
            for found in one.visit_types
        ],
    }


def kind(one: VisitType) -> dict[str, object]:
    """Return what a visit is."""
    return {"id": str(one.pk), "name": one.name, "about": one.about, "mode": one.mode, "minutes": one.minutes}


def slot(one: Slot) -> dict[str, object]:
    """Return a time that is free."""
    return {
        "schedule": str(one.schedule_id),
        "kind": str(one.visit_type_id),
        "starts": moment(one.starts),
        "ends": moment(one.ends),
        "time_zone": one.time_zone,
    }


def hold(one: Hold) -> dict[str, object]:
    """Return what is kept, until when, and what it would be booked by."""
    what, rules = one.visit_type, policy.of(one.visit_type)
    return {
        "id": str(one.pk),
        "schedule": str(one.schedule_id),
        **_with_whom(one.schedule),
        "kind": kind(what),
        "starts": moment(one.starts),
        "ends": moment(lists.ends_of(what, one.starts)),
        "time_zone": one.schedule.time_zone,
        "expires_at": moment(one.expires_at),
        **_terms(one.starts, what.price, what.currency, rules),
    }


def appointment(one: Appointment, at: datetime) -> dict[str, object]:
    """Return a visit as its patient may know it. Why they come is in the record, not here."""
    return {
        "id": str(one.pk),
        "status": one.status,
        "schedule": str(one.schedule_id),
        **_with_whom(one.schedule),
        "kind": kind(one.visit_type),
        "starts": moment(one.starts),
        "ends": moment(one.ends),
        "time_zone": one.time_zone,
        **_terms(one.starts, one.price, one.currency, one.policy),
        "cancelling_costs": _cancelling(one, at),
        "self_pay": one.self_pay,
        "referral": str(one.referral_id) if one.referral_id else None,
        "moved_from": str(one.moved_from_id) if one.moved_from_id else None,
        "booked_at": moment(one.made_at),
    }


def _with_whom(schedule: Schedule) -> dict[str, object]:
    clinician, place = schedule.timetable.clinician, schedule.place
    return {
        "clinician": {"id": str(clinician.user_id), "name": clinician.full_name},
        "institution": {"id": str(schedule.institution_id), "name": schedule.institution.name},
        "place": {"name": place.name, "address": place.address} if place else None,
    }


def _terms(starts: datetime, price: int, currency: str, rules: Mapping[str, int]) -> dict[str, object]:
    return {
        "price": price,
        "currency": currency,
        "policy": dict(rules),
        "free_until": moment(policy.free_until(starts, rules)),
    }


def _cancelling(one: Appointment, at: datetime) -> int | None:
    """Return what calling it off at this moment costs; null where that is past."""
    if one.status not in AHEAD or at >= one.starts:
        return None
    return policy.cost_of_cancelling(one, at)
