"""The page of whoever writes programs: addresses, credentials to try with, and examples that run as they stand."""

from django import forms
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from ehr.accounts.operations import Refused
from ehr.frame import roles
from ehr.smart import places, sandbox
from research.queries import researcher_of

# What stands in the examples where this server cannot know better.
NOBODY = sandbox.Invented("EMAIL", "PASSPHRASE")


class AppName(forms.Form):
    """What an app is called on the page where people let it in."""

    name = forms.CharField(label=gettext_lazy("Name of your app"), max_length=100)


@require_GET
def developers(request: HttpRequest) -> HttpResponse:
    """Show anybody how programs talk to this server."""
    return _page(request, AppName())


@require_POST
@roles.signed_in
def register(request: HttpRequest) -> HttpResponse:
    """Register an app for trying, where everybody is made up."""
    if sandbox.somebody() is None:
        raise Http404
    form = AppName(request.POST)
    if form.is_valid():
        try:
            sandbox.register(request.user, name=form.cleaned_data["name"])
        except Refused as stop:
            form.add_error(None, stop.message)
        else:
            return redirect("front:developers")
    return _page(request, form)


def _page(request: HttpRequest, form: AppName) -> HttpResponse:
    somebody = sandbox.somebody()
    for_research = request.user.is_authenticated and researcher_of(request.user) is not None
    may_have_one = somebody and request.user.is_authenticated and not for_research
    app = sandbox.latest(request.user) if may_have_one else None
    shown = {
        "fhir": places.base(),
        "api": f"{settings.SITE_URL.rstrip('/')}/api/v1",
        "site": settings.SITE_URL.rstrip("/"),
        "sandbox": somebody,
        "person": somebody or NOBODY,
        "app": app,
        "client_id": app.client_id if app else "CLIENT_ID",
        "back": "\n".join(sandbox.BACK),
        "scope": sandbox.SCOPE,
        "form": form,
        "for_research": for_research,
    }
    return render(request, "front/developers.html", shown)
