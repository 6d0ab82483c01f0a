"""What follows when a visit is not to be: by somebody, or because nobody answered within 72 hours to a proposal."""

from datetime import datetime

from django.db import transaction

from appointments import minutes, offering, payments, visiting
from appointments.booking import telling
from appointments.booking.changing import change, is_of_clinic, locked
from appointments.models import Appointment, Status, Waiting
from appointments.rules import is_lapsed, lapsed_before
from appointments.standing import Actor
from ehr import clock


def call_off(visit: Appointment, *, by: Actor | None, at: datetime, because: str, cause: str = "") -> None:
    """Do what follows when a visit is not to be, by somebody or by a rule. Call it with the rows held."""
    change(visit, Status.CANCELLED, by=by, at=at, because=because)
    minutes.give_back(visit)
    Waiting.objects.filter(appointment=visit, ended_at__isnull=True).update(ended_at=at)
    payments.on_cancelled(visit, at, by_clinic=is_of_clinic(by, because))
    visiting.on_cancelled(visit)
    telling.cancelled(visit, by, cause)
    offering.freed(visit, at)


def lapse_proposals(timetable: int | None = None) -> int:
    """Call off what was proposed and not answered in time, in one clinician's time or in all; return how many.

    Whoever wants time of theirs does so first, so it needs no job. It holds patients' rows: call it holding none.
    """
    late = Appointment.objects.filter(status=Status.PROPOSED, made_at__lte=lapsed_before(clock.now()))
    count = 0
    for one in late.filter(timetable=timetable) if timetable else late:
        with transaction.atomic():
            visit, at = locked(one), clock.now()
            if visit.status == Status.PROPOSED and is_lapsed(visit.made_at, at):
                call_off(visit, by=None, at=at, because="lapsed")
                count += 1
    return count
