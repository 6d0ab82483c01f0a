"""What is free, found out the slow way: each minute asked by itself what the clocks at a place show then.

Shares nothing with `appointments.availability` but the rule it stands for.
"""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from appointments.models import Absence, Schedule, Taken, VisitType

MINUTE = timedelta(minutes=1)
FIVE = timedelta(minutes=5)


class Scan:
    """One schedule's minutes."""

    def __init__(self, schedule: Schedule, at: datetime) -> None:
        self.schedule, self.at, self.zone = schedule, at, ZoneInfo(schedule.time_zone)
        self.hours = list(schedule.hours.all())
        self.absences = list(Absence.objects.filter(timetable=schedule.timetable))
        self.taken = {
            row.at
            for row in Taken.objects.filter(timetable=schedule.timetable).select_related("hold")
            if row.hold is None or row.hold.expires_at > at
        }
        self._open: dict[datetime, bool] = {}
        self._clear: dict[datetime, bool] = {}

    def free(self, kind: VisitType, first: date, last: date) -> list[datetime]:
        """Return the starts on offer: each the first that fits, and leaves room for the one before it on its day."""
        found: list[datetime] = []
        whole = timedelta(minutes=kind.before_minutes + kind.minutes + kind.after_minutes)
        mark = datetime.combine(first, time(0), UTC) - timedelta(days=2)
        offered: datetime | None = None
        while mark < datetime.combine(last, time(0), UTC) + timedelta(days=3):
            day = mark.astimezone(self.zone).date()
            same_day = offered is not None and offered.astimezone(self.zone).date() == day
            room = not same_day or mark >= offered + whole
            if first <= day <= last and room and self.fits(kind, mark):
                offered = mark
                if self.bookable(mark):
                    found.append(mark)
            mark += FIVE
        return found

    def bookable(self, starts: datetime) -> bool:
        """Tell whether a start is neither too soon nor too far ahead."""
        today = self.at.astimezone(self.zone).date()
        horizon = today + timedelta(days=self.schedule.horizon_days)
        notice = timedelta(minutes=self.schedule.notice_minutes)
        return starts >= self.at + notice and starts.astimezone(self.zone).date() <= horizon

    def fits(self, kind: VisitType, starts: datetime) -> bool:
        """Tell whether a visit may start at a moment, minute by minute."""
        begin, end = -kind.before_minutes, kind.minutes + kind.after_minutes
        inside = all(self.is_open(starts + minute * MINUTE) for minute in range(kind.minutes))
        return inside and all(self.is_clear(starts + minute * MINUTE) for minute in range(begin, end))

    def is_open(self, minute: datetime) -> bool:
        if minute not in self._open:
            self._open[minute] = self._is_open(minute)
        return self._open[minute]

    def _is_open(self, minute: datetime) -> bool:
        local = minute.astimezone(self.zone)
        if local.fold:
            return False
        extra = (one for one in self.absences if one.kind == "extra" and one.schedule_id == self.schedule.pk)
        if any(one.starts <= minute and minute + MINUTE <= one.ends for one in extra):
            return True
        shown = local.time().replace(tzinfo=None)
        return any(
            rule.weekday == local.weekday()
            and rule.since <= local.date()
            and (rule.until is None or local.date() <= rule.until)
            and rule.begins <= shown
            and (rule.ends == time(0) or shown < rule.ends)
            for rule in self.hours
        )

    def is_clear(self, minute: datetime) -> bool:
        if minute not in self._clear:
            self._clear[minute] = self._is_clear(minute)
        return self._clear[minute]

    def _is_clear(self, minute: datetime) -> bool:
        mark = minute.replace(minute=minute.minute // 5 * 5)
        away = (one for one in self.absences if one.kind != "extra")
        away = (one for one in away if one.schedule_id in (None, self.schedule.pk))
        return mark not in self.taken and not any(one.starts < minute + MINUTE and minute < one.ends for one in away)


def search(schedules: list[Schedule], kind: VisitType, *, first: date, last: date, at: datetime):
    """Return what is free as (start, schedule), sorted as a search is."""
    found = [
        (starts, number)
        for number, schedule in enumerate(schedules)
        for starts in Scan(schedule, at).free(kind, first, last)
    ]
    return [(starts, schedules[number].pk) for starts, number in sorted(found)]
