"""My time: when I am away, the calendar that shows my visits elsewhere, and calendars that say when I am busy."""

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from appointments import schedules
from appointments.calendars import busy, feeds
from ehr import clock
from ehr.frame.roles import clinician_only
from ehr.frame.time_forms import span, spoken
from ehr.portals.clinician.time_forms import AwayForm, CalendarForm
from providers.rules import NotPossible

MINE = feeds.Whose.CLINICIAN


@require_GET
@clinician_only
def time(request: HttpRequest) -> HttpResponse:
    """All of it on one page."""
    return _show(request)


@require_POST
@clinician_only
def go_away(request: HttpRequest) -> HttpResponse:
    """Be away for a time. What is booked in it is told, and stays."""
    form = AwayForm(request.POST)
    if form.is_valid():
        told = form.cleaned_data
        starts, ends = span(request.user.time_zone, **told)
        try:
            schedules.be_away(request.clinician, by=request.user, starts=starts, ends=ends, anyway=told["anyway"])
        except NotPossible as problem:
            form.add_error(None, str(problem))
        else:
            messages.success(request, _("Nothing can be booked with you in this time any more."))
            return redirect("clinician:time")
    return _show(request, away_form=form)


@require_POST
@clinician_only
def come_back(request: HttpRequest, absence: UUID) -> HttpResponse:
    """Take back that one is away."""
    found = schedules.away(request.clinician, clock.now()).filter(pk=absence).first()
    if found is None:
        raise Http404
    schedules.end_absence(found, by=request.user)
    messages.success(request, _("Taken back. Your usual hours hold again for this time."))
    return redirect("clinician:time")


@require_POST
@clinician_only
def make_feed(request: HttpRequest) -> HttpResponse:
    """Make a secret address at which one's calendar program finds the visits, and show it this once."""
    _feed, token = feeds.make(request.user, MINE)
    address = settings.SITE_URL.rstrip("/") + reverse("front:calendar", args=[token])
    return _show(request, address=address)


@require_POST
@clinician_only
def end_feed(request: HttpRequest) -> HttpResponse:
    """End that address."""
    try:
        feeds.end(request.user, MINE)
    except NotPossible as problem:
        messages.warning(request, str(problem))
    else:
        messages.success(request, _("The address leads nowhere from now on."))
    return redirect("clinician:time")


@require_POST
@clinician_only
def add_calendar(request: HttpRequest) -> HttpResponse:
    """Let a calendar elsewhere say when one is busy."""
    form = CalendarForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            _add(request, form.cleaned_data)
        except NotPossible as problem:
            form.add_error(None, str(problem))
        else:
            return redirect("clinician:time")
    return _show(request, calendar_form=form)


def _add(request: HttpRequest, told: dict) -> None:
    name, file = told["name"], told["file"]
    if file:
        busy.upload(request.clinician, by=request.user, name=name, content=file.read())
        messages.success(request, _("Its busy hours are kept, and nothing else of it."))
        return
    made = busy.connect(request.clinician, by=request.user, name=name, address=told["address"])
    if busy.refresh(made.pk):
        messages.warning(request, _("It could not be read yet. We go on trying; see below what is the matter."))
    else:
        messages.success(request, _("It is read from now on, every half hour."))


@require_POST
@clinician_only
def end_calendar(request: HttpRequest, calendar: UUID) -> HttpResponse:
    """Read a calendar no longer."""
    found = next((one for one in busy.calendars(request.clinician) if one.pk == calendar), None)
    if found is None:
        raise Http404
    busy.disconnect(found, by=request.user)
    messages.success(request, _("It is read no longer, and its hours are forgotten."))
    return redirect("clinician:time")


def _show(
    request: HttpRequest,
    *,
    away_form: AwayForm | None = None,
    calendar_form: CalendarForm | None = None,
    address: str = "",
) -> HttpResponse:
    context = {
        "away": [
            (one, spoken(one.starts, one.ends, request.user.time_zone))
            for one in schedules.away(request.clinician, clock.now())
        ],
        "away_form": away_form or AwayForm(),
        "calendars": busy.calendars(request.clinician),
        "calendar_form": calendar_form or CalendarForm(),
        "feed": feeds.current(request.user, MINE),
        "address": address,
        "zone": request.user.time_zone,
    }
    wrong = [form for form in (away_form, calendar_form) if form is not None]
    return render(request, "clinician/time.html", context, status=422 if wrong else 200)
