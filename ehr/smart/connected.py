"""The apps a person let in, and stopping them; and opening one from a record."""

from urllib.parse import urlsplit
from uuid import UUID

from csp.constants import SELF
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from ehr.frame import presence, roles
from ehr.smart import allowing, backends, launching, queries
from ehr.smart.models import App


@require_GET
@roles.signed_in
def connected(request: HttpRequest) -> HttpResponse:
    """Which apps may do something in a person's name, since when, until when, and a button that stops each."""
    own = roles.patient_of(request.user)
    told = {"apps": queries.connected(request.user), "services": backends.open_to_patients() if own else []}
    return render(request, "smart/connected.html", told)


@require_POST
@roles.signed_in
def stop(request: HttpRequest, authorization: UUID) -> HttpResponse:
    """Stop one at once. It needs no unlocked keys; stopping twice changes nothing."""
    found = queries.one_of(request.user, authorization)
    if found is None:
        raise Http404
    allowing.stopped_by_owner(found, keyring=request.keyring)
    messages.success(request, _("%(name)s is stopped. Its next request finds nothing.") % {"name": found.app.name})
    return redirect("smart:connected")


@require_http_methods(["GET", "POST"])
@roles.signed_in
def launch(request: HttpRequest, patient: UUID) -> HttpResponse:
    """The apps that open from a record: a patient's own, or one that a clinician may open now."""
    whose = roles.record_of(request.user, patient)
    apps = launching.apps_to_open()
    if request.method == "POST":
        chosen = request.POST.get("app", "")
        app = apps.filter(client_id=chosen[:255]).first()
        if app is None:
            raise Http404
        session = presence.session_digest(request)
        response = HttpResponse(status=303)
        response["Location"] = launching.begin(app, user=request.user, patient=whose, session=session)
        response["Referrer-Policy"] = "no-referrer"
        return response
    own = whose.user_id == request.user.pk
    response = render(request, "smart/launch.html", {"apps": apps, "patient": whose, "own": own})
    response._csp_update = {"form-action": [SELF, *sorted({_origin(app) for app in apps})]}
    return response


def _origin(app: App) -> str:
    parts = urlsplit(app.launch_uri)
    return f"{parts.scheme}://{parts.netloc}"
