"""Adding to one's own record: a reading, a note, a file."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from consent import access
from ehr.frame import refusals
from ehr.frame.categories import about
from ehr.frame.drafting import NotFhir, draft
from ehr.frame.roles import patient_only, unlocked
from ehr.portals.patient.forms import FileForm, NoteForm, ReadingForm
from ehr.portals.patient.readings import READINGS


@require_GET
@patient_only
def add(request: HttpRequest) -> HttpResponse:
    """What can be added."""
    return render(request, "patient/add.html", {"readings": READINGS.values()})


@require_http_methods(["GET", "POST"])
@patient_only
@unlocked
def add_reading(request: HttpRequest, reading: str) -> HttpResponse:
    """One reading."""
    if reading not in READINGS:
        raise Http404
    kind = READINGS[reading]
    form = ReadingForm(kind, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        return _saved(request, form, kind.name)
    return _page(request, form, kind.name)


@require_http_methods(["GET", "POST"])
@patient_only
@unlocked
def add_note(request: HttpRequest) -> HttpResponse:
    """A note in one's own words."""
    form = NoteForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        return _saved(request, form, _("A note"))
    return _page(request, form, _("A note"))


@require_http_methods(["GET", "POST"])
@patient_only
@unlocked
def add_file(request: HttpRequest) -> HttpResponse:
    """A PDF or a picture, sealed in pieces beside its entry."""
    posted = request.method == "POST"
    form = FileForm(request.POST if posted else None, request.FILES if posted else None)
    if posted and form.is_valid():
        return _saved(request, form, _("A PDF or a picture"), attachment=form.cleaned_data["file"].read())
    return _page(request, form, _("A PDF or a picture"))


def _page(request: HttpRequest, form, heading: str) -> HttpResponse:
    return render(
        request, "patient/add_form.html", {"form": form, "heading": heading, "button": _("Add it to my record")}
    )


def _saved(request: HttpRequest, form, heading: str, *, attachment: bytes = b"") -> HttpResponse:
    """Seal it and show the part of the record it went to. The same page sent twice adds it once."""
    try:
        entry = draft(request.patient, form.resource(), logical_id=form.cleaned_data["once"], attachment=attachment)
    except NotFhir:
        form.add_error(None, refusals.unwritable())
        return _page(request, form, heading)
    part = about(entry.parts[0])
    try:
        access.add_own(request.patient, [entry], keyring=request.keyring)
        messages.success(request, _("It is in your record now, under “%(part)s”.") % {"part": part.name})
    except access.ChangedMeanwhile:
        messages.info(request, _("It was added once. Sending it again changed nothing."))
    return redirect("patient:category", part.slug)
