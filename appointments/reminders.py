"""Reminders of visits: written when their moment comes, decided again when they leave, answered by a link.

A reminder says a day and an hour on its reader's clocks, and nothing else of a visit. Hours before a visit are counted
in absolute time, so that daylight saving moves no reminder.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, Max, OuterRef, Q
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from appointments import booking
from appointments.booking.changing import locked, told
from appointments.models import Appointment, Reminder, Status
from appointments.payments import policy
from appointments.refusals import NotPossible
from appointments.standing import acting, who_hears
from consent.models import Delegation
from consent.queries import whom_to_tell
from ehr import clock
from ehr.accounts.models import User
from ehr.notices import mail, queries, telephones, texting, timing, told_links
from ehr.notices import operations as notices
from ehr.outbox import delivery
from ehr.outbox.delivery import GivenUp, NotYet

KIND = "visit-soon"  # the kind of news that a reminder is
ACTING_KIND = "acting-visit-soon"  # and for who acts for a patient
Channel = Reminder.Channel
AT_ONCE = 500  # visits that one look writes reminders for, and reminders that one run delivers


# --- When ----------------------------------------------------------------------------------------
def due(starts: datetime, at: datetime) -> int | None:
    """Return how many hours before a visit the reminder is that is due now: the latest whose moment has come.

    None where none is, and from the start on. What an outage kept back is thus told once, not once for each moment.
    """
    if at >= starts:
        return None
    return min((hours for hours in settings.REMINDING.hours if starts - timedelta(hours=hours) <= at), default=None)


def _windows(at: datetime) -> list[tuple[int, datetime, datetime]]:
    """Return, for each kind of reminder, after when and until when visits start of which it is the latest one due."""
    ordered = [0, *sorted(settings.REMINDING.hours)]
    return [(hours, at + timedelta(hours=less), at + timedelta(hours=hours)) for less, hours in pairwise(ordered)]


# --- Writing -------------------------------------------------------------------------------------
def write_due() -> int:
    """Write the reminders whose moment has come; return how many. None for a moment before the visit was booked.

    Any number of workers may do so: of each there is one row.
    """
    at, count = clock.now(), 0
    for hours, after, until in _windows(at):
        written = Reminder.objects.filter(appointment=OuterRef("pk"), hours=hours)
        rows = Appointment.objects.filter(
            _somebody_to_remind(at), ~Exists(written), status=Status.BOOKED, starts__gt=after, starts__lte=until
        )
        # Agreed to, or its cancellation taken back, a visit is booked since then.
        rows = rows.annotate(since=Coalesce(Max("changes__at", filter=Q(changes__after=Status.BOOKED)), "made_at"))
        rows = rows.filter(since__lte=F("starts") - timedelta(hours=hours))
        for visit in rows.select_related("patient__user").order_by("starts", "pk")[:AT_ONCE]:
            drafts = [_draft(visit, hours, channel, at) for channel in _channels(visit)]
            Reminder.objects.bulk_create(drafts, ignore_conflicts=True)
            count += len(drafts)
    return count


def _somebody_to_remind(at: datetime) -> Q:
    """Return which visits have somebody to remind: their patient, or who acts for one without an account."""
    acts = Delegation.objects.filter(
        patient=OuterRef("patient"), accepted_at__isnull=False, ended_at__isnull=True, ends__gt=at
    )
    return Q(patient__user__is_active=True) | (Q(patient__user=None) & Exists(acts))


def _channels(visit: Appointment) -> list[str]:
    """Return the ways in which a visit's patient is reached; the portal, too, reaches who acts for them."""
    found: dict[str, None] = {Channel.PORTAL: None}
    for user in whom_to_tell(visit.patient):
        if user.email is not None:
            found[Channel.MAIL] = None
        if telephones.number_of(user) is not None:
            found[Channel.SMS] = None
    return list(found)


def _draft(visit: Appointment, hours: int, channel: str, at: datetime) -> Reminder:
    made = Reminder(
        key=f"reminder:{visit.pk}:{hours}:{channel}",
        kind=KIND,
        appointment=visit,
        hours=hours,
        channel=channel,
        due_at=at,
    )
    made.link_digest = digest(token(made.pk))
    return made


# --- Sending -------------------------------------------------------------------------------------
def deliver() -> int:
    """Send what is due; return how many reminders left."""
    return delivery.deliver(Reminder, send, limit=AT_ONCE)


def send(reminder: Reminder) -> None:
    """Send one reminder, if it is still true. Raises GivenUp where it is not, NotYet in its reader's quiet hours."""
    visit = Appointment.objects.select_related("patient__user").get(pk=reminder.appointment_id)
    at, user = clock.now(), visit.patient.user
    if reminder.channel != Channel.PORTAL and (user is None or not user.is_active):
        raise GivenUp("nobody to tell")
    if visit.status != Status.BOOKED:
        raise GivenUp("not ahead any more")
    if due(visit.starts, at) != reminder.hours:
        raise GivenUp("a later one is due, or the visit has begun")
    if reminder.channel == Channel.PORTAL:
        _in_the_portal(reminder, visit)
        return
    _hold_back(user, visit, at)
    with translation.override(user.language):
        _SENDERS[reminder.channel](reminder, user, visit)


def _in_the_portal(reminder: Reminder, visit: Appointment) -> None:
    """Tell the patient, and who acts for them and sees this visit. That is decided now, and not when it was written."""
    user = visit.patient.user
    if user is not None and user.is_active:
        notices.notify(user, KIND, about=visit.pk, key=reminder.key, mail=False)
    for one in who_hears(visit):
        notices.notify(one.delegate, ACTING_KIND, about=one.delegation.pk, key=f"{reminder.key}:{one.delegate.pk}")


def _hold_back(user: User, visit: Appointment, at: datetime) -> None:
    """Let nobody's telephone ring in their quiet hours. Where these last until the visit, the portal has told them."""
    until = timing.after_quiet(wishes := queries.wishes(user), at)
    if not timing.is_quiet(wishes, at):
        return
    if until >= visit.starts:
        raise GivenUp("quiet until the visit")
    raise NotYet(until)


def _mail(reminder: Reminder, user: User, visit: Appointment) -> None:
    if user.email is None:
        raise GivenUp("no mailbox any more")
    mail.send_words(
        reminder,
        email=user.email,
        subject=_("A reminder"),
        said=_("You have an appointment: %(when)s.") % {"when": _when(visit, user)},
        more=_("Confirm that you come, or cancel, without signing in: %(link)s") % {"link": _link(reminder)},
    )


def _text(reminder: Reminder, user: User, visit: Appointment) -> None:
    number = telephones.number_of(user)
    if number is None:
        raise GivenUp("no telephone any more")
    words = {"when": _when(visit, user), "link": _link(reminder)}
    told_words = _("Reminder: you have an appointment: %(when)s. Confirm or cancel: %(link)s") % words
    texting.sender().send(number, told_words, key=str(reminder.pk))


_SENDERS = {Channel.MAIL: _mail, Channel.SMS: _text}


def _when(visit: Appointment, user: User) -> str:
    """Return a visit's day and hour on its patient's clocks; these are named where the place's show another time."""
    own = visit.starts.astimezone(ZoneInfo(user.time_zone))
    words = date_format(own, "l j F Y, H:i")
    if own.utcoffset() != visit.starts.astimezone(ZoneInfo(visit.time_zone)).utcoffset():
        words = _("%(when)s (%(zone)s time)") % {"when": words, "zone": user.time_zone}
    return words


def _link(reminder: Reminder) -> str:
    return settings.SITE_URL + reverse("front:visit-reminder", args=[token(reminder.pk)])


# --- The link ------------------------------------------------------------------------------------
def token(reminder: UUID) -> str:
    """Return what goes into a reminder's link. It is made from the deployment's key: a copy of the table makes none."""
    return told_links.token(KIND, reminder)


def digest(text: str) -> bytes:
    """Return what the table holds of a link, 32 bytes."""
    return hashlib.sha256(text.encode()).digest()


@dataclass(frozen=True)
class Seen:
    """What a reminder's link shows to whoever opens it: a time, how it stands, and what cancelling costs now.

    `state` is "booked", "confirmed", "cancelled" or "moved". Amounts are in the currency's smallest unit. `visit` is
    for the way to its page, which asks who is there; whether it is by video stands there alone.
    """

    visit: UUID
    when: str
    state: str
    owed: int
    price: int
    currency: str


def seen(text: str) -> Seen | None:
    """Return what a link shows, as it is now; None for one that is none, or whose visit is not ahead any more."""
    reminder = _find(text)
    if reminder is None:
        return None
    visit, at = reminder.appointment, clock.now()
    state = _state(visit)
    if not state or at >= visit.starts:
        return None
    owed = policy.cost_of_cancelling(visit, at)
    return Seen(visit.pk, _when(visit, visit.patient.user), state, owed, visit.price, visit.currency)


def _state(visit: Appointment) -> str:
    if visit.status == Status.BOOKED:
        return "confirmed" if is_confirmed(visit) else "booked"
    if visit.status == Status.CANCELLED:
        return "moved" if Appointment.objects.filter(moved_from=visit).exists() else "cancelled"
    return ""


def is_confirmed(visit: Appointment) -> bool:
    """Tell whether a patient said, by a reminder's link, that they will come."""
    return visit.reminders.filter(confirmed_at__isnull=False).exists()


def confirm(text: str) -> None:
    """Say, by link, that one will come. Twice is once. Raises NotPossible."""
    reminder = _known(text)
    user, visit = reminder.appointment.patient.user, reminder.appointment
    actor = acting(user, patient=visit.patient, schedule=visit.schedule)
    with transaction.atomic():
        visit = locked(visit)
        if visit.status != Status.BOOKED or clock.now() >= visit.starts:
            raise NotPossible(_("This visit is not ahead of you any more. Sign in to see how it stands."))
        if is_confirmed(visit):
            return
        Reminder.objects.filter(pk=reminder.pk).update(confirmed_at=clock.now())
        told(visit, "appointment.confirmed", by=actor)


def cancel(text: str) -> None:
    """Call the visit off, by link, as its patient. Twice is once. Raises NotPossible."""
    visit = _known(text).appointment
    booking.cancel(visit, by=visit.patient.user, because="cannot-come")


def _known(text: str) -> Reminder:
    reminder = _find(text)
    if reminder is None:
        raise NotPossible(_("There is no such visit. Open the link as it stands in the reminder, or sign in."))
    return reminder


def _find(text: str) -> Reminder | None:
    full = ("appointment__patient__user", "appointment__schedule__timetable__clinician__user")
    reminder = Reminder.objects.select_related(*full).filter(link_digest=digest(text)).first()
    if reminder is None or not hmac.compare_digest(token(reminder.pk), text):
        return None
    user = reminder.appointment.patient.user
    return reminder if user is not None and user.is_active else None
