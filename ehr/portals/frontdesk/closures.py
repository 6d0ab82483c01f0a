"""Times in which a place is closed, with the visits booked in them: moved or called off, one by one or all at once."""

from uuid import UUID, uuid4

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from appointments import booking
from appointments import closures as closed
from appointments.models import Closure
from appointments.refusals import NotPossible
from appointments.rules import Who
from consent import reach
from ehr import clock
from ehr.frame import visit_acts, visit_times
from ehr.frame.roles import desk_only
from ehr.frame.time_forms import spoken


@require_GET
@desk_only
def closures(request: HttpRequest) -> HttpResponse:
    """When places of one's institutions are closed, and how many visits are still booked in that."""
    found = closed.at_institutions(request.desks, clock.now())
    return render(request, "frontdesk/closures.html", {"rows": [_worded(one) for one in found]})


def _worded(one: Closure) -> dict[str, object]:
    return {
        "id": one.pk,
        "place": one.place.name,
        "when": spoken(one.starts, one.ends, one.place.time_zone),
        "booked": one.booked,
    }


def _closure(request: HttpRequest, closure: UUID) -> Closure:
    found = closed.at_institutions(request.desks, clock.now()).filter(pk=closure).first()
    if found is None:
        raise Http404
    return found


@require_GET
@desk_only
def closure(request: HttpRequest, closure: UUID) -> HttpResponse:
    """The visits that are booked while a place is closed. That names were seen is on each patient's list."""
    one, at = _closure(request, closure), clock.now()
    visits = list(closed.visits_in(one))
    reach.name([visit.patient for visit in visits], to=request.user, because="visits")
    rows = [
        {
            "row": visit_acts.row(visit, who=Who.DESK, user=request.user, at=at),
            "when": visit_times.when(visit.starts, visit.ends, visit.time_zone),
        }
        for visit in visits
    ]
    context = {"closure": _worded(one), "rows": rows, "once": uuid4()}
    return render(request, "frontdesk/closure.html", context)


@require_POST
@desk_only
def closure_cancel(request: HttpRequest, closure: UUID) -> HttpResponse:
    """Call off one of these visits, or all, because the place is closed. Each patient is told once."""
    one = _closure(request, closure)
    if "all" in request.POST:
        _cancel_all(request, one)
    else:
        _cancel(request, one, request.POST.get("visit", ""))
    return redirect("frontdesk:closure", closure)


def _cancel_all(request: HttpRequest, one: Closure) -> None:
    try:
        once = UUID(request.POST.get("once", ""))
    except ValueError:
        raise Http404 from None
    told = closed.call_all_off(one, by=request.user, once=once)
    words = ngettext("%(count)d visit is cancelled.", "%(count)d visits are cancelled.", told.done)
    messages.success(request, f"{words % {'count': told.done}} {_('Each patient is told once.')}")
    if told.left:
        messages.warning(request, _("Some could not be cancelled. Look at each of them below."))


def _cancel(request: HttpRequest, one: Closure, visit: str) -> None:
    found = next((row for row in closed.visits_in(one) if str(row.pk) == visit), None)
    if found is None:
        messages.warning(request, _("This visit is no longer among them."))
        return
    try:
        booking.cancel(found, by=request.user, because=closed.BECAUSE)
        messages.success(request, _("Cancelled. The patient is told."))
    except NotPossible as problem:
        messages.warning(request, str(problem))
