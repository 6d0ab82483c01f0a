"""A visit in a person's words: when on the clocks of its place and on theirs, where, at which price, how it stands."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from appointments.availability import Slot
from appointments.insurance.facts import written
from appointments.models import Appointment, Ground, Schedule, Status, VisitType
from appointments.payments import policy

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


def money(amount: int, currency: str) -> str:
    """Return an amount as people write it: 120.00 USD."""
    return f"{written(amount, currency)} {currency}"


def local(at: datetime, zone: str) -> datetime:
    return at.astimezone(ZoneInfo(zone))


def when(starts: datetime, ends: datetime, zone: str) -> str:
    """Return a visit's time on the clocks of its place: Tuesday 1 December 2026, 09:00 to 09:30."""
    first, last = local(starts, zone), local(ends, zone)
    words = {"day": date_format(first, "l j F Y"), "first": date_format(first, "H:i"), "last": date_format(last, "H:i")}
    return _("%(day)s, %(first)s to %(last)s") % words


def when_here(starts: datetime, zone: str) -> str:
    """Return the same on the reader's own clocks where these show another time; else nothing."""
    own = timezone.localtime(starts)
    if own.utcoffset() == local(starts, zone).utcoffset():
        return ""
    told = {"time": date_format(own, "l j F, H:i"), "zone": str(own.tzinfo)}
    return _("On your clocks (%(zone)s): %(time)s") % told


def visit(one: Appointment) -> Visit:
    """Return a visit in words."""
    state, look = STATES[Status(one.status)]
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


def where(schedule: Schedule) -> str:
    """Return where a schedule's visits are: the institution, and the place with its address."""
    place = schedule.place
    parts = [schedule.institution.name, *([place.name, place.address] if place else [])]
    return ", ".join(dict.fromkeys(part for part in parts if part))


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


def terms_of_type(visit_type: VisitType) -> str:
    """Return the same for a kind of visit that is about to be booked."""
    names = ("free_cancel_hours", "late_fee_percent", "no_show_percent")
    return terms(visit_type.price, visit_type.currency, {name: getattr(visit_type, name) for name in names})


def cancelling(one: Appointment, at: datetime) -> str:
    """Return what cancelling at this moment costs."""
    if not one.price or one.status == Status.PROPOSED:
        return _("It costs you nothing.")
    ground = policy.cancelled(one.starts, one.policy, at)
    owed = policy.owed(one.price, one.policy, ground)
    if not owed:
        return _("It costs you nothing. What you paid is returned.")
    if ground == Ground.LATE:
        fee, price = money(owed, one.currency), money(one.price, one.currency)
        return _("It is late: of the price of %(price)s, %(fee)s are kept.") % {"price": price, "fee": fee}
    return ""


def slot_time(slot: Slot) -> str:
    """Return a free time's beginning on the clocks of its place."""
    return date_format(local(slot.starts, slot.time_zone), "H:i")
