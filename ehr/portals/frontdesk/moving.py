"""Putting a visit at another time, at the desk: for a reason of the patient's, or one of the place."""

from uuid import UUID, uuid4

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from appointments import booking, lists, zones
from appointments.availability import NotFree
from appointments.booking import REASONS
from appointments.models import Appointment, Schedule, Status, VisitType
from appointments.refusals import NotPossible
from consent import reach
from ehr import clock
from ehr.frame import visit_times
from ehr.frame.roles import desk_only
from ehr.portals.frontdesk.day import visit_of

DAYS = 7
# Why, at the desk: what a patient says first, then what is the place's.
_BECAUSE = ("another-time", "cannot-come", "place-closed", "clinician-away")


@require_http_methods(["GET", "POST"])
@desk_only
def move(request: HttpRequest, visit: UUID) -> HttpResponse:
    """The free times of the same clinician for the same kind of visit; pressing one moves it there."""
    old, at = visit_of(request, visit), clock.now()
    reach.name([old.patient], to=request.user, because="visits")
    once = _once(request)
    if once and (made := lists.one_at(request.desks, once)):
        return redirect("frontdesk:visit", made.pk)
    found = lists.one_bookable(old.schedule_id, old.visit_type_id, at)
    if old.status != Status.BOOKED or found is None:
        messages.warning(request, _("This visit cannot be moved any more. Book another one, or cancel it."))
        return redirect("frontdesk:visit", visit)
    if request.method == "POST" and (made := _moved(request, old, *found, once=once)):
        return redirect("frontdesk:visit", made.pk)
    schedule, kind = found
    first = visit_times.day(request.GET.get("from", "")) or zones.local_day(at, schedule.time_zone)
    days, after = lists.free_days(schedule, kind, first=first, at=at, days=DAYS)
    asked = request.GET.get("because", "")
    context = {
        "visit": old.pk,
        "patient": old.patient,
        "now": visit_times.when(old.starts, old.ends, old.time_zone),
        "with_whom": schedule.timetable.clinician.full_name,
        "kind": kind,
        "zone": schedule.time_zone,
        "days": visit_times.day_lines(days),
        "after": after,
        "because": [(code, REASONS[code]) for code in _BECAUSE],
        "chosen": asked if asked in _BECAUSE else _BECAUSE[0],
        "once": uuid4(),
    }
    return render(request, "frontdesk/move.html", context)


def _once(request: HttpRequest) -> UUID | None:
    try:
        return UUID(request.POST.get("once", ""))
    except ValueError:
        return None


def _moved(
    request: HttpRequest, old: Appointment, schedule: Schedule, kind: VisitType, *, once: UUID | None
) -> Appointment | None:
    starts, because = visit_times.moment(request.POST.get("starts", "")), request.POST.get("because", "")
    if starts is None or once is None or because not in _BECAUSE:
        messages.warning(request, _("Choose one of the times."))
        return None
    try:
        hold = booking.hold(schedule, kind, starts, by=request.user, once=once, besides=old)
        made = booking.move(old, hold, by=request.user, once=once, because=because)
    except (NotFree, NotPossible) as problem:
        messages.warning(request, str(problem))
        return None
    messages.success(request, _("The visit is at the new time. The patient is told."))
    return made
