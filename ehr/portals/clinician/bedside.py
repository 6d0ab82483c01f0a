"""Putting one's tablet into a patient's hands, so that they answer what one asked."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from consent.sharing import bedside, requests
from ehr.frame.bedside import begin
from ehr.frame.roles import clinician_only


@require_POST
@clinician_only
def hand_over(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """Sign oneself out of this tablet first; then the patient signs in, for this one request."""
    found = requests.sent_one(request.user, request_id)
    if found is None:
        raise Http404
    try:
        bedside.hand_over(found, by=request.user)
    except bedside.CannotHandOver as problem:
        messages.warning(request, str(problem))
        return redirect("clinician:requests")
    return begin(request, found.pk)
