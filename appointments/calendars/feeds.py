"""Somebody's visits in their own calendar program, at a secret address. Busy blocks: no name, no kind of visit.

Who has the address sees when its owner has visits, and no more; who loses it makes another, and the old one is gone.
Source: RFC 5545; REFRESH-INTERVAL from RFC 7986.
"""

import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _
from icalendar import Calendar, Event

from appointments.calendars.reading import OWN
from appointments.models import Appointment, CalendarFeed
from appointments.models.visits import Status
from appointments.rules import LIVE
from audit import log
from ehr import clock
from ehr.accounts import stored
from ehr.accounts.models import User
from providers.queries import party
from providers.rules import NotPossible

SINCE = timedelta(days=30)  # visits that are over stay this long
REFRESH = timedelta(hours=1)
SHOWN = LIVE | {Status.FULFILLED}
Whose = CalendarFeed.Whose
_ACTIONS = {
    (Whose.PATIENT, "made"): "patient.calendar-made",
    (Whose.PATIENT, "ended"): "patient.calendar-ended",
    (Whose.CLINICIAN, "made"): "clinician.calendar-made",
    (Whose.CLINICIAN, "ended"): "clinician.calendar-ended",
}


class Gone(Exception):
    """There is no calendar at this address: it never was, another took its place, or its owner is out."""


class Body(NamedTuple):
    """A calendar as it is sent, and the strong validator of exactly these bytes."""

    content: bytes
    etag: str


def make(user: User, whose: str, *, with_address: bool = False) -> tuple[CalendarFeed, str]:
    """Return a new calendar and its token, which is shown this once. The one there was is gone.

    Raises NotPossible for the calendar of a clinician or a patient who is none.
    """
    whose = Whose(whose)
    owner = "clinician" if whose == Whose.CLINICIAN else "patient"
    if getattr(user, owner, None) is None:
        raise NotPossible(_("There are no visits of yours that a calendar could show."))
    token = secrets.token_urlsafe(32)
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)
        _end(user, whose)
        made = CalendarFeed.objects.create(
            user=user,
            whose=whose,
            with_address=with_address and whose == Whose.PATIENT,
            token_digest=_digest(token),
        )
        _note("made", made)
    return made, token


def end(user: User, whose: str) -> None:
    """End a calendar: its address leads nowhere from now on. Raises NotPossible where there is none."""
    with transaction.atomic():
        found = current(user, whose)
        if found is None or not _end(user, Whose(whose)):
            raise NotPossible(_("There is no such calendar any more."))
        _note("ended", found)


def current(user: User, whose: str) -> CalendarFeed | None:
    """Return somebody's calendar, or None."""
    return CalendarFeed.objects.filter(user=user, whose=whose, ended_at__isnull=True).first()


def fetch(token: str) -> Body:
    """Return the calendar that a token opens, as it is now. Raises Gone."""
    feed = CalendarFeed.objects.select_related("user").filter(token_digest=_digest(token), ended_at=None).first()
    if feed is None or not feed.user.is_active:
        raise Gone
    at = clock.now()
    with translation.override(feed.user.language):
        content = _calendar(feed, at).to_ical()
    # Programs ask every few minutes; their owner wants to know that one does, not each time.
    if feed.fetched_at is None or at - feed.fetched_at > REFRESH:
        CalendarFeed.objects.filter(pk=feed.pk).update(fetched_at=at)
    return Body(content, f'"{hashlib.sha256(content).hexdigest()[:32]}"')


def _calendar(feed: CalendarFeed, at: datetime) -> Calendar:
    made = Calendar()
    made.add("prodid", "-//Chartseal//Visits//EN")
    made.add("version", "2.0")
    made.add("method", "PUBLISH")
    made.add("refresh-interval", REFRESH, parameters={"value": "DURATION"})
    made.add("x-published-ttl", "PT1H")
    for visit in _visits(feed, at):
        made.add_component(_event(feed, visit))
    return made


def _visits(feed: CalendarFeed, at: datetime):
    rows = Appointment.objects.filter(status__in=SHOWN, ends__gt=at - SINCE).select_related("place")
    if feed.whose == Whose.CLINICIAN:
        return rows.filter(timetable__clinician__user=feed.user)
    return rows.filter(patient__user=feed.user)


def _event(feed: CalendarFeed, visit: Appointment) -> Event:
    event = Event()
    # Another id in each calendar: two of them cannot be laid side by side to find out who sees whom.
    event.add("uid", stored.index("calendar-uid", f"{feed.pk}|{visit.pk}").hex()[:32] + OWN)
    # Not the time of this answer, for the same visits are the same bytes.
    event.add("dtstamp", visit.made_at.replace(microsecond=0))
    event.add("dtstart", visit.starts.astimezone(UTC))
    event.add("dtend", visit.ends.astimezone(UTC))
    event.add("summary", _("Visit") if feed.whose == Whose.CLINICIAN else _("Appointment"))
    event.add("status", "TENTATIVE" if visit.status == Status.PROPOSED else "CONFIRMED")
    event.add("class", "PRIVATE")
    event.add("transp", "OPAQUE")
    if feed.with_address and visit.place is not None:
        event.add("location", visit.place.address)
    return event


def _end(user: User, whose: Whose) -> int:
    return CalendarFeed.objects.filter(user=user, whose=whose, ended_at=None).update(ended_at=clock.now())


def _digest(token: str) -> bytes:
    return hashlib.sha256(b"chartseal calendar\x00" + token.encode()).digest()


def _note(what: str, feed: CalendarFeed) -> None:
    own = feed.whose == Whose.PATIENT
    action = _ACTIONS[feed.whose, what]
    log.append(action, actor=party(feed.user), subject=feed.user.patient.pk if own else None, outcome="done")
