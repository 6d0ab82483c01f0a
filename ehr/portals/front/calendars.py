"""Visits for somebody's own calendar program: it signs in nowhere, so the address is the key."""

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified
from django.views.decorators.http import require_safe

from appointments.calendars import feeds


@require_safe
def feed(request: HttpRequest, token: str) -> HttpResponse:
    """The calendar at a secret address, or that it has not changed. Addresses that lead nowhere are not found."""
    try:
        body = feeds.fetch(token)
    except feeds.Gone:
        raise Http404 from None
    told = [one.strip().removeprefix("W/") for one in request.headers.get("If-None-Match", "").split(",")]
    if body.etag in told or "*" in told:
        response: HttpResponse = HttpResponseNotModified()
    else:
        response = HttpResponse(body.content, content_type="text/calendar; charset=utf-8")
        response["Content-Disposition"] = 'attachment; filename="visits.ics"'
    response["ETag"] = body.etag
    # The program itself may keep it and ask whether it changed; nobody on the way may.
    response["Cache-Control"] = "private, no-cache"
    response["X-Robots-Tag"] = "noindex"
    return response
