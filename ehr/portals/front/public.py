"""Pages for everybody: what this is, and whether a licence counts."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from ehr.frame import roles
from ehr.portals.front.forms import Licence
from providers import licences


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """The front door, or the way on for whoever is inside already."""
    if request.user.is_authenticated:
        return redirect(roles.missing_step(request) or roles.home(request.user))
    return render(request, "front/home.html")


@require_http_methods(["GET", "POST"])
def licence(request: HttpRequest) -> HttpResponse:
    """Tell anybody whether a licence is valid here, expired or revoked, and nothing about its holder."""
    form = Licence(request.POST or None)
    found, digest = None, ""
    if form.is_valid():
        found = licences.public_check(form.cleaned_data["issuer"], form.cleaned_data["number"])
        digest = found.digest.hex()
    return render(request, "front/licence.html", {"form": form, "found": found, "digest": digest})
