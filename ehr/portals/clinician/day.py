"""My day: who comes when, who is waiting, and one click to the chart where its patient lets me in."""

from datetime import timedelta
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from appointments import lists
from appointments.rules import Who
from consent import queries, reach
from ehr import clock
from ehr.frame import visit_acts, visit_times
from ehr.frame.roles import clinician_only
from providers.queries import standing

WEEK = 7


@require_GET
@clinician_only
def day(request: HttpRequest) -> HttpResponse:
    """The visits of a day, or with ?week of seven, soonest first. That names were seen is on each patient's list."""
    at = clock.now()
    rows = lists.with_clinician(request.user, at)
    asked = visit_times.day(request.GET.get("day", ""))
    on = asked or lists.today(rows, at, elsewhere=timezone.localdate(at))
    length = WEEK if "week" in request.GET else 1
    found = {on + timedelta(days=number): lists.of_day(rows, on + timedelta(days=number)) for number in range(length)}
    reach.name([one.patient for visits in found.values() for one in visits], to=request.user, because="visits")
    days = [
        (day, [visit_acts.row(one, who=Who.CLINICIAN, user=request.user, at=at) for one in visits])
        for day, visits in found.items()
    ]
    context = {
        "on": on,
        "before": on - timedelta(days=length),
        "after": on + timedelta(days=length),
        "week": length > 1,
        "days": days,
        "short": visit_acts.SHORT,
        "open": {one.patient.pk for one in queries.within_reach(request.user, at, standing(request.user, at))},
    }
    return render(request, "clinician/day.html", context)


@require_POST
@clinician_only
def act(request: HttpRequest, visit: UUID, press: str) -> HttpResponse:
    """Press one of the buttons."""
    one = lists.one_with(request.user, visit, clock.now())
    if one is None:
        raise Http404
    visit_acts.do(request, one, press)
    on = visit_times.local(one.starts, one.time_zone).date()
    return redirect(f"{reverse('clinician:day')}?day={on.isoformat()}")
