"""What a clinician is told when a record stays closed: why, and the next step. Out of reach is not found."""

from collections.abc import Callable
from functools import wraps
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode

from consent import emergency, reach
from consent.access import AccessDenied, KeysLocked
from ehr.frame import presence
from ehr.frame.roles import clinician_only
from ehr.portals.clinician.emergency import urgency
from patients.models import Patient

# What the door says of an emergency that opens nothing more.
OVER = frozenset({"emergency-over", "emergency-keys-over"})
# What a person writes in forms; shown again when the record closed meanwhile, so that nothing typed is lost.
TYPED = ("name", "how", "why", "reaction", "remark", "words", "reason")


def about_a_patient(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Let clinicians in, with the patient of the address. What the door refuses becomes a page that says why."""

    @wraps(view)
    @clinician_only
    def guarded(request: HttpRequest, patient: UUID, *args, **kwargs) -> HttpResponse:
        held = emergency.patient_held(presence.presence(request), patient)
        found = held or reach.find_patient(request.user, patient)
        if found is None:
            raise Http404
        request.urgency = urgency(request, found)
        try:
            return view(request, found, *args, **kwargs)
        except AccessDenied as refusal:
            return page(request, found, refusal)

    return guarded


def page(request: HttpRequest, patient: Patient, refusal: AccessDenied) -> HttpResponse:
    """Return the page that says why a record did not open and what to do next."""
    locked = isinstance(refusal, KeysLocked)
    typed = "\n".join(text for name in TYPED if (text := request.POST.get(name, "")))
    context = {"patient": patient, "refusal": refusal, "locked": locked, "typed": typed}
    context["unlock"] = unlock_address(request)
    context["was_urgent"] = refusal.because in OVER and _forget(request, patient)
    context["may_urge"] = emergency.may_break_glass(request.user)
    return render(request, "clinician/refused.html", context, status=403)


def _forget(request: HttpRequest, patient: Patient) -> bool:
    """Delete what this session kept of an emergency that is over: the next page is read by permissions again."""
    found = presence.held(request, patient.pk)
    if found is not None:
        presence.let_go(request, found.pk)
    return True


def unlock_address(request: HttpRequest) -> str:
    """Return where keys are unlocked, and from there the way back to this page."""
    return f"{reverse('front:unlock')}?{urlencode({'next': request.path})}"
