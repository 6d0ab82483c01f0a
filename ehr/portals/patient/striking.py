"""Marking an entry of one's own as entered in error: a new version says so, and the one before stays."""

from collections.abc import Mapping
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from consent import access
from consent.access import OpenEntry
from ehr.frame.categories import about
from ehr.frame.drafting import draft, with_reason
from ehr.frame.roles import patient_only, unlocked
from ehr.lines import contents, sentences
from ehr.portals.patient.forms import MistakeForm
from ehr.words import Category, Purpose
from patients import queries as patients

STRUCK = "entered-in-error"


@require_http_methods(["GET", "POST"])
@patient_only
@unlocked
def mistake(request: HttpRequest, entry: UUID) -> HttpResponse:
    """Ask once, then strike an entry that the patient wrote. What others wrote is not found here."""
    newest = _own(request, entry)
    back = redirect("patient:category", about(newest.parts[0]).slug)
    if newest.resource.get("status") == STRUCK:
        messages.info(request, _("It is marked as entered in error already."))
        return back
    form = MistakeForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        _strike(request, newest, form.cleaned_data["reason"])
        messages.success(request, _("It is marked as entered in error. What it said stays readable, struck through."))
        return back
    context = {"form": form, "line": sentences.line(newest.resource), "about": about(newest.parts[0])}
    return render(request, "patient/mistake.html", context)


def _own(request: HttpRequest, entry: UUID) -> OpenEntry:
    """Open an entry whose newest version the patient wrote. Raises Http404 for any other."""
    if entry not in patients.written_by(request.patient, request.user):
        raise Http404
    parts = [Category(part) for part in patients.newest_versions(request.patient, [entry])[entry].parts]
    opened = access.open_own(request.patient, keyring=request.keyring, categories=parts, logical_id=entry)
    if not opened.entries or "status" not in opened.entries[0].resource:
        raise Http404
    return opened.entries[0]


def mistaken(before: Mapping[str, object], reason: str) -> dict[str, object]:
    """Return the version that says that an entry should not have been there. What patients add has a status."""
    return with_reason({**before, "status": STRUCK}, reason)


def _strike(request: HttpRequest, newest: OpenEntry, reason: str) -> None:
    """Seal the next version, with the file of the one before. Two at the same moment strike it once."""
    attachment = b""
    if contents.has_file(newest.resource):
        sealed = patients.current_entry(request.patient, newest.logical_id)
        attachment = access.open_attachment(
            request.patient, sealed, reader=request.user, keyring=request.keyring, purpose=Purpose.PATRQT
        )
    one = draft(
        request.patient,
        mistaken(newest.resource, reason),
        logical_id=newest.logical_id,
        version=newest.version + 1,
        attachment=attachment,
    )
    try:
        access.add_own(request.patient, [one], keyring=request.keyring)
    except access.ChangedMeanwhile:
        return
