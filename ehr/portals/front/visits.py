"""What links about visits lead to, without signing in: a time, and two buttons. They name nobody and no place."""

from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from appointments import reminders, waitlist
from appointments.refusals import NotPossible
from ehr.frame.visit_times import cancelling_costs


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
    zone = ZoneInfo(shown.time_zone)
    told = {"shown": shown, "starts": shown.starts.astimezone(zone), "lapses": shown.lapses_at.astimezone(zone)}
    status = 409 if problem else 200
    response = render(request, "front/visit_offered.html", {**told, "problem": problem}, status=status)
    return _closed(response)


@require_http_methods(["GET", "POST"])
def reminded(request: HttpRequest, token: str) -> HttpResponse:
    """When a visit is, and two buttons. Opening it does nothing; pressing one acts as whom the reminder was sent to."""
    problem = ""
    if request.method == "POST":
        try:
            (reminders.cancel if "cancel" in request.POST else reminders.confirm)(token)
        except NotPossible as refused:
            problem = str(refused)
        else:
            return _closed(redirect("front:visit-reminder", token=token))
    shown = reminders.seen(token)
    if shown is None:
        return _closed(render(request, "front/visit_reminder_over.html", status=404))
    context = {"shown": shown, "problem": problem, "costs": cancelling_costs(shown.owed, shown.price, shown.currency)}
    return _closed(render(request, "front/visit_reminder.html", context, status=409 if problem else 200))


def _closed(response: HttpResponse) -> HttpResponse:
    """The address is the key to an answer: it is told to no other page, and nobody keeps a copy."""
    response["Referrer-Policy"] = "no-referrer"
    response["Cache-Control"] = "no-store"
    response["X-Robots-Tag"] = "noindex"
    return response
