"""What became of an institution's time: how much of it was booked, how far ahead, who did not come, what waiting won.

Everything is of one institution and of whole days there, by the clocks of each place. Nobody's name is in it but
clinicians'. Counts come with every share: of seven visits a percentage says little, and is not said.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from math import ceil
from statistics import median
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from appointments import openings, queries, waitlist, zones
from appointments.models import Appointment, Offer, Schedule, Status
from appointments.models.availability import STEP_MINUTES
from appointments.rules import FREED
from providers.models import Institution

FEW = 20  # below so many visits no percentage is told
LONGEST_DAYS = 366
WEEK = timedelta(days=7)
_BOOKED = frozenset(Status) - FREED - {Status.PROPOSED, Status.WAITLIST}


@dataclass(frozen=True)
class Period:
    """Whole days, the first and the last included."""

    first: date
    last: date

    @property
    def weeks(self) -> list[date]:
        """The Mondays of the weeks that these days are in."""
        monday = monday_of(self.first)
        return [monday + WEEK * number for number in range((monday_of(self.last) - monday) // WEEK + 1)]

    def of_week(self, monday: date) -> tuple[date, date]:
        """Return the first and the last day of a week that are within."""
        return max(self.first, monday), min(self.last, monday + WEEK - timedelta(days=1))


@dataclass(frozen=True)
class Share:
    """So many of so many: minutes or visits. `name` says of whom or what."""

    name: str
    part: int
    whole: int

    @property
    def share(self) -> float | None:
        """From 0 on; above 1 where more was booked than offered. None of nothing."""
        return self.part / self.whole if self.whole else None

    @property
    def percent(self) -> int | None:
        return None if self.share is None else round(100 * self.share)

    @property
    def is_few(self) -> bool:
        """Of visits: too few for a percentage that means something."""
        return self.whole < FEW


@dataclass(frozen=True)
class Ahead:
    """How many days lie between booking and visit, of so many visits: half of them had fewer, nine tenths not more."""

    name: str
    visits: int
    median: float
    ninetieth: int


@dataclass(frozen=True)
class Week:
    """One week by its Monday: minutes booked and offered, offers of the waiting list taken, and days these won."""

    monday: date
    used: Share
    taken: int = 0
    won: int = 0


@dataclass
class Report:
    """All of it, for one institution and period."""

    period: Period
    by_clinician: list[Share] = field(default_factory=list)
    by_place: list[Share] = field(default_factory=list)
    weeks: list[Week] = field(default_factory=list)
    ahead: Ahead | None = None
    ahead_by_kind: list[Ahead] = field(default_factory=list)
    missed: queries.Missed = field(default_factory=lambda: queries.Missed(0, 0, 0))
    missed_by_place: list[Share] = field(default_factory=list)
    missed_by_kind: list[Share] = field(default_factory=list)
    won: waitlist.Won = field(default_factory=lambda: waitlist.Won(0, 0, 0, None))

    @cached_property
    def used(self) -> Share:
        """All minutes that were booked, of all that were offered."""
        return Share("", sum(one.part for one in self.by_clinician), sum(one.whole for one in self.by_clinician))


def monday_of(day: date) -> date:
    return day - timedelta(days=day.weekday())


def report(institution: Institution, period: Period) -> Report:
    """Return what became of an institution's time. Raises ValueError for no days, or more than a year."""
    if not 0 <= (period.last - period.first).days < LONGEST_DAYS:
        raise ValueError("A report is about one day at least, and a year at most.")
    visits = list(_visits(institution.pk, period))
    offered = list(_offered(institution.pk, period))
    since, until = _moments(institution.time_zone, period)
    by_week = _won_by_week(institution, since, until)
    return Report(
        period=period,
        by_clinician=_used(((one.clinician, one.minutes) for one in visits), _summed(offered, "clinician")),
        by_place=_used(((one.place, one.minutes) for one in visits), _summed(offered, "place")),
        weeks=_weeks(period, visits, offered, by_week),
        ahead=_ahead("", [one.ahead for one in visits]),
        ahead_by_kind=list(_ahead_by_kind(visits)),
        missed=queries.missed_visits(institution.pk, since=since, until=until),
        missed_by_place=_missed((one.place, one.status) for one in visits),
        missed_by_kind=_missed((one.kind, one.status) for one in visits),
        won=waitlist.won(institution.pk, since=since, until=until),
    )


def _moments(zone: str, period: Period) -> tuple[datetime, datetime]:
    """Return when a period begins and ends by the clocks of an institution."""
    ((begins, _end), *_more) = zones.days(zone, period.first, period.first)[0] or (_none(period.first),)
    *_before, (_begin, ends) = zones.days(zone, period.last, period.last)[0] or (_none(period.last),)
    return zones.moment(begins), zones.moment(ends)


def _none(day: date) -> tuple[int, int]:
    """Return the steps of a day in UTC, for one that a place skipped."""
    return zones.day_number(day) * zones.DAY, (zones.day_number(day) + 1) * zones.DAY


# --- Visits ----------------------------------------------------------------------------------------
@dataclass(frozen=True)
class _Visit:
    on: date
    minutes: int
    ahead: int  # days
    status: str
    clinician: str
    place: str
    kind: str


def _visits(institution: UUID, period: Period) -> Iterator[_Visit]:
    """Yield the visits of a period that were not called off, each on its day at its place; by one query."""
    margin = timedelta(days=1)
    rows = Appointment.objects.filter(
        schedule__institution=institution,
        status__in=_BOOKED,
        starts__gte=zones.moment(zones.day_number(period.first - margin) * zones.DAY),
        starts__lt=zones.moment(zones.day_number(period.last + 2 * margin) * zones.DAY),
    )
    rows = rows.select_related("timetable__clinician__user", "place", "visit_type").order_by("starts", "pk")
    for one in rows.iterator():
        on = zones.local_day(one.starts, one.time_zone)
        if period.first <= on <= period.last:
            yield _Visit(
                on=on,
                minutes=(one.ends - one.starts) // timedelta(minutes=1),
                ahead=max(0, (on - zones.local_day(one.made_at, one.time_zone)).days),
                status=one.status,
                clinician=one.timetable.clinician.full_name,
                place=_place(one),
                kind=one.visit_type.name,
            )


def _place(one: Appointment | Schedule) -> str:
    return one.place.name if one.place else _("By video")


# --- Minutes that were offered ---------------------------------------------------------------------
@dataclass(frozen=True)
class _Offered:
    monday: date
    minutes: int
    clinician: str = ""
    place: str = ""


def _offered(institution: UUID, period: Period) -> Iterator[_Offered]:
    """Yield how many minutes could be booked each week, of each clinician, and of each at each place; in a few queries.

    Hours of one clinician that several schedules offer at once count once.
    """
    schedules = list(_schedules(institution))
    if not schedules:
        return
    lines = openings.load_offered(schedules, period.first, period.last)
    drawn = {one.pk: lines.fits(one, length=1, before=0, after=0) for one in schedules}
    for monday in period.weeks:
        first, last = period.of_week(monday)
        people: defaultdict[str, int] = defaultdict(int)
        places: defaultdict[tuple[str, str], int] = defaultdict(int)
        for one in schedules:
            open_steps = _steps(drawn[one.pk], lines.origin, one, first, last)
            name = one.timetable.clinician.full_name
            people[f"{one.timetable_id} {name}"] |= open_steps
            places[f"{one.timetable_id}", _place(one)] |= open_steps
        for key, found in people.items():
            yield _Offered(monday, found.bit_count() * STEP_MINUTES, clinician=key.partition(" ")[2])
        for (_timetable, place), found in places.items():
            yield _Offered(monday, found.bit_count() * STEP_MINUTES, place=place)


def _schedules(institution: UUID) -> QuerySet[Schedule]:
    rows = Schedule.objects.filter(institution=institution).select_related("timetable__clinician__user", "place")
    return rows.order_by("made_at", "pk")


def _steps(line: bytes, origin: int, schedule: Schedule, first: date, last: date) -> int:
    """Return the open steps of some local days as one number, a byte each at the same place for every zone."""
    if schedule.retired_at is not None:
        last = min(last, zones.local_day(schedule.retired_at, schedule.time_zone))
    if last < first:
        return 0
    found = 0
    for day in zones.days(schedule.time_zone, first, last):
        for begins, ends in day:
            part = int.from_bytes(line[begins - origin : ends - origin], "little")
            found |= part << 8 * (begins - origin)
    return found


# --- Putting together ------------------------------------------------------------------------------
def _summed(offered: Iterable[_Offered], by: str) -> dict[str, int]:
    found: defaultdict[str, int] = defaultdict(int)
    for one in offered:
        if name := getattr(one, by):
            found[name] += one.minutes
    return found


def _used(booked: Iterable[tuple[str, int]], offered: dict[str, int]) -> list[Share]:
    """Return the minutes booked of those offered, by name; whoever offered none and had no visit is not named."""
    found: defaultdict[str, int] = defaultdict(int)
    for name, minutes in booked:
        found[name] += minutes
    names = sorted(name for name in {*found, *offered} if found.get(name) or offered.get(name))
    return [Share(name, found.get(name, 0), offered.get(name, 0)) for name in names]


def _weeks(period: Period, visits: list[_Visit], offered: list[_Offered], won: dict[date, list[int]]) -> list[Week]:
    booked: defaultdict[date, int] = defaultdict(int)
    could: defaultdict[date, int] = defaultdict(int)
    for visit in visits:
        booked[monday_of(visit.on)] += visit.minutes
    for one in offered:
        could[one.monday] += one.minutes if one.clinician else 0
    return [
        Week(monday, Share("", booked[monday], could[monday]), len(won.get(monday, ())), sum(won.get(monday, ())))
        for monday in period.weeks
    ]


def _won_by_week(institution: Institution, since: datetime, until: datetime) -> dict[date, list[int]]:
    """Return how many days each offer won that was made in a week and taken, by the week's Monday."""
    rows = Offer.objects.filter(
        waiting__schedule__institution=institution, outcome=Offer.Outcome.TAKEN, made_at__gte=since, made_at__lt=until
    )
    found: defaultdict[date, list[int]] = defaultdict(list)
    for made_at, days in rows.values_list("made_at", "days_won"):
        found[monday_of(zones.local_day(made_at, institution.time_zone))].append(days or 0)
    return found


def _ahead(name: str, days: list[int]) -> Ahead | None:
    """Return median and 90th percentile (nearest rank) of some days; None of none."""
    if not days:
        return None
    ordered = sorted(days)
    return Ahead(name, len(days), median(ordered), ordered[ceil(0.9 * len(ordered)) - 1])


def _ahead_by_kind(visits: list[_Visit]) -> Iterator[Ahead]:
    by_kind: defaultdict[str, list[int]] = defaultdict(list)
    for one in visits:
        by_kind[one.kind].append(one.ahead)
    for name, days in sorted(by_kind.items()):
        if found := _ahead(name, days):
            yield found


def _missed(visits: Iterable[tuple[str, str]]) -> list[Share]:
    """Return how many of the visits that are over nobody came to, by name."""
    found: defaultdict[str, list[bool]] = defaultdict(list)
    for name, status in visits:
        if status in {Status.NO_SHOW, Status.FULFILLED}:
            found[name].append(status == Status.NO_SHOW)
    return [Share(name, sum(missed), len(missed)) for name, missed in sorted(found.items())]
