"""Registering as a clinician, and one's own licences and places of work."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from ehr import clock
from ehr.accounts.models import User
from ehr.frame.roles import clinician_of, clinician_only, signed_in
from ehr.portals.clinician.licences import LicenceForm, RegisterForm
from providers import operations
from providers.credentials import submit_credential
from providers.models import Clinician
from providers.queries import own_credentials, own_memberships, standing
from providers.rules import NotPossible


@require_http_methods(["GET", "POST"])
@signed_in
def register(request: HttpRequest) -> HttpResponse:
    """Register with a first licence. That alone opens nothing: somebody else decides about it."""
    if clinician_of(request.user) is not None:
        return redirect("clinician:credentials")
    posted = request.method == "POST"
    form = RegisterForm(request.POST, request.FILES) if posted else RegisterForm(initial=_known(request.user))
    if posted and form.is_valid():
        try:
            with transaction.atomic():
                told = form.cleaned_data
                clinician = operations.register_clinician(
                    request.user,
                    title=told["title"],
                    professional_name=told["professional_name"],
                    institution=told["institution"],
                    by=request.user,
                )
                _submit(request, form, clinician)
        except NotPossible as problem:
            form.add_error(None, str(problem))
        except ValidationError as problem:
            form.add_error(None, problem.messages)
        else:
            return _done(request)
    return render(request, "clinician/register.html", {"form": form})


def _known(user: User) -> dict[str, str]:
    return {"professional_name": user.name}


@require_GET
@clinician_only
def credentials(request: HttpRequest) -> HttpResponse:
    """Whether patients can find me, and why not; my licences and where I work."""
    at = clock.now()
    context = {
        "standing": standing(request.user, at),
        "clinician": request.clinician,
        "licences": own_credentials(request.clinician),
        "memberships": own_memberships(request.clinician),
        "now": at,
    }
    return render(request, "clinician/credentials.html", context)


@require_http_methods(["GET", "POST"])
@clinician_only
def submit(request: HttpRequest) -> HttpResponse:
    """Hand in another licence, or a renewed one."""
    form = LicenceForm(request.POST, request.FILES) if request.method == "POST" else LicenceForm()
    if form.is_bound and form.is_valid():
        try:
            _submit(request, form, request.clinician)
        except NotPossible as problem:
            form.add_error(None, str(problem))
        except ValidationError as problem:
            form.add_error(None, problem.messages)
        else:
            return _done(request)
    return render(request, "clinician/submit.html", {"form": form})


def _submit(request: HttpRequest, form: LicenceForm, clinician: Clinician) -> None:
    evidence = form.cleaned_data["evidence"].read()
    submit_credential(clinician, licence=form.licence(), evidence=evidence, by=request.user)


def _done(request: HttpRequest) -> HttpResponse:
    messages.success(request, _("Your licence is handed in. A verifier decides about it, and we will tell you."))
    return redirect("clinician:credentials")
