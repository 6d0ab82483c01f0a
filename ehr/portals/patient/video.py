"""A visit by video, on the patient's side: what it means, the waiting room, and the link into the room."""

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from appointments import lists
from appointments.models import Appointment
from ehr.frame import visit_rooms
from ehr.frame.roles import patient_only, unlocked
from ehr.portals.patient import visit_words

PAGE, ADDRESS = "patient/video.html", "patient:visit-video"


def _visit(request: HttpRequest, visit: UUID) -> Appointment:
    found = lists.one_of(request.patient, visit)
    if found is None:
        raise Http404
    return found


@require_GET
@patient_only
@unlocked
def visit_video(request: HttpRequest, visit: UUID) -> HttpResponse:
    """The waiting page: how it stands, who is there, what to do next."""
    one = _visit(request, visit)
    return render(request, PAGE, {**visit_rooms.seen(request, one), "visit": visit_words.visit(one)})


@require_POST
@patient_only
@unlocked
def visit_video_press(request: HttpRequest, visit: UUID, press: str) -> HttpResponse:
    """Agree, take that back, come in, open the room, have a new link made."""
    return visit_rooms.press(
        request, _visit(request, visit), press, visit_rooms.PATIENTS, page="patient/video_open.html", address=ADDRESS
    )
