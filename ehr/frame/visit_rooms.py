"""The page of a visit by video, for either side: what its buttons do, and how its waiting room is told in words."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _

from appointments import rooms
from appointments.models import Appointment
from appointments.refusals import NotPossible, NotTheirs
from appointments.rooms import Seen, Stage
from ehr.frame import visit_times

AGAIN_SECONDS = 15  # how often the page looks again by itself
LATE_MINUTES = 15  # from then on the page says whom to call
OPEN = "open"
_STANDING = frozenset({Stage.NONE, Stage.OVER, Stage.LET_IN})

# Each button's name, with what it does and what is said then.
PATIENTS: Mapping[str, tuple[Callable[..., object], object]] = {
    "agree": (rooms.agree, _("Noted. You can take it back whenever you like.")),
    "take-back": (rooms.take_back, _("Noted. Nobody meets you by video; the visit itself is still booked.")),
    "come": (rooms.come, ""),
    "renew": (rooms.renew_link, _("Here is a new link. The one before is dead.")),
}
CLINICIANS: Mapping[str, tuple[Callable[..., object], object]] = {
    "let-in": (rooms.let_in, _("They are let in. Open the room.")),
    "another": (partial(rooms.let_in, anew=True), _("Here is another room. All links to the one before are dead.")),
    "renew": (rooms.renew_link, _("Here is a new link. The one before is dead.")),
}


def seen(request: HttpRequest, visit: Appointment) -> dict[str, object]:
    """Return what the waiting page shows now. Raises Http404 for who is neither side, or a visit not by video."""
    if not rooms.has_one(visit):
        raise Http404
    try:
        shown = rooms.seen(visit, by=request.user)
    except NotPossible:
        raise Http404 from None
    return {
        "one": visit,
        "seen": shown,
        "when": visit_times.when(visit.starts, visit.ends, visit.time_zone),
        "when_here": visit_times.when_here(visit.starts, visit.time_zone),
        "again": AGAIN_SECONDS if _looks_again(shown) else 0,
        "very_late": shown.late >= LATE_MINUTES,
    }


def _looks_again(shown: Seen) -> bool:
    """Tell whether the page looks again by itself: while something may change, and never beyond the visit."""
    near: datetime = shown.opens - timedelta(minutes=5)
    return near <= shown.at < shown.closes and shown.stage not in _STANDING


def press(
    request: HttpRequest, visit: Appointment, name: str, buttons: Mapping[str, tuple[Callable[..., object], object]],
    *, page: str, address: str,
) -> HttpResponse:  # fmt: skip
    """Do what a button says, and show the waiting page again. Raises Http404 for a button that is none.

    The room's address is in the answer to the press that opened it, and nowhere else: not where a page can be
    asked for again, nor in an address of ours.
    """
    try:
        if name == OPEN:
            secret = request.POST.get("link", "")[:100]
            room = rooms.open_link(visit, secret, by=request.user, keyring=request.keyring)
            return render(request, page, {**seen(request, visit), "room": room, "again": 0})
        if name not in buttons:
            raise Http404
        verb, said = buttons[name]
        verb(visit, by=request.user)
    except NotTheirs:
        raise Http404 from None
    except NotPossible as problem:
        messages.warning(request, str(problem))
    else:
        if said:
            messages.success(request, said)
    return back(address, visit.pk)


def back(address: str, visit: UUID) -> HttpResponse:
    """Lead back to the waiting page."""
    return redirect(address, visit)
