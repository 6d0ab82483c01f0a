"""My record: six parts, each as lines a person can read, and the files in it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from consent import access
from consent.access import OpenEntry
from ehr.frame import paging
from ehr.frame.categories import about, all_six
from ehr.frame.roles import patient_only, unlocked
from ehr.lines import sentences
from ehr.lines.line import Line
from ehr.portals.patient.headings import attachment, has_file, heading, own_words, rank
from ehr.words import Category, Purpose
from patients import queries as patients

PAGE = 50
# What a browser may show on a page of its own; everything else is saved.
SHOWN = frozenset({"application/pdf", "image/jpeg", "image/png"})


@dataclass(frozen=True)
class Row:
    """One line of the record, with who wrote it, whether they did, and where its file or earlier versions are."""

    line: Line
    by: str
    unsigned: bool
    unopened: bool
    own: str
    file: str
    version: int


@dataclass
class Group:
    """Lines of one kind under one heading."""

    name: str
    rows: list[Row] = field(default_factory=list)


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
    """One part, in kinds of lines, newest first, fifty on a page."""
    if part not in set(Category):
        raise Http404
    chart = access.open_own(request.patient, keyring=request.keyring, categories=[Category(part)])
    rows = sorted(_rows(chart.entries), key=lambda row: row.line.at, reverse=True)
    rows.sort(key=lambda row: rank(row.line.kind))
    page = paging.page(request, rows, size=PAGE)
    return render(request, "patient/category.html", {"about": about(part), "page": page, "groups": _groups(page)})


def _rows(entries: Iterable[OpenEntry]) -> list[Row]:
    """Return the lines of a part; what one entry says of another is found among these entries alone."""
    by_name = {f"{one.resource.get('resourceType')}/{one.logical_id}": one.resource for one in entries}
    return [_row(entry, by_name) for entry in entries]


def _row(entry: OpenEntry, by_name: Mapping[str, Mapping]) -> Row:
    resource = entry.resource
    return Row(
        line=sentences.line(resource, by_name),
        by=entry.author_name,
        unsigned=not entry.author_valid,
        unopened=entry.raw is None,
        own=own_words(resource),
        file=reverse("patient:file", args=[entry.logical_id]) if has_file(resource) else "",
        version=entry.version,
    )


def _groups(rows: Iterable[Row]) -> list[Group]:
    return [Group(heading(kind), list(found)) for kind, found in groupby(rows, key=lambda row: row.line.kind)]


@require_GET
@patient_only
@unlocked
def file(request: HttpRequest, entry: UUID) -> HttpResponse:
    """A picture or PDF, as it was put in."""
    found = patients.current_entry(request.patient, entry)
    if found is None:
        raise Http404
    chart = access.open_own(request.patient, keyring=request.keyring, logical_id=entry)
    if not chart.entries or not has_file(chart.entries[0].resource):
        raise Http404
    kind = attachment(chart.entries[0].resource).get("contentType", "")
    content = access.open_attachment(
        request.patient, found, reader=request.user, keyring=request.keyring, purpose=Purpose.PATRQT
    )
    return _as_file(content, kind)


def _as_file(content: bytes, kind: str) -> HttpResponse:
    """Return the bytes so that no browser runs anything in them."""
    shown = kind in SHOWN
    response = HttpResponse(content, content_type=kind if shown else "application/octet-stream")
    response["Content-Disposition"] = ("inline" if shown else "attachment") + "; filename=file"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "sandbox; default-src 'none'; style-src 'unsafe-inline'"
    return response
