"""Links handed out for one visit: made here with their code, listed with who opened them, stopped with one button."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from audit import queries as log
from consent import sentences
from ehr import clock
from ehr.frame import forms as shared_forms
from ehr.frame.roles import patient_only, unlocked
from ehr.portals.patient.rights_forms import HealthLinkForm
from ehr.rights import health_links

LINES_TO_SEARCH = 1000


@require_GET
@patient_only
def links(request: HttpRequest) -> HttpResponse:
    """Every link handed out, with its openings. The names and what a link is for are shown with open keys."""
    at = clock.now()
    openings = _openings(request)
    shown = [
        {
            "link": link,
            "called": health_links.called(link, request.keyring) or _("A link"),
            "parts": sentences.parts(link.parts),
            "live": health_links.is_live(link, at),
            "openings": openings.get(str(link.pk), []),
        }
        for link in health_links.of_patient(request.patient)
    ]
    return render(request, "patient/health_links.html", {"links": shown})


def _openings(request: HttpRequest) -> dict[str, list[dict[str, object]]]:
    """Return what the log says about each link: when it was opened or tried, and the name given."""
    found: dict[str, list[dict[str, object]]] = {}
    for line in log.story(request.patient.pk, limit=LINES_TO_SEARCH):
        if line.action in {"health-link.opened", "health-link.refused"}:
            name = health_links.words_on(line, request.keyring, request.patient)
            one = {"at": line.time, "name": name, "refused": line.outcome == "refused"}
            found.setdefault(str(line.details.get("link")), []).append(one)
    return found


@require_http_methods(["GET", "POST"])
@patient_only
@unlocked
def new(request: HttpRequest) -> HttpResponse:
    """Ask what goes along; then show the code and the passcode, this once."""
    form = HealthLinkForm(request.POST if request.method == "POST" else None)
    if "all" in request.POST:
        shared_forms.tick_all(form, "ordinary")
    elif request.method == "POST" and form.is_valid():
        passcode = health_links.new_passcode()
        try:
            made = health_links.make(request.patient, keyring=request.keyring, passcode=passcode, **form.asked())
        except health_links.MadeAlready:
            words = _("This link was made already, and its code is shown once. Stop it below if you no longer have it.")
            messages.warning(request, words)
            return redirect("patient:health-links")
        context = {
            "link": made.link,
            "parts": sentences.parts(made.link.parts),
            "passcode": f"{passcode[:3]} {passcode[3:]}",
            "address": made.address,
            "picture": mark_safe(health_links.picture(made.address)),  # noqa: S308 - drawn by us, holds dots only
        }
        return render(request, "patient/health_link_made.html", context)
    return render(request, "patient/health_link_new.html", {"form": form})


@require_http_methods(["GET", "POST"])
@patient_only
def stop(request: HttpRequest, link: UUID) -> HttpResponse:
    """Say what stopping does and cannot undo; then stop. It needs no keys."""
    found = health_links.find(request.patient, link)
    if found is None:
        raise Http404
    if request.method == "POST":
        health_links.stop(request.patient, link)
        messages.success(request, _("The link is stopped. It leads nowhere any more."))
        return redirect("patient:health-links")
    called = health_links.called(found, request.keyring) or _("A link")
    context = {"link": found, "called": called, "parts": sentences.parts(found.parts)}
    return render(request, "patient/health_link_stop.html", context)
