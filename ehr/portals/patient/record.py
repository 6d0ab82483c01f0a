"""My record: six parts, each as lines a person can read, and the files in it."""

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from consent import access
from ehr.frame import paging
from ehr.frame.categories import about, all_six
from ehr.frame.roles import patient_only, unlocked
from ehr.intake import strays
from ehr.lines import chart, contents
from ehr.portals.patient import sections
from ehr.words import Category, Purpose
from patients import queries as patients

# What a browser shows on a page of its own; everything else is saved. Chromium opens no PDF in a sandbox.
SHOWN = frozenset({"image/jpeg", "image/png"})
SAVED = {"application/pdf": "file.pdf"}


@require_GET
@patient_only
def record(request: HttpRequest) -> HttpResponse:
    """All six parts, empty or not. Nothing is opened for this page."""
    counts = patients.entries_by_part(request.patient)
    parts = [{"about": part, "count": counts.get(part.slug, 0)} for part in all_six()]
    return render(request, "patient/record.html", {"parts": parts})


@require_GET
@patient_only
@unlocked
def category(request: HttpRequest, part: str) -> HttpResponse:
    """One part, in sections, about sixty lines on a page."""
    if part not in set(Category):
        raise Http404
    opened = access.open_own(request.patient, keyring=request.keyring, categories=[Category(part)])
    found = chart.build(opened.entries)
    page = paging.page(request, sections.pages(sections.rows(found)), size=1)
    context = {
        "about": about(part),
        "page": page,
        "groups": sections.grouped(page.object_list[0]),
        "no_known_allergies": found.no_known_allergies,
        "mine": patients.written_by(request.patient, request.user),
        "sent": strays.sent_by_systems(request.patient),
    }
    return render(request, "patient/category.html", context)


@require_GET
@patient_only
@unlocked
def file(request: HttpRequest, entry: UUID) -> HttpResponse:
    """A picture or PDF, as it was put in."""
    found = patients.current_entry(request.patient, entry)
    if found is None:
        raise Http404
    parts = [Category(part) for part in patients.newest_versions(request.patient, [entry])[entry].parts]
    opened = access.open_own(request.patient, keyring=request.keyring, categories=parts, logical_id=entry)
    if not opened.entries or not contents.has_file(opened.entries[0].resource):
        raise Http404
    kind = contents.attachment(opened.entries[0].resource).get("contentType", "")
    content = access.open_attachment(
        request.patient, found, reader=request.user, keyring=request.keyring, purpose=Purpose.PATRQT
    )
    return as_file(content, kind)


def as_file(content: bytes, kind: str) -> HttpResponse:
    """Return the bytes so that no browser runs anything in them."""
    shown = kind in SHOWN
    response = HttpResponse(content, content_type=kind if shown or kind in SAVED else "application/octet-stream")
    response["Content-Disposition"] = "inline" if shown else f"attachment; filename={SAVED.get(kind, 'file')}"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; img-src 'self'; sandbox"
    return response
