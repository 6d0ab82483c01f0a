"""A visit of a patient's in their words: with whom, when, at which price, how it stands."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from appointments.models import Appointment, Status, VisitType
from appointments.payments import policy
from ehr.frame.visit_times import cancelling_costs, money, when, when_here, where

STATES = {
    Status.PROPOSED: (gettext_lazy("Proposed"), "warn"),
    Status.BOOKED: (gettext_lazy("Booked"), ""),
    Status.ARRIVED: (gettext_lazy("You are there"), ""),
    Status.IN_PROGRESS: (gettext_lazy("Under way"), ""),
    Status.FULFILLED: (gettext_lazy("Took place"), "plain"),
    Status.CANCELLED: (gettext_lazy("Cancelled"), "stop"),
    Status.NO_SHOW: (gettext_lazy("You did not come"), "stop"),
    Status.MISTAKE: (gettext_lazy("A mistake"), "plain"),
}


# What the clinic says it called a visit off for.
_WHY = {
    "place-closed": gettext_lazy("The place is closed then. You pay nothing, and what you paid is returned."),
    "clinician-away": gettext_lazy("The clinician is away then. You pay nothing, and what you paid is returned."),
}


@dataclass(frozen=True)
class Visit:
    """One visit as a list or its own page shows it."""

    id: UUID
    with_whom: str
    kind: str
    when: str
    when_here: str
    where: str
    way_in: str
    telephone: str
    video: bool
    price: str
    state: str
    look: str
    starts: datetime


def visit(one: Appointment, states: Mapping[Status, tuple[object, str]] = STATES) -> Visit:
    """Return a visit in words; `states` says how it stands."""
    state, look = states[Status(one.status)]
    return Visit(
        id=one.pk,
        with_whom=one.timetable.clinician.full_name,
        kind=one.visit_type.name,
        when=when(one.starts, one.ends, one.time_zone),
        when_here=when_here(one.starts, one.time_zone),
        where=where(one.schedule),
        way_in=one.place.way_in if one.place else "",
        telephone=one.place.telephone if one.place else "",
        video=one.visit_type.mode == VisitType.Mode.VIDEO,
        price=money(one.price, one.currency) if one.price else "",
        state=str(state),
        look=look,
        starts=one.starts,
    )


def terms(price: int, currency: str, rules: dict[str, int]) -> str:
    """Return what cancelling and not coming costs, in a sentence or two; nothing for a visit that costs nothing."""
    if not price:
        return ""
    hours = rules["free_cancel_hours"]
    told = ngettext(
        "Cancelling is free until %(hours)s hour before.", "Cancelling is free until %(hours)s hours before.", hours
    ) % {"hours": hours}
    late, missed = (policy.share(price, rules[name]) for name in ("late_fee_percent", "no_show_percent"))
    if late:
        told += " " + _("After that it costs %(fee)s.") % {"fee": money(late, currency)}
    if missed:
        told += " " + _("Not coming costs %(fee)s.") % {"fee": money(missed, currency)}
    return told


def why_cancelled(one: Appointment) -> str:
    """Return why the clinic called a visit off, where it did and said so: codes of ours, in a sentence."""
    last = one.changes.order_by("-number").first() if one.status == Status.CANCELLED else None
    return str(_WHY.get(last.because, "")) if last else ""


def cancelling(one: Appointment, at: datetime) -> str:
    """Return what cancelling at this moment costs."""
    told = cancelling_costs(policy.cost_of_cancelling(one, at), one.price, one.currency)
    return told if not one.price or one.status == Status.PROPOSED else f"{told} {_('What else you paid is returned.')}"
