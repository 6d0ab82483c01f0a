"""What stands in the way of a booking, and what does not: loaded once, a byte for each five minutes.

Searching a byte string costs a hundredth of comparing datetimes; ninety days are 26,000 bytes.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from uuid import UUID

from django.db.models import Aggregate, Q, TextField

from appointments import video, zones
from appointments.models import Absence, Appointment, Hold, Hours, Schedule, Taken, VisitType
from providers.queries import standings


def offering(schedules: Iterable[Schedule], visit_type: VisitType, at: datetime) -> list[Schedule]:
    """Return those schedules that offer a visit type at a moment, by two queries.

    One that is retired, whose place is closed, or whose clinician may not be let in to clinical text at its institution
    now offers nothing; nor does anybody a visit by video where no service for that is set up.
    """
    if not video.can_be_held(visit_type):
        return []
    by_id = {one.pk: one for one in schedules}
    rows = Schedule.objects.filter(
        Q(place__isnull=True) | Q(place__closed_at__isnull=True),
        pk__in=by_id,
        retired_at__isnull=True,
        visit_types=visit_type.pk,
        visit_types__retired_at__isnull=True,
    )
    users = dict(rows.values_list("pk", "timetable__clinician__user_id"))
    seen = standings(set(users.values()), at) if users else {}
    return [one for pk, one in by_id.items() if pk in users and one.institution_id in seen[users[pk]].clinical_at]


class Rule(NamedTuple):
    """What a row of Hours says."""

    weekday: int
    begins: time
    ends: time
    since: date
    until: date | None


class Away(NamedTuple):
    """What a row of Absence says: closed, busy, or open as well."""

    schedule_id: UUID | None
    kind: str
    starts: datetime
    ends: datetime


class Lines:
    """Some days of some schedules, a byte for each step: 1 where it holds. The first byte is the step `origin`."""

    def __init__(self, first: date, last: date, reach: int) -> None:
        margin = zones.DAY + reach
        self.first, self.last = first, last
        self.origin = (zones.day_number(first) - 1) * zones.DAY - margin
        self.end = (zones.day_number(last) + 2) * zones.DAY + margin
        self._empty = bytes(self.end - self.origin)
        self._full = b"\x01" * len(self._empty)
        self._days = range(zones.day_number(first), zones.day_number(last) + 2 + reach // zones.DAY)
        self._open: dict[UUID, bytearray] = {}
        self._clear: dict[UUID, bytearray] = {}

    def fits(self, schedule: Schedule, *, length: int, before: int, after: int) -> bytes:
        """Return a byte for each step: 1 where a visit may start, all of it open, and all that is kept around it clear.

        Clear is where the schedule's clinician is neither with a patient nor away. A line is one large number here, so
        that a handful of shifts looks at every step of ninety days at once.
        """
        clear = int.from_bytes(self._clear[schedule.pk])
        inside = _runs(int.from_bytes(self._open[schedule.pk]) & clear, length)
        if before or after:
            inside &= _runs(clear, before + length + after) >> 8 * before
        return inside.to_bytes(len(self._empty))

    def draw_hours(self, schedule: Schedule, hours: Iterable[Rule]) -> None:
        """Open a schedule's weekly hours: drawn as the clocks show them, then laid where that is in UTC."""
        shown = bytearray(len(self._days) * zones.DAY)
        for rule in hours:
            begins, ends = zones.begin_of(rule.begins), zones.end_of(rule.ends)
            start = max(self._days.start, zones.day_number(rule.since))
            stop = self._days.stop if rule.until is None else min(self._days.stop, zones.day_number(rule.until) + 1)
            # 1970 began on a Thursday, which is weekday 3.
            for day in range(start + (rule.weekday - 3 - start) % 7, stop, 7):
                low = (day - self._days.start) * zones.DAY
                shown[low + begins : low + ends] = self._full[: max(0, ends - begins)]
        line = self._open[schedule.pk] = bytearray(self._empty)
        earliest, latest = self._days.start * zones.DAY, self._days.stop * zones.DAY
        for span in self._spans(schedule):
            begins, ends = max(earliest, span.begins + span.ahead), min(latest, span.ends + span.ahead)
            part = shown[begins - earliest : ends - earliest]
            low = begins - span.ahead - self.origin
            line[low : low + len(part)] = part

    def draw_extra(self, schedule: Schedule, extra: Iterable[Away]) -> None:
        """Open what is open as well, but for an hour that clocks show a second time."""
        line = self._open[schedule.pk]
        for one in extra:
            for span in self._spans(schedule):
                begins, ends = zones.ceil_step(one.starts), zones.floor_step(one.ends)
                self._fill(line, self._full, max(begins, span.begins), min(ends, span.ends))

    def draw_away(self, schedule: Schedule, away: Iterable[Away], taken: bytearray) -> None:
        """Close what is taken, and where somebody is away, wherever they work or at this schedule."""
        line = self._clear[schedule.pk] = bytearray(taken)
        for one in away:
            if one.schedule_id is None or one.schedule_id == schedule.pk:
                self._fill(line, self._empty, zones.floor_step(one.starts), zones.ceil_step(one.ends))

    def taken(self, marks: Iterable[int], lapsed: Iterable[int]) -> bytearray:
        """Return a line that is clear but for some steps, those of lapsed holds excepted."""
        line, origin = bytearray(self._full), self.origin
        for mark in marks:
            line[mark - origin] = 0
        for mark in lapsed:
            if self.origin <= mark < self.end:
                line[mark - origin] = 1
        return line

    def _spans(self, schedule: Schedule) -> tuple[zones.Span, ...]:
        after = timedelta(days=self._days.stop - zones.day_number(self.last))
        return zones.spans(schedule.time_zone, self.first - timedelta(days=1), self.last + after)

    def _fill(self, line: bytearray, source: bytes, begins: int, ends: int) -> None:
        low, high = max(begins, self.origin) - self.origin, min(ends, self.end) - self.origin
        if low < high:
            line[low:high] = source[: high - low]


def _runs(line: int, length: int) -> int:
    """Return where a line of bytes, the first one the highest, is 1 from there on for so many steps."""
    seen = 1
    while seen < length:
        more = min(seen, length - seen)
        line &= line << 8 * more
        seen += more
    return line


def load(
    schedules: list[Schedule],
    first: date,
    last: date,
    *,
    reach: int,
    at: datetime,
    besides: Appointment | Hold | None = None,
) -> Lines:
    """Return the lines of schedules from one local day to another, by four queries, one more where holds have lapsed.

    `reach` is how many steps a visit takes with what is kept free around it. What `besides` takes counts as clear.
    """
    lines = Lines(first, last, reach)
    timetables = {one.timetable_id for one in schedules}
    begins, ends = zones.moment(lines.origin), zones.moment(lines.end)
    hours = _hours([one.pk for one in schedules])
    absences = _absences(Absence.objects.filter(timetable__in=timetables, ends__gt=begins, starts__lt=ends))
    rows = Taken.objects.filter(timetable__in=timetables, at__gte=begins, at__lt=ends)
    marks = _marks(rows)
    lapsed = _lapsed(timetables, at, besides)
    taken = {pk: lines.taken(marks.get(pk, ()), lapsed.get(pk, ())) for pk in timetables}
    for schedule in schedules:
        of_timetable = absences[schedule.timetable_id]
        extra = [one for one in of_timetable if one.kind == Absence.Kind.EXTRA]
        away = [one for one in of_timetable if one.kind != Absence.Kind.EXTRA]
        lines.draw_hours(schedule, hours[schedule.pk])
        lines.draw_extra(schedule, [one for one in extra if one.schedule_id == schedule.pk])
        lines.draw_away(schedule, away, taken[schedule.timetable_id])
    return lines


def load_offered(schedules: list[Schedule], first: date, last: date) -> Lines:
    """Return the lines of schedules as if nobody had booked anything: hours, less closures and what is busy elsewhere.

    By two queries, retired schedules among them.
    """
    lines = Lines(first, last, 0)
    begins, ends = zones.moment(lines.origin), zones.moment(lines.end)
    hours = _hours([one.pk for one in schedules])
    rows = Absence.objects.filter(timetable__in={one.timetable_id for one in schedules})
    absences = _absences(rows.filter(ends__gt=begins, starts__lt=ends))
    for schedule in schedules:
        of_timetable = absences[schedule.timetable_id]
        extra = [one for one in of_timetable if (one.kind, one.schedule_id) == (Absence.Kind.EXTRA, schedule.pk)]
        lines.draw_hours(schedule, hours[schedule.pk])
        lines.draw_extra(schedule, extra)
        away = [one for one in of_timetable if one.kind != Absence.Kind.EXTRA]
        lines.draw_away(schedule, away, lines.taken((), ()))
    return lines


def _lapsed(timetables: set[int], at: datetime, besides: Appointment | Hold | None) -> dict[int, Iterable[int]]:
    """Return the steps that holds which are over still have, and those of what is not to count, by timetable."""
    holds = set(Hold.objects.filter(timetable__in=timetables, expires_at__lte=at).values_list("pk", flat=True))
    if isinstance(besides, Hold):
        holds.add(besides.pk)
    visits = {besides.pk} if isinstance(besides, Appointment) else set()
    if not holds and not visits:
        return {}
    return _marks(Taken.objects.filter(Q(hold__in=holds) | Q(appointment__in=visits)))


def _hours(schedules: list[UUID]) -> dict[UUID, list[Rule]]:
    found = defaultdict(list)
    rows = Hours.objects.filter(schedule__in=schedules).values_list("schedule_id", *Rule._fields)
    for schedule, *rule in rows.order_by():
        found[schedule].append(Rule(*rule))
    return found


def _absences(rows) -> dict[int, list[Away]]:
    found = defaultdict(list)
    for timetable, *away in rows.values_list("timetable_id", *Away._fields):
        found[timetable].append(Away(*away))
    return found


class _InOneText(Aggregate):
    """The moments of a group in one text: a row each would cost more than all the rest of a search."""

    function = "STRING_AGG"
    output_field = TextField()

    def as_sql(self, compiler, connection, **extra):
        in_utc = "TO_CHAR(%(expressions)s AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')"
        return super().as_sql(compiler, connection, template=f"STRING_AGG({in_utc}, ',')", **extra)

    def as_sqlite(self, compiler, connection, **extra):
        return super().as_sql(compiler, connection, template="GROUP_CONCAT(%(expressions)s)", **extra)


class _Steps(dict[str, int]):
    """The steps of moments that stand as texts, each found out once: a search comes upon the same ones again and again.

    A dictionary and not `lru_cache`, which takes twice as long for each of a hundred thousand.
    """

    most = 60_000  # two hundred days of them

    def __missing__(self, text: str) -> int:
        if len(self) >= self.most:
            self.clear()
        self[text] = step = zones.floor_step(datetime.fromisoformat(text).replace(tzinfo=UTC))
        return step


_STEPS = _Steps()


def _marks(rows) -> dict[int, Iterable[int]]:
    """Return which steps are taken, by timetable."""
    told = rows.values_list("timetable_id").annotate(marks=_InOneText("at"))
    return {timetable: map(_STEPS.__getitem__, text.split(",")) for timetable, text in told}
