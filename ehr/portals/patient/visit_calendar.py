"""My visits in my own calendar program: a secret address, made here, shown once, ended here."""

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from appointments.calendars import feeds
from ehr.frame.roles import patient_only
from providers.rules import NotPossible

MINE = feeds.Whose.PATIENT


class CalendarForm(forms.Form):
    """Whether the calendar says where to go."""

    with_address = forms.BooleanField(
        label=gettext_lazy("Also say the address of the place"),
        help_text=gettext_lazy("Whoever sees your calendar could tell from it where you are treated."),
        required=False,
    )


@require_http_methods(["GET", "POST"])
@patient_only
def visit_calendar(request: HttpRequest) -> HttpResponse:
    """Whether there is such an address. Making one shows it this once, and ends the one before."""
    form = CalendarForm(request.POST if request.method == "POST" else None)
    address = ""
    if form.is_valid():
        _feed, token = feeds.make(request.user, MINE, with_address=form.cleaned_data["with_address"])
        address = settings.SITE_URL.rstrip("/") + reverse("front:calendar", args=[token])
    context = {"form": form, "feed": feeds.current(request.user, MINE), "address": address}
    return render(request, "patient/visit_calendar.html", context)


@require_POST
@patient_only
def end_visit_calendar(request: HttpRequest) -> HttpResponse:
    """End that address."""
    try:
        feeds.end(request.user, MINE)
    except NotPossible as problem:
        messages.warning(request, str(problem))
    else:
        messages.success(request, _("The address leads nowhere from now on."))
    return redirect("patient:visit-calendar")
