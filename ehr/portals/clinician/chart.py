"""The chart: a first page with the newest of every section, and each section whole, a page at a time."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from consent import access
from consent.sharing import passing_on
from ehr import clock
from ehr.frame import paging
from ehr.frame.presence import presence, purpose
from ehr.portals.clinician import sheet
from ehr.portals.clinician.refused import about_a_patient
from patients.models import Patient

PAGE = 50
TESTS_ON_A_PAGE = 20


@require_GET
@about_a_patient
def chart(request: HttpRequest, patient: Patient) -> HttpResponse:
    """Open what is shared, allergies first."""
    return render(request, "clinician/chart.html", {"sheet": _open(request, patient)})


@require_GET
@about_a_patient
def section(request: HttpRequest, patient: Patient, section: str) -> HttpResponse:
    """Open one section whole."""
    if section not in sheet.SLUGS:
        raise Http404
    laid = _open(request, patient)
    whole = next(one for one in laid.sections if one.slug == section)
    tests = [*whole.labs, *whole.vitals]
    page = paging.page(request, tests or [*whole.rows, *whole.past], size=TESTS_ON_A_PAGE if tests else PAGE)
    context = {"sheet": laid, "section": whole, "page": page, "tests": bool(tests)}
    return render(request, "clinician/section.html", context)


def _open(request: HttpRequest, patient: Patient) -> sheet.Sheet:
    opened = access.open_chart(
        patient,
        reader=request.user,
        keyring=request.keyring,
        purpose=purpose(request, patient.pk),
        presence=presence(request),
    )
    laid = sheet.lay_out(opened, clock.now())
    laid.refers = passing_on.may_refer(request.user, opened.grants)
    return laid
