"""What staff do with a visit on its day: which buttons there are, and what each does."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from appointments import booking, lists, rooms, rules
from appointments.booking.changing import facts
from appointments.models import Appointment, Status
from appointments.refusals import NotPossible, NotTheirs
from ehr.accounts.models import User
from ehr.frame import visit_times


@dataclass(frozen=True)
class Act:
    """One button: its name, what it makes of the visit, and the verb behind it."""

    label: str | Promise
    to: str
    do: Callable[..., Appointment]
    quiet: bool = True


ACTS = {
    "arrived": Act(_("Has arrived"), Status.ARRIVED, booking.arrive, quiet=False),
    "begin": Act(_("Begin"), Status.IN_PROGRESS, booking.begin, quiet=False),
    "done": Act(_("Done"), Status.FULFILLED, booking.fulfil, quiet=False),
    "missed": Act(_("Nobody came"), Status.NO_SHOW, booking.no_show),
    "cancel": Act(_("Cancel"), Status.CANCELLED, booking.cancel),
    "mistake": Act(_("Entered by mistake"), Status.MISTAKE, booking.mistake),
}
UNDO = "undo"
# On a list of the day these are enough; the rest is on the visit's own page.
SHORT = ("arrived", "begin", "done", "missed")

STATES = {
    Status.PROPOSED: (_("Proposed"), "warn"),
    Status.BOOKED: (_("Booked"), ""),
    Status.ARRIVED: (_("Waiting"), "warn"),
    Status.IN_PROGRESS: (_("Being seen"), ""),
    Status.FULFILLED: (_("Done"), "plain"),
    Status.CANCELLED: (_("Cancelled"), "stop"),
    Status.NO_SHOW: (_("Nobody came"), "stop"),
    Status.MISTAKE: (_("A mistake"), "plain"),
}


@dataclass(frozen=True)
class Row:
    """One visit as a list of the day shows it to staff. Why somebody comes is not in it."""

    id: UUID
    patient_id: UUID
    patient: str
    with_whom: str
    kind: str
    time: str
    state: str
    look: str
    acts: list[tuple[str, Act]]
    undo: bool
    offered: bool  # the patient has not let them see what the visit needs
    video: bool  # it has a waiting room that somebody may look into
    confirmed: str  # whether the patient said that they come; empty where nobody asks any more
    confirmed_look: str


def row(one: Appointment, *, who: rules.Who, user: User, at: datetime) -> Row:
    """Return a visit with the buttons that this person may press now."""
    state, look = STATES[Status(one.status)]
    confirmed, confirmed_look = _confirmed(one, at)
    seen = facts(one)
    first, last = (visit_times.local(each, one.time_zone) for each in (one.starts, one.ends))
    return Row(
        id=one.pk,
        patient_id=one.patient_id,
        patient=one.patient.name,
        with_whom=one.timetable.clinician.full_name,
        kind=one.visit_type.name,
        time=f"{first:%H:%M}–{last:%H:%M}",
        state=str(state),
        look=look,
        acts=[(name, act) for name, act in ACTS.items() if not rules.why_not(seen, to=act.to, who=who, at=at)],
        undo=booking.undoable(one, by=user, who=who, at=at) is not None,
        offered=bool(one.visit_type.needs) and one.grant_id is None,
        video=rooms.is_to_be(one, at),
        confirmed=confirmed,
        confirmed_look=confirmed_look,
    )


def _confirmed(one: Appointment, at: datetime) -> tuple[str, str]:
    """Return whether a patient said, by a reminder, that they come, and its look; nothing once they might be there."""
    if one.status != Status.BOOKED or at >= one.starts:
        return "", ""
    return (str(_("Confirmed")), "") if lists.is_confirmed(one) else (str(_("Not yet confirmed")), "plain")


def do(request: HttpRequest, one: Appointment, name: str) -> None:
    """Do what a button says, and tell what came of it. Raises Http404 for a button that is none."""
    because = request.POST.get("because", "")
    try:
        if name == UNDO:
            latest = lists.latest_change(one)
            if latest is None:
                raise Http404
            booking.undo(latest, by=request.user, because="wrong-button")
        elif name == "cancel":
            known = because if because in booking.REASONS else "not-said"
            booking.cancel(one, by=request.user, because=known)
        elif name in ACTS:
            ACTS[name].do(one, by=request.user)
        else:
            raise Http404
    except NotTheirs:
        raise Http404 from None
    except NotPossible as problem:
        messages.warning(request, str(problem))
    else:
        messages.success(request, _("Noted."))
