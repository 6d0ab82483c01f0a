"""When and where a visit is, and what it costs, in words: on the clocks of its place and on the reader's own."""

from collections.abc import Iterable
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from appointments.availability import Slot
from appointments.insurance.facts import written
from appointments.lists import FreeDay
from appointments.models import Schedule


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


def where(schedule: Schedule) -> str:
    """Return where a schedule's visits are: the institution, and the place with its address."""
    place = schedule.place
    parts = [schedule.institution.name, *([place.name, place.address] if place else [])]
    return ", ".join(dict.fromkeys(part for part in parts if part))


def slot_time(slot: Slot) -> str:
    """Return a free time's beginning on the clocks of its place."""
    return date_format(local(slot.starts, slot.time_zone), "H:i")


def cancelling_costs(owed: int, price: int, currency: str) -> str:
    """Return what calling a visit off costs now, in a sentence."""
    if not owed:
        return _("It costs you nothing.")
    told = {"price": money(price, currency), "fee": money(owed, currency)}
    return _("It is late: of the price of %(price)s, %(fee)s are kept.") % told


def day_lines(days: Iterable[FreeDay]) -> list[dict[str, object]]:
    """Return days with their free times as a page lists them: each time's words, and what its button sends."""
    return [
        {
            "on": one.on,
            "slots": [{"value": slot.starts.isoformat(), "time": slot_time(slot)} for slot in one.slots],
        }
        for one in days
    ]


def day(told: str) -> date | None:
    """Return the day that an address names, or None; None, too, for one so far away that nobody books it."""
    try:
        found = parse_date(told)
    except ValueError:
        return None
    return found if found and 2000 < found.year < 3000 else None


def moment(told: str) -> datetime | None:
    """Return the moment, with its zone, that a button sent, or None."""
    try:
        found = parse_datetime(told)
    except ValueError:
        return None
    return found if found and found.tzinfo else None
