"""An earlier time that is offered by a link: it shows when, and asks yes or no. It names nobody and no place."""

from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from appointments import waitlist
from appointments.refusals import NotPossible


@require_http_methods(["GET", "POST"])
def offered(request: HttpRequest, token: str) -> HttpResponse:
    """The time and two buttons. Opening it does nothing; pressing one answers as whom the letter was sent to."""
    problem = ""
    if request.method == "POST":
        try:
            waitlist.answer(token, yes="yes" in request.POST)
        except NotPossible as refused:
            problem = str(refused)
        else:
            return redirect("front:visit-offered", token=token)
    shown = waitlist.seen(token)
    if shown is None:
        raise Http404
    response = render(
        request,
        "front/visit_offered.html",
        {"shown": shown, "starts": shown.starts.astimezone(ZoneInfo(shown.time_zone)), "problem": problem},
        status=409 if problem else 200,
    )
    # The address is the key to an answer: it is told to no other page, and nobody keeps a copy.
    response["Referrer-Policy"] = "no-referrer"
    response["Cache-Control"] = "no-store"
    response["X-Robots-Tag"] = "noindex"
    return response
