"""Asking for access: whom one may ask, the request, a question back, and what became of it."""

from dataclasses import replace
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from consent import reach
from consent.access import AccessDenied, KeysLocked, open_chart
from consent.sharing import asking, finding, requests
from consent.sharing.requests import CannotAnswer, CannotAsk
from ehr import clock
from ehr.accounts.attempts import TooMany
from ehr.frame import paging, sessions
from ehr.frame.finding_forms import FindForm
from ehr.frame.forms import tick_all
from ehr.frame.presence import presence
from ehr.frame.roles import clinician_only
from ehr.lines import sentences as lines
from ehr.lines.line import Line
from ehr.portals.clinician import words
from ehr.portals.clinician.asking_forms import AskForm, CodeForm, ReplyForm
from ehr.portals.clinician.refused import unlock_address
from ehr.portals.clinician.withdrawing import take_back
from ehr.words import Purpose
from patients.models import Patient
from patients.queries import is_verified
from providers.queries import standing


@require_http_methods(["GET", "POST"])
@clinician_only
def ask(request: HttpRequest, patient: UUID) -> HttpResponse:
    """Ask a patient within reach, or one who was met or found. The same form sent twice asks once."""
    found = finding.patient_to_ask(request.user, patient)
    if found is None:
        raise Http404
    reach.name([found], to=request.user, because="asking")
    entry = paging.cursor(request, "entry")
    form = AskForm(request.POST if request.method == "POST" else None, initial={"entry": entry})
    if "all" in request.POST:
        tick_all(form, "ordinary")
    elif form.is_bound and form.is_valid():
        try:
            terms = form.terms() | {"presence": presence(request)}
            asking.ask(found, reader=request.user, keyring=request.keyring, **terms)
        except (CannotAsk, KeysLocked) as problem:
            form.add_error(None, str(problem))
        else:
            messages.success(request, _("Your request is on its way. You will be told when it is answered."))
            return redirect("clinician:requests")
    context = {
        "form": form,
        "patient": found,
        "verified": is_verified(found),
        "single": form["entry"].value(),
        "line": _line(request, found, entry) if entry and not form.is_bound else None,
        "standing": standing(request.user),
        "unlock": unlock_address(request),
    }
    return render(request, "clinician/ask.html", context)


def _line(request: HttpRequest, patient: Patient, entry: UUID) -> Line | None:
    """Return what an entry says, opened as any entry is; None where it does not open now."""
    try:
        opened = open_chart(
            patient,
            reader=request.user,
            keyring=request.keyring,
            purpose=Purpose.TREAT,
            logical_id=entry,
            presence=presence(request),
        )
    except AccessDenied:
        return None
    return lines.line(opened.entries[0].resource) if opened.entries else None


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


@require_http_methods(["GET", "POST"])
@clinician_only
def find(request: HttpRequest) -> HttpResponse:
    """Type what a patient's documents say, and go on to ask them. Anything less than all of it finds nobody."""
    form = FindForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            found = finding.find(**form.three(), reader=request.user, address=sessions.address(request))
        except CannotAsk as problem:
            form.add_error(None, str(problem))
        except TooMany as problem:
            form.add_error(None, problem.message)
        else:
            return redirect("clinician:ask", found.pk)
    return render(request, "clinician/find.html", {"form": form, "standing": standing(request.user)})


@require_GET
@clinician_only
def sent(request: HttpRequest) -> HttpResponse:
    """All I asked for, newest first."""
    return _sent(request)


def _sent(request: HttpRequest, *, about: UUID | None = None, form: ReplyForm | None = None) -> HttpResponse:
    at = clock.now()
    page = paging.page(request, requests.sent(request.user))
    reach.name([one.patient for one in page], to=request.user, because="requests")
    asked = [words.asked(one, at, keyring=request.keyring) for one in page]
    shown = [replace(one, form=form if one.id == about else ReplyForm(auto_id=f"id_{one.id}_%s")) for one in asked]
    context = {
        "asked": shown,
        "page": page,
        "form": form,
        "unlock": f"{reverse('front:unlock')}?next={reverse('clinician:requests')}",
    }
    return render(request, "clinician/requests.html", context)


@require_POST
@clinician_only
def reply(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """Answer a patient who asked why. What was typed stays where it cannot be sent."""
    found = requests.sent_one(request.user, request_id)
    if found is None:
        raise Http404
    form = ReplyForm(request.POST, auto_id=f"id_{found.pk}_%s")
    if form.is_valid():
        try:
            asking.explain(found, by=request.user, keyring=request.keyring, words=form.cleaned_data["words"])
        except (CannotAnswer, KeysLocked) as problem:
            form.add_error(None, str(problem))
        else:
            messages.success(request, _("Your answer is on its way. You will be told what they decide."))
            return redirect("clinician:requests")
    return _sent(request, about=found.pk, form=form)


@require_POST
@clinician_only
def withdraw(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """Take a request back."""
    found = requests.sent_one(request.user, request_id)
    said = _("The request is withdrawn.")
    return take_back(request, found, asking.withdraw, said=said, back="clinician:requests")
