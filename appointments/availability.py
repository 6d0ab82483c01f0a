"""Free slots, computed when somebody asks: hours less absences less what is taken. Nothing here is stored or cached.

A visit lies within open hours as a whole. The minutes kept free around it may lie outside them, but in no other visit
and in no absence. On each local day of a schedule the first start that fits is offered, and then always the next one
that leaves room for the visit before it: whoever took all that is offered would have them all.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from operator import itemgetter
from typing import NamedTuple
from uuid import UUID

from django.utils.translation import gettext as _

from appointments import openings, zones
from appointments.models import Appointment, Hold, Schedule, VisitType
from appointments.models.availability import STEP_MINUTES
from appointments.openings import Lines

# How far beyond a time that is gone the next free ones are looked for, and how many are told.
NEXT_DAYS = 14
NEXT_TOLD = 5
# Where only the first few are asked for, whole weeks are looked through until they are found: 1, 2, 4 …
FIRST_WEEKS = 1


class Slot(NamedTuple):
    """Time that can be booked. `starts` and `ends` are in UTC and hold the visit alone; the zone is the schedule's."""

    schedule_id: UUID
    visit_type_id: UUID
    starts: datetime
    ends: datetime
    time_zone: str


# As Slot(*…), in a third of its time: there are tens of thousands.
_slot = partial(tuple.__new__, Slot)


class NotFree(Exception):
    """This time cannot be booked. The text says why and what to do; `instead` are the next times that can."""

    def __init__(self, message: str, instead: Collection[Slot] = ()) -> None:
        super().__init__(message)
        self.instead = list(instead)


@dataclass(frozen=True)
class Shape:
    """A visit type in steps: what lies within open hours, and what is kept clear around it."""

    length: int
    before: int
    after: int

    @classmethod
    def of(cls, visit_type: VisitType) -> "Shape":
        """Return a visit type's. Lengths that are no multiple of a step are rounded up."""
        in_minutes = (visit_type.minutes, visit_type.before_minutes, visit_type.after_minutes)
        return cls(*(-(-minutes // STEP_MINUTES) for minutes in in_minutes))

    @property
    def whole(self) -> int:
        """The visit with what is kept clear around it."""
        return self.before + self.length + self.after


def steps(visit_type: VisitType, starts: datetime) -> list[datetime]:
    """Return the five-minute marks that a visit takes, in UTC, with those kept free around it."""
    shape = Shape.of(visit_type)
    first = zones.floor_step(starts) - shape.before
    return [zones.moment(first + number) for number in range(shape.whole)]


def free(
    schedules: Iterable[Schedule],
    visit_type: VisitType,
    *,
    first: date,
    last: date,
    at: datetime,
    limit: int | None = None,
) -> list[Slot]:
    """Return what can be booked on the days from `first` to `last`, soonest first, at most `limit` of it.

    Days are the schedule's own. Who is not in good standing at the schedule's institution offers nothing. Six queries
    for any number of schedules, one more where holds have lapsed; with a limit, as many again for each further stretch
    of days that must be looked through.
    """
    offering = openings.offering(schedules, visit_type, at)
    if not offering:
        return []
    first = max(first, at.date() - timedelta(days=1))
    last = min(last, at.date() + timedelta(days=1 + max(one.horizon_days for one in offering)))
    found: list[Slot] = []
    for begin, end in _stretches(first, last, whole=limit is None):
        found += _free(offering, visit_type, begin, end, at)
        if limit is not None and len(found) >= limit:
            return found[:limit]
    return found


def _stretches(first: date, last: date, *, whole: bool) -> Iterator[tuple[date, date]]:
    """Yield the days to look through, in one go or in ever longer stretches."""
    days = (last - first).days + 1 if whole else 7 * FIRST_WEEKS
    while first <= last:
        end = min(last, first + timedelta(days=days - 1))
        yield first, end
        first, days = end + timedelta(days=1), 2 * days


def _free(offering: list[Schedule], visit_type: VisitType, first: date, last: date, at: datetime) -> list[Slot]:
    shape = Shape.of(visit_type)
    lines = openings.load(offering, first, last, reach=shape.whole, at=at)
    at_step: defaultdict[int, list[tuple[UUID, str]]] = defaultdict(list)
    for schedule in offering:
        earliest, beyond = _bounds(schedule, at)
        starts, whose = _starts(lines, schedule, shape, first, last), (schedule.pk, schedule.time_zone)
        for start in starts[bisect_left(starts, earliest) : bisect_left(starts, beyond)]:
            at_step[start].append(whose)
    found: list[Slot] = []
    for start, free_then in sorted(at_step.items(), key=itemgetter(0)):
        starts, ends = zones.moment(start), zones.moment(start + shape.length)
        found += [_slot((one, visit_type.pk, starts, ends, zone)) for one, zone in free_then]
    return found


def _bounds(schedule: Schedule, at: datetime) -> tuple[int, int]:
    """Return the first step that a booking now may start at, and the first one beyond: its notice and its horizon."""
    earliest = zones.ceil_step(at + timedelta(minutes=schedule.notice_minutes))
    last = zones.local_day(at, schedule.time_zone) + timedelta(days=schedule.horizon_days)
    # A day that a place skipped altogether (Samoa, 30 December 2011) has no end: then the one before it is the last.
    parts = zones.days(schedule.time_zone, last - timedelta(days=1), last)
    return earliest, max(ends for day in parts for _begins, ends in day)


def _starts(lines: Lines, schedule: Schedule, shape: Shape, first: date, last: date) -> list[int]:
    """Return the starts that are offered on some local days, whatever notice and horizon say."""
    fits, origin, whole = _fits(lines, schedule, shape), lines.origin, shape.whole
    found: list[int] = []
    for day in zones.days(schedule.time_zone, first, last):
        left = 0  # the first step that the visits offered so far on this day leave
        for begins, ends in day:
            left, end = max(left, begins - origin), ends - origin
            while (start := fits.find(1, left, end)) >= 0:
                found.append(origin + start)
                left = start + whole
    return found


def _fits(lines: Lines, schedule: Schedule, shape: Shape) -> bytes:
    return lines.fits(schedule, length=shape.length, before=shape.before, after=shape.after)


def every_start(schedule: Schedule, visit_type: VisitType, *, first: date, last: date, at: datetime) -> set[datetime]:
    """Return each moment at which a visit would fit on some local days, also between those that `free` offers.

    Notice, horizon and standing are not asked for.
    """
    if last < first:
        return set()
    shape = Shape.of(visit_type)
    lines = openings.load([schedule], first, last, reach=shape.whole, at=at)
    fits, origin = _fits(lines, schedule, shape), lines.origin
    parts = (part for day in zones.days(schedule.time_zone, first, last) for part in day)
    return {zones.moment(step) for begins, ends in parts for step in range(begins, ends) if fits[step - origin]}


def check(
    schedule: Schedule,
    visit_type: VisitType,
    starts: datetime,
    *,
    at: datetime,
    besides: Appointment | Hold | None = None,
) -> None:
    """Return when a visit may start then, also between the starts that `free` offers. Raises NotFree.

    What `besides` takes does not count. A hold was asked for its notice and its horizon when it was made, and is not
    again. Whoever books asks after locking the timetable; the rows in Taken are what holds in the end.
    """
    reason = _why_not(schedule, visit_type, starts, at, besides)
    if reason:
        day = max(zones.local_day(starts, schedule.time_zone), zones.local_day(at, schedule.time_zone))
        last = day + timedelta(days=NEXT_DAYS)
        raise NotFree(reason, free([schedule], visit_type, first=day, last=last, at=at, limit=NEXT_TOLD))


def _why_not(
    schedule: Schedule, visit_type: VisitType, starts: datetime, at: datetime, besides: Appointment | Hold | None
) -> str:
    """Return the sentence to tell, or an empty one when the time is free."""
    start = zones.floor_step(starts)
    if zones.moment(start) != starts:
        return _("A visit starts at a full five minutes. Choose one of the times below.")
    if not openings.offering([schedule], visit_type, at):
        return _("This visit cannot be booked here at present. Choose another clinician or another kind of visit.")
    earliest, beyond = _bounds(schedule, at)
    if start < earliest and not _held(besides, starts):
        return _("It is too late to book this time here. Choose a later one.")
    if start >= beyond and not _held(besides, starts):
        return _("This day cannot be booked yet. Choose an earlier one.")
    shape = Shape.of(visit_type)
    day = zones.local_day(starts, schedule.time_zone)
    lines = openings.load([schedule], day, day, reach=shape.whole, at=at, besides=besides)
    if not _fits(lines, schedule, shape)[start - lines.origin]:
        return _("This time is no longer free. Choose one of the next ones.")
    return ""


def _held(besides: Appointment | Hold | None, starts: datetime) -> bool:
    return isinstance(besides, Hold) and besides.starts == starts
