"""A visit by video, on the clinician's side: who waits, letting them in, and the link into the room."""

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from appointments import lists
from appointments.models import Appointment
from consent import reach
from ehr import clock
from ehr.frame import visit_rooms, visit_times
from ehr.frame.roles import clinician_only, unlocked

PAGE, ADDRESS = "clinician/video.html", "clinician:day-video"


def _visit(request: HttpRequest, visit: UUID) -> Appointment:
    found = lists.one_with(request.user, visit, clock.now())
    if found is None:
        raise Http404
    return found


@require_GET
@clinician_only
@unlocked
def video(request: HttpRequest, visit: UUID) -> HttpResponse:
    """The waiting page. Where it only looks again it names nobody, so that a name is on the list once a look."""
    one = _visit(request, visit)
    shown = visit_rooms.seen(request, one)
    named = "again" not in request.GET
    if named:
        reach.name([one.patient], to=request.user, because="visits")
    on = visit_times.local(one.starts, one.time_zone).date()
    return render(request, PAGE, {**shown, "patient": one.patient.name if named else "", "on": on})


@require_POST
@clinician_only
@unlocked
def video_press(request: HttpRequest, visit: UUID, press: str) -> HttpResponse:
    """Let them in, open the room, have a new link made, take another room."""
    return visit_rooms.press(
        request, _visit(request, visit), press, visit_rooms.CLINICIANS, page="clinician/video_open.html",
        address=ADDRESS,
    )  # fmt: skip
