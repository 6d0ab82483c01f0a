"""One entry: what it says now, every version before, and its file."""

from dataclasses import dataclass
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from consent import access
from consent.access import Chart, OpenEntry
from ehr import clock
from ehr.frame.presence import presence, purpose
from ehr.lines import contents, sentences
from ehr.portals.clinician import resources, sheet, words
from ehr.portals.clinician.refused import about_a_patient
from patients import queries as patients
from patients.models import Patient

# What a browser may show on a page of its own; everything else is saved.
SHOWN = frozenset({"application/pdf", "image/jpeg", "image/png"})


@dataclass(frozen=True)
class Version:
    """One version of an entry, as it was."""

    row: sheet.Row
    number: int
    own: str
    reason: str


def opened_entry(
    request: HttpRequest, patient: Patient, logical_id: UUID, *, all_versions: bool = False
) -> tuple[Chart, list[OpenEntry]]:
    """Open one entry, newest version first. What is hidden, or not there, is not found."""
    opened = access.open_chart(
        patient,
        reader=request.user,
        keyring=request.keyring,
        purpose=purpose(request, patient.pk),
        logical_id=logical_id,
        all_versions=all_versions,
        presence=presence(request),
    )
    found = sorted(opened.entries, key=lambda one: one.version, reverse=True)
    if not found:
        raise Http404
    return opened, found


@require_GET
@about_a_patient
def entry(request: HttpRequest, patient: Patient, logical_id: UUID) -> HttpResponse:
    """Show an entry with its history."""
    opened, found = opened_entry(request, patient, logical_id, all_versions=True)
    newest = patients.current_entry(patient, logical_id)
    if newest is None or newest.version != found[0].version:
        # The newest version has moved to a part that is closed to this reader; the older ones say nothing about it.
        raise Http404
    # Counted among those that are shown: their own numbers would tell of one between that is hidden.
    versions = [_version(one, opened, number=len(found) - place) for place, one in enumerate(found)]
    context = {
        "patient": patient,
        "age": words.age(patient.birth_date, clock.now()),
        "versions": versions,
        "now": versions[0],
        "can": resources.verbs(found[0].resource) if versions[0].row.writable else frozenset(),
        "has_file": contents.has_file(found[0].resource),
    }
    return render(request, "clinician/entry.html", context)


def _version(one: OpenEntry, opened: Chart, *, number: int) -> Version:
    line = sentences.line(one.resource)
    return Version(
        row=sheet.row(one, line, opened, struck=resources.struck(one.resource)),
        number=number,
        own=contents.own_words(one.resource),
        reason=resources.reason_of(one.resource),
    )


@require_GET
@about_a_patient
def file(request: HttpRequest, patient: Patient, logical_id: UUID) -> HttpResponse:
    """Open the picture or PDF of an entry."""
    _opened, found = opened_entry(request, patient, logical_id)
    stored = patients.current_entry(patient, logical_id)
    if stored is None or not contents.has_file(found[0].resource):
        raise Http404
    content = access.open_attachment(
        patient,
        stored,
        reader=request.user,
        keyring=request.keyring,
        purpose=purpose(request, patient.pk),
        presence=presence(request),
    )
    kind = contents.attachment(found[0].resource).get("contentType", "")
    shown = kind in SHOWN
    response = HttpResponse(content, content_type=kind if shown else "application/octet-stream")
    response["Content-Disposition"] = ("inline" if shown else "attachment") + "; filename=file"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; img-src 'self'; sandbox"
    return response
