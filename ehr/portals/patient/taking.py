"""Taking one's record along: one FHIR file, made in the patient's own session, and on their list as a copy."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from consent import access
from ehr.frame.roles import patient_only, unlocked
from ehr.rights import copy


@require_http_methods(["GET", "POST"])
@patient_only
@unlocked
def take_along(request: HttpRequest) -> HttpResponse:
    """Say what the file is and is not; then make it. It is stored nowhere here."""
    if request.method == "GET":
        return render(request, "patient/take_along.html")
    opened = access.copy_own(request.patient, keyring=request.keyring)
    response = HttpResponse(copy.bundle(opened), content_type="application/fhir+json")
    response["Content-Disposition"] = 'attachment; filename="my-record.json"'
    response["X-Content-Type-Options"] = "nosniff"
    return response
