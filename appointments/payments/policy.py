"""What a visit costs, as the policy shown at its booking says. Pure: whole numbers of the smallest unit, no floats."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from appointments.models import Appointment, Ground, Status, VisitType

# What a booking copies of its kind of visit.
_TERMS = ("free_cancel_hours", "late_fee_percent", "no_show_percent")


def of(visit_type: VisitType) -> dict[str, int]:
    """Return the policy by which a kind of visit is booked now."""
    return {name: getattr(visit_type, name) for name in _TERMS}


def share(price: int, percent: int) -> int:
    """Return so many percent of a price, rounded down to a whole unit: the part of a cent is the patient's."""
    if price < 0 or not 0 <= percent <= 100:
        raise ValueError(f"{percent} % of {price} is no share of a price.")
    return price * percent // 100


def free_until(starts: datetime, policy: Mapping[str, int]) -> datetime:
    """Return the last moment at which cancelling costs nothing."""
    return starts - timedelta(hours=policy["free_cancel_hours"])


def cancelled(starts: datetime, policy: Mapping[str, int], at: datetime) -> Ground:
    """Return whether a cancellation at a moment is in time; at the very last moment it is."""
    return Ground.CANCELLED if at <= free_until(starts, policy) else Ground.LATE


def owed(price: int, policy: Mapping[str, int], ground: str) -> int:
    """Return what is owed on this ground, at most the price. Source: the policy copied into the booking."""
    match ground:
        case Ground.AHEAD | Ground.SEEN:
            return price
        case Ground.LATE:
            return share(price, policy["late_fee_percent"])
        case Ground.MISSED:
            return share(price, policy["no_show_percent"])
        case Ground.CANCELLED | Ground.LIFTED | Ground.MISTAKE:
            return 0
    raise ValueError(f"No policy says what is owed for {ground!r}.")


def cost_of_cancelling(visit: Appointment, at: datetime) -> int:
    """Return what a patient would owe for calling a visit off at a moment. A time only proposed costs nothing."""
    if not visit.price or visit.status == Status.PROPOSED:
        return 0
    return owed(visit.price, visit.policy, cancelled(visit.starts, visit.policy, at))
