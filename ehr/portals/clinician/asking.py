"""Asking for access: whom one may ask, the request, and what became of it."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from consent import reach
from consent.access import KeysLocked
from consent.sharing import asking, finding, requests
from consent.sharing.requests import CannotAnswer, CannotAsk
from ehr import clock
from ehr.accounts.attempts import TooMany
from ehr.frame import paging, sessions
from ehr.frame.roles import clinician_only
from ehr.portals.clinician import words
from ehr.portals.clinician.forms import AskForm, CodeForm
from ehr.portals.clinician.refused import unlock_address
from providers.queries import standing


@require_http_methods(["GET", "POST"])
@clinician_only
def ask(request: HttpRequest, patient: UUID) -> HttpResponse:
    """Ask a patient within reach, or one who showed a code. The same form sent twice asks once."""
    found = finding.patient_to_ask(request.user, patient)
    if found is None:
        raise Http404
    reach.name([found], to=request.user, because="asking")
    form = AskForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            asking.ask(found, reader=request.user, keyring=request.keyring, **form.terms())
        except (CannotAsk, KeysLocked) as problem:
            form.add_error(None, str(problem))
        else:
            messages.success(request, _("Your request is on its way. You will be told when it is answered."))
            return redirect("clinician:requests")
    context = {"form": form, "patient": found, "standing": standing(request.user), "unlock": unlock_address(request)}
    return render(request, "clinician/ask.html", context)


@require_http_methods(["GET", "POST"])
@clinician_only
def code(request: HttpRequest) -> HttpResponse:
    """Type the code a patient shows, and go on to ask them."""
    form = CodeForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            met = finding.meet(form.cleaned_data["code"], reader=request.user, address=sessions.address(request))
        except CannotAsk as problem:
            form.add_error("code", str(problem))
        except TooMany as problem:
            form.add_error("code", problem.message)
        else:
            return redirect("clinician:ask", met.pk)
    return render(request, "clinician/code.html", {"form": form, "standing": standing(request.user)})


@require_GET
@clinician_only
def sent(request: HttpRequest) -> HttpResponse:
    """All I asked for, newest first."""
    at = clock.now()
    page = paging.page(request, requests.sent(request.user))
    reach.name([one.patient for one in page], to=request.user, because="requests")
    asked = [words.asked(one, at) for one in page]
    return render(request, "clinician/requests.html", {"asked": asked, "page": page})


@require_POST
@clinician_only
def withdraw(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """Take a request back."""
    found = requests.sent_one(request.user, request_id)
    if found is None:
        raise Http404
    try:
        asking.withdraw(found, by=request.user)
    except CannotAnswer as problem:
        messages.warning(request, str(problem))
    else:
        messages.success(request, _("The request is withdrawn."))
    return redirect("clinician:requests")
