"""What was found in the studies that somebody takes or took part in."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from ehr.frame.roles import patient_only
from research import results


@require_GET
@patient_only
def found(request: HttpRequest) -> HttpResponse:
    """Each result in plain words, the newest first, as the committee let it be shown."""
    return render(request, "patient/research_results.html", {"results": results.shown_to(request.patient)})
