"""The minutes themselves: whose they are, taken and given back. The database refuses to give five of them twice.

Call these with the timetable's row held, in the transaction of what they are taken for.
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from django.db.models import Q

from appointments.models import Appointment, Hold, Taken, Timetable, VisitType
from appointments.models.availability import STEP_MINUTES

STEP = timedelta(minutes=STEP_MINUTES)


def lock(*timetables: int) -> None:
    """Hold the rows of these timetables, always in the same order, after the patient's where there is one."""
    list(Timetable.objects.select_for_update().filter(pk__in=timetables).order_by("pk"))


def lasting(visit_type: VisitType) -> timedelta:
    """Return how long a visit lasts, in whole steps."""
    return STEP * -(-visit_type.minutes // STEP_MINUTES)


def of_visit(appointment: Appointment) -> list[datetime]:
    """Return the five-minute marks of a visit with what is kept free around it."""
    visit_type = appointment.visit_type
    before, after = (-(-kept // STEP_MINUTES) for kept in (visit_type.before_minutes, visit_type.after_minutes))
    count = before + (appointment.ends - appointment.starts) // STEP + after
    return [appointment.starts + STEP * (place - before) for place in range(count)]


def clear_expired(timetable: int, marks: Collection[datetime], at: datetime) -> None:
    """Give back what holds that are over still have of these minutes, and end those holds."""
    over = Hold.objects.filter(timetable=timetable, expires_at__lte=at, taken__at__in=marks)
    Hold.objects.filter(pk__in=list(over.values_list("pk", flat=True))).delete()


def take(marks: Iterable[datetime], *, of: Appointment | Hold) -> None:
    """Take minutes for a visit or a hold. Raises IntegrityError where somebody else has one of them."""
    owner = {"appointment": of} if isinstance(of, Appointment) else {"hold": of}
    Taken.objects.bulk_create(Taken(timetable_id=of.timetable_id, at=mark, **owner) for mark in marks)


def hand_over(marks: Collection[datetime], *, hold: Hold, to: Appointment) -> None:
    """Give what a hold keeps to a visit, and take what it lacks. Raises IntegrityError as `take` does."""
    given = Taken.objects.filter(hold=hold, at__in=marks).update(hold=None, appointment=to)
    hold.delete()
    if given < len(marks):
        mine = set(Taken.objects.filter(appointment=to).values_list("at", flat=True))
        take([mark for mark in marks if mark not in mine], of=to)


def give_back(appointment: Appointment) -> None:
    """Let go of all that a visit has."""
    Taken.objects.filter(appointment=appointment).delete()


def are_free(timetable: int, marks: Collection[datetime], at: datetime) -> bool:
    """Tell whether nobody has any of these minutes; a hold that is over has none."""
    held = Taken.objects.filter(timetable=timetable, at__in=marks)
    return not held.exclude(Q(hold__isnull=False, hold__expires_at__lte=at)).exists()
