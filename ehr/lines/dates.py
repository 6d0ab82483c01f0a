"""FHIR's dates as people write them: 3 May 2026, May 2026, 2026; with the time of day where it was said.

Times are shown in the reader's zone, which Django holds while a page is made.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import date, datetime, tzinfo

from django.utils import timezone
from django.utils.dateformat import format as written
from django.utils.translation import gettext as _


def day(text: object) -> str:
    """Return "3 May 2026" from a FHIR date, dateTime or instant; "" from anything else."""
    moment = _read(text)
    if moment is None:
        return ""
    return written(moment, {4: "Y", 7: "F Y"}.get(len(str(text)), "j F Y"))


def moment(text: object) -> str:
    """Return "3 May 2026, 09:30" where a time of day was given, the day otherwise."""
    found = _read(text)
    if isinstance(found, datetime):
        return _("%(day)s, %(time)s") % {"day": written(found, "j F Y"), "time": written(found, "H:i")}
    return day(text)


def span(period: object) -> str:
    """Return "3 May 2026", "3 to 5 May …", "since …" or "until …" from a FHIR Period."""
    if not isinstance(period, Mapping):
        return ""
    start, end = day(period.get("start")), day(period.get("end"))
    if start and end:
        return start if start == end else _("%(start)s to %(end)s") % {"start": start, "end": end}
    if start:
        return _("since %(start)s") % {"start": start}
    return _("until %(end)s") % {"end": end} if end else ""


def sortable(text: object) -> str:
    """Return an ISO text by which partial dates, dates and times in any zone sort in order; "" sorts first."""
    found = _read(text)
    if isinstance(found, datetime):
        with suppress(OverflowError):
            return _there(found, timezone.get_default_timezone()).isoformat()
    return str(text) if found else ""


def as_date(text: object) -> date | None:
    """Return the day, a partial date's first; None where there is none."""
    found = _read(text)
    return found.date() if isinstance(found, datetime) else found


def _read(text: object) -> date | datetime | None:
    if not isinstance(text, str) or not text:
        return None
    try:
        if "T" in text:
            return _there(datetime.fromisoformat(text), timezone.get_current_timezone())
        return date.fromisoformat(
            text + "-01-01"[: 10 - len(text)] if len(text) == 4 else text + "-01" * (len(text) == 7)
        )
    except (ValueError, OverflowError):
        return _read(text[:10]) if len(text) > 10 else None


def _there(at: datetime, zone: tzinfo) -> datetime:
    """Return a time in a zone; as it is where it names no zone of its own. Raises OverflowError beside the calendar."""
    return at.astimezone(zone) if at.tzinfo else at
