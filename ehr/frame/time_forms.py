"""When: from one day and hour to another, and a week of hours. Hours are those that clocks at a place show."""

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django import forms
from django.utils.dates import WEEKDAYS
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ehr.frame.forms import DayField

_NO_DAY = {"invalid": gettext_lazy("Write a day, for example 3 May 2026.")}
_NO_TIME = {"invalid": gettext_lazy("Write a time of day, for example 9:30.")}
_HOURS = re.compile(r"(\d{1,2})(?:[:.](\d{2}))?\s*(?:-|–|to)\s*(\d{1,2})(?:[:.](\d{2}))?")
_ON_A_DAY = "day-%d"


class Clock(forms.TimeInput):
    """A time of day, as the browser asks for it."""

    input_type = "time"

    def __init__(self, attrs=None):
        super().__init__(attrs, format="%H:%M")


class SpanForm(forms.Form):
    """From the beginning of one day, or an hour of it, until the end of another, or an hour of that."""

    first = DayField(
        label=gettext_lazy("First day"),
        error_messages=_NO_DAY | {"required": gettext_lazy("Choose the first day.")},
    )
    begins = forms.TimeField(
        label=gettext_lazy("From"),
        widget=Clock,
        required=False,
        help_text=gettext_lazy("The beginning of the day, if left empty."),
        error_messages=_NO_TIME,
    )
    last = DayField(
        label=gettext_lazy("Last day"),
        required=False,
        help_text=gettext_lazy("The same day, if left empty."),
        error_messages=_NO_DAY,
    )
    ends = forms.TimeField(
        label=gettext_lazy("Until"),
        widget=Clock,
        required=False,
        help_text=gettext_lazy("The end of the day, if left empty."),
        error_messages=_NO_TIME,
    )


def span(zone: str, *, first: date, begins: time | None, last: date | None, ends: time | None, **_more) -> tuple:
    """Return the moments that a filled-in SpanForm means where clocks show the hours of a zone."""
    last = last or first
    if ends is None or ends == time(0):
        last, ends = last + timedelta(days=1), time(0)
    local = ZoneInfo(zone)
    return datetime.combine(first, begins or time(0), local), datetime.combine(last, ends, local)


def spoken(starts: datetime, ends: datetime, zone: str) -> str:
    """Return from when until when in the hours of a zone, days that are whole without hours: 3 May 2026, 9:00–12:00."""
    local = ZoneInfo(zone)
    begun, ended = starts.astimezone(local), ends.astimezone(local)
    whole = begun.time() == time(0) == ended.time()
    last = ended.date() - timedelta(days=1) if ended.time() == time(0) else ended.date()
    first_words, last_words = date_format(begun, "l j F Y"), date_format(last, "l j F Y")
    if begun.date() == last:
        return first_words if whole else f"{first_words}, {shown(begun.time(), ended.time())}"
    hours = {} if whole else {"begins": f", {begun.hour}:{begun:%M}", "ends": f", {_until(ended.time())}"}
    told = {"first": first_words, "last": last_words, "begins": "", "ends": ""} | hours
    return _("%(first)s%(begins)s until %(last)s%(ends)s") % told


class WeekForm(forms.Form):
    """Hours of a week, a line for each day: 9:00–12:00, 13:00–17:00. An empty line is a closed day."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        for number in range(7):
            self.fields[_ON_A_DAY % number] = forms.CharField(
                label=WEEKDAYS[number],
                required=False,
                max_length=120,
                help_text=_("For example 9:00–12:00, 13:00–17:00. Empty means closed.") if number == 0 else "",
                widget=forms.TextInput(attrs={"autocomplete": "off"}),
            )

    def clean(self):
        """Read each day's line. What cannot be read is said at its day."""
        told = super().clean()
        week = []
        for number in range(7):
            name = _ON_A_DAY % number
            try:
                week += [(number, begins, ends) for begins, ends in _read(told.pop(name, ""))]
            except ValueError:
                self.add_error(name, _("Write hours as 9:00–12:00, and put a comma before the next ones."))
        return told | {"week": week}


def _read(line: str) -> list[tuple[time, time]]:
    """Return the hours in a line. Raises ValueError. The end of a day may be written as 0:00 or 24:00."""
    found = []
    for part in filter(None, (one.strip() for one in re.split(r"[,;]", line))):
        match = _HOURS.fullmatch(part)
        if match is None:
            raise ValueError(part)
        first, minute, last, until = (int(one or 0) for one in match.groups())
        found.append((time(first, minute), time(0 if (last, until) == (24, 0) else last, until)))
    return found


def week_as_lines(hours: Iterable[tuple[int, time, time]]) -> Mapping[str, str]:
    """Return hours as a WeekForm shows them at first."""
    lines: dict[str, list[str]] = {}
    for weekday, begins, ends in sorted(hours):
        lines.setdefault(_ON_A_DAY % weekday, []).append(shown(begins, ends))
    return {name: ", ".join(parts) for name, parts in lines.items()}


def shown(begins: time, ends: time) -> str:
    """Return hours as people write them: 9:00–12:00; midnight ends a day as 24:00."""
    return f"{begins.hour}:{begins:%M}–{_until(ends)}"


def _until(ends: time) -> str:
    return "24:00" if ends == time(0) else f"{ends.hour}:{ends:%M}"
