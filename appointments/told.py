"""What is said when visits stand in the way of a change: how many, and when. No names: an administrator reads it."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from appointments.models import Appointment
from providers.rules import NotPossible

MOST_TOLD = 10


class StillBooked(NotPossible):
    """Visits are booked in the time concerned. `visits` are these, soonest first; nothing was changed."""

    def __init__(self, message: str, visits: Sequence[Appointment]) -> None:
        super().__init__(message)
        self.visits = list(visits)


def when(visit: Appointment) -> str:
    """Return when a visit begins, as clocks at its place show it."""
    return date_format(visit.starts.astimezone(ZoneInfo(visit.time_zone)), "j M Y, H:i")


def told(visits: Sequence[Appointment]) -> str:
    """Return a sentence that says which visits are in the way."""
    times = "; ".join(when(one) for one in visits[:MOST_TOLD])
    if len(visits) > MOST_TOLD:
        times = _("%(times)s; and more") % {"times": times}
    words = ngettext(
        "%(count)d visit is booked in this time: move it first. It is at %(times)s.",
        "%(count)d visits are booked in this time: move them first. They are at %(times)s.",
        len(visits),
    )
    return words % {"count": len(visits), "times": times}
