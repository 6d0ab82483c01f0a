"""A clinician's calendar elsewhere: when they are busy in it, nothing can be booked. Only the hours are kept.

What cannot be read changes nothing: the hours of the last good reading stay, and the clinician sees since when.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import F, Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from appointments.calendars import apart
from appointments.calendars.reading import LARGEST_BYTES, Interval, TooMuch, Unreadable
from appointments.models import Absence, BusyCalendar, Schedule, Timetable
from audit import log
from ehr import clock
from ehr.accounts import stored
from ehr.accounts.models import User
from ehr.notices import posting
from providers.models import Clinician
from providers.queries import party
from providers.rules import NotPossible

MOST_CALENDARS = 5
AHEAD = timedelta(days=367)
EVERY = timedelta(minutes=30)
SECONDS = 10.0
_LABEL = "busy-calendar"
Trouble = BusyCalendar.Trouble

TOLD = {
    Trouble.UNREADABLE: gettext_lazy("This is no calendar that can be read. Export it as an .ics file and try again."),
    Trouble.TOO_MUCH: gettext_lazy("This calendar holds too much. Choose one with fewer entries and repetitions."),
}


def connect(clinician: Clinician, *, by: User, name: str, address: str) -> BusyCalendar:
    """Return a calendar that is read from an https address from now on; it is first read by `refresh`.

    Raises NotPossible for an address that is not public, and for one calendar too many.
    """
    address = address.strip()
    if address.startswith("webcal://"):
        address = "https://" + address.removeprefix("webcal://")
    try:
        parts = posting.check(address)
    except posting.NotAllowed:
        words = _("Give an address that begins with https:// and that the public network reaches, without a password.")
        raise NotPossible(words) from None
    with transaction.atomic():
        made = _new(clinician, by, name)
        made.host = parts.hostname or ""
        made.sealed_address = stored.put_away(address.encode(), about=made.pk.bytes, label=_LABEL)
        made.save(force_insert=True)
        _note("clinician.calendar-connected", made, by)
    return made


def upload(clinician: Clinician, *, by: User, name: str, content: bytes) -> BusyCalendar:
    """Keep the busy hours of a file, and nothing else of it. Raises NotPossible where it cannot be read."""
    timetable = _timetable(clinician)
    at = clock.now()
    try:
        hours = _read(content, timetable, at)
    except (Unreadable, TooMuch) as problem:
        raise NotPossible(str(TOLD[_word(problem)])) from problem
    with transaction.atomic():
        made = _new(clinician, by, name)
        made.tried_at = made.read_at = at
        made.save(force_insert=True)
        _keep(made, hours)
        _note("clinician.calendar-uploaded", made, by)
    return made


def disconnect(calendar: BusyCalendar, *, by: User) -> None:
    """Read a calendar no longer, and forget its hours and its address."""
    _must_own(calendar.timetable.clinician, by)
    with transaction.atomic():
        Timetable.objects.select_for_update().get(pk=calendar.timetable_id)
        rows = BusyCalendar.objects.filter(pk=calendar.pk, ended_at=None)
        if not rows.update(ended_at=clock.now(), sealed_address=b"", host=""):
            raise NotPossible(_("This calendar is no longer read."))
        Absence.objects.filter(timetable=calendar.timetable_id, source=calendar.pk.hex).delete()
        _note("clinician.calendar-disconnected", calendar, by)


def refresh(calendar_id: UUID) -> str:
    """Read one calendar again; return what was the trouble, or an empty word. May run any number of times."""
    calendar = BusyCalendar.objects.select_related("timetable").filter(pk=calendar_id, ended_at=None).first()
    if calendar is None or not calendar.sealed_address:
        return ""
    at = clock.now()
    try:
        hours = _read(_fetch(calendar), calendar.timetable, at)
    except (posting.NotAllowed, posting.Refused, Unreadable, TooMuch, OSError) as problem:
        return _troubled(calendar, _word(problem), at)
    with transaction.atomic():
        Timetable.objects.select_for_update().get(pk=calendar.timetable_id)
        good = {"tried_at": at, "read_at": at, "trouble": Trouble.NONE, "trouble_since": None}
        # It may have been disconnected while it was read.
        if BusyCalendar.objects.filter(pk=calendar.pk, ended_at=None).update(**good):
            _keep(calendar, hours)
    return ""


def due(at: datetime) -> list[UUID]:
    """Return the calendars that are to be read again, those not tried for longest first."""
    rows = BusyCalendar.objects.filter(Q(tried_at=None) | Q(tried_at__lte=at - EVERY), ended_at=None)
    rows = rows.exclude(sealed_address=b"").order_by(F("tried_at").asc(nulls_first=True), "pk")
    return list(rows.values_list("pk", flat=True))


def calendars(clinician: Clinician) -> list[BusyCalendar]:
    """Return the calendars of a clinician that are read."""
    return list(BusyCalendar.objects.filter(timetable=clinician.pk, ended_at=None))


def _fetch(calendar: BusyCalendar) -> bytes:
    address = stored.take_out(bytes(calendar.sealed_address), about=calendar.pk.bytes, label=_LABEL).decode()
    headers = {"Accept": "text/calendar"}
    answer = posting.ask(address, headers=headers, most=LARGEST_BYTES, seconds=SECONDS)
    if answer.status != 200:
        raise posting.Refused(str(answer.status))
    return answer.body


def _read(content: bytes, timetable: Timetable, at: datetime) -> list[Interval]:
    return apart.busy(content, begins=at - timedelta(days=1), ends=at + AHEAD, zone=_zone(timetable))


def _zone(timetable: Timetable) -> str:
    """Return the zone of times that come without one: that of where the clinician works, or their own."""
    rows = Schedule.objects.filter(timetable=timetable, retired_at=None).order_by("made_at", "pk")
    return rows.values_list("time_zone", flat=True).first() or timetable.clinician.user.time_zone


def _keep(calendar: BusyCalendar, hours: Sequence[Interval]) -> None:
    """Put these hours in the place of the ones known before."""
    Absence.objects.filter(timetable=calendar.timetable_id, source=calendar.pk.hex).delete()
    Absence.objects.bulk_create(
        Absence(
            timetable_id=calendar.timetable_id,
            kind=Absence.Kind.BUSY,
            starts=low,
            ends=high,
            source=calendar.pk.hex,
        )
        for low, high in hours
    )


def _troubled(calendar: BusyCalendar, word: str, at: datetime) -> str:
    since = calendar.trouble_since or at
    BusyCalendar.objects.filter(pk=calendar.pk).update(tried_at=at, trouble=word, trouble_since=since)
    return word


def _word(problem: Exception) -> Trouble:
    match problem:
        case TooMuch():
            return Trouble.TOO_MUCH
        case Unreadable():
            return Trouble.UNREADABLE
        case posting.Refused():
            return Trouble.REFUSED
    return Trouble.UNREACHABLE


def _new(clinician: Clinician, by: User, name: str) -> BusyCalendar:
    """Return a calendar that is not saved yet, with the timetable's row held."""
    _must_own(clinician, by)
    timetable = Timetable.objects.select_for_update().get(pk=_timetable(clinician).pk)
    if BusyCalendar.objects.filter(timetable=timetable, ended_at=None).count() >= MOST_CALENDARS:
        raise NotPossible(_("Five calendars are read already. Disconnect one first."))
    if not name.strip():
        raise NotPossible(_("Give the calendar a name that you will recognise."))
    return BusyCalendar(id=uuid4(), timetable=timetable, name=name.strip()[:60])


def _timetable(clinician: Clinician) -> Timetable:
    return Timetable.objects.get_or_create(clinician=clinician)[0]


def _must_own(clinician: Clinician, by: User) -> None:
    if by.pk != clinician.user_id:
        raise NotPossible(_("Only the clinician connects their calendar."))


def _note(action: str, calendar: BusyCalendar, by: User) -> None:
    log.append(action, actor=party(by), subject=None, outcome="done", details={"calendar": str(calendar.pk)})
