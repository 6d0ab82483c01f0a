"""Legal copies: what a place wrote in a record that has moved elsewhere. It keeps that, and nothing else opens."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from consent import access, reach
from ehr import clock
from ehr.frame import paging
from ehr.frame.categories import all_six
from ehr.frame.presence import presence
from ehr.frame.roles import clinician_only
from ehr.lines import sentences
from ehr.portals.clinician import words
from ehr.portals.clinician.refused import about_a_patient
from ehr.r4 import references
from ehr.words import Purpose
from patients.models import Patient
from providers.queries import standing

PAGE = 50


@require_GET
@clinician_only
def copies(request: HttpRequest) -> HttpResponse:
    """Whose legal copy stays here, by name."""
    page = paging.page(request, reach.list_patients(request.user, purpose=Purpose.HOPERAT), size=PAGE)
    context = {"page": page, "standing": standing(request.user)}
    return render(request, "clinician/copies.html", context)


@require_GET
@about_a_patient
def copy(request: HttpRequest, patient: Patient) -> HttpResponse:
    """Open what was written here, as it stood when the patient moved, newest first."""
    opened = access.open_chart(
        patient,
        reader=request.user,
        keyring=request.keyring,
        purpose=Purpose.HOPERAT,
        presence=presence(request),
    )
    known = {references.name_of(one.resource): one.resource for one in opened.entries if one.resource}
    lines = [{"entry": one, "line": sentences.line(one.resource, known)} for one in opened.entries if one.resource]
    lines.sort(key=lambda one: one["line"].at, reverse=True)
    context = {
        "patient": patient,
        "age": words.age(patient.birth_date, clock.now()),
        "page": paging.page(request, lines, size=PAGE),
        "unreadable": sum(one.raw is None for one in opened.entries),
        "parts": [part.name for part in all_six()],
        "ends": opened.ends,
    }
    return render(request, "clinician/copy.html", context)
