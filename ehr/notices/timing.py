"""When an e-mail about a notice may leave: at once, or with the next digest, and never in somebody's quiet hours.

All of it follows from what is stored (a person's wishes, their zone, when the notice was written) and the time it is.
Quiet means that the clock on this person's wall stands inside their quiet hours, however often it was put forward or
back. Where a wall clock jumps over an hour, what was meant for that hour comes up to an hour later (RFC 5545).
"""

import zoneinfo
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.db import models
from django.utils.translation import gettext_lazy as _

DIGEST_HOUR = time(8)
_MONDAY = 0
_DAY = timedelta(days=1)


class Pace(models.TextChoices):
    """How often a person wants e-mail about what is new."""

    INSTANT = "instant", _("At once")
    DAILY = "daily", _("Once a day")
    WEEKLY = "weekly", _("Once a week")


@dataclass(frozen=True)
class Wishes:
    """How one person wants to be told. Quiet hours are on their wall clock, and may run over midnight."""

    pace: str = Pace.INSTANT
    quiet_from: time | None = None
    quiet_until: time | None = None
    zone: str = "UTC"

    @property
    def in_digests(self) -> bool:
        return self.pace != Pace.INSTANT

    @property
    def here(self) -> zoneinfo.ZoneInfo:
        """The person's zone; UTC where this machine does not know it."""
        try:
            return zoneinfo.ZoneInfo(self.zone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError):
            return zoneinfo.ZoneInfo("UTC")


def local_day(wishes: Wishes, at: datetime) -> date:
    """Return the day it is for this person."""
    return at.astimezone(wishes.here).date()


def is_quiet(wishes: Wishes, at: datetime) -> bool:
    """Tell whether it is this person's quiet hours."""
    if wishes.quiet_from is None or wishes.quiet_until is None:
        return False
    wall = at.astimezone(wishes.here).time()
    if wishes.quiet_from < wishes.quiet_until:
        return wishes.quiet_from <= wall < wishes.quiet_until
    return wall >= wishes.quiet_from or wall < wishes.quiet_until


def after_quiet(wishes: Wishes, at: datetime) -> datetime:
    """Return this moment, or where it is quiet the end of the quiet hours."""
    if wishes.quiet_until is None or not is_quiet(wishes, at):
        return at
    today = local_day(wishes, at)
    ends = [_moment(wishes, day, wishes.quiet_until, fold) for day in (today, today + _DAY) for fold in (0, 1)]
    return min(end for end in ends if end > at and not is_quiet(wishes, end))


def next_digest(wishes: Wishes, after: datetime) -> datetime:
    """Return when the first digest after a moment is made: at eight, each day or on Mondays."""
    day = local_day(wishes, after)
    for ahead in range(9):
        on = day + ahead * _DAY
        if wishes.pace == Pace.WEEKLY and on.weekday() != _MONDAY:
            continue
        made = _moment(wishes, on, DIGEST_HOUR, 0)
        if made > after:
            return after_quiet(wishes, made)
    raise AssertionError("No week is without a Monday.")


def due(wishes: Wishes, *, since: datetime, emergency: bool) -> datetime:
    """Return when what was written at a moment may leave."""
    if emergency:
        return since
    return next_digest(wishes, since) if wishes.in_digests else after_quiet(wishes, since)


def _moment(wishes: Wishes, day: date, wall: time, fold: int) -> datetime:
    return datetime.combine(day, wall.replace(fold=fold), tzinfo=wishes.here).astimezone(UTC)
