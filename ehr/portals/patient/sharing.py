"""Who can see it: the people, letting somebody in, stopping."""

from datetime import datetime
from uuid import UUID, uuid4

from django.contrib.humanize.templatetags.humanize import apnumber
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from consent import proofs, queries
from consent.access import own_party
from consent.models import Grant
from consent.sharing import grants, requests
from ehr import clock
from ehr.accounts import queries as accounts
from ehr.frame.roles import patient_only
from ehr.portals.patient.answering import asked
from ehr.portals.patient.people import shared
from ehr.portals.patient.sharing_forms import ConfirmForm, UntilForm, WhatForm
from ehr.words import SENSITIVE, Action, Purpose
from providers import queries as providers

DRAFTS = "grants-on-the-way"
MOST_DRAFTS = 5


def answer(number: int) -> str:
    """Return how many people can see something of the record, in a sentence."""
    if not number:
        return _("Nobody but you.")
    return ngettext(
        "One person besides you can see a part of it.", "%(number)s people besides you can see a part of it.", number
    ) % {"number": capfirst(apnumber(number))}


@require_GET
@patient_only
def sharing(request: HttpRequest) -> HttpResponse:
    """Who can see the record: people first, each with what and until when."""
    at = clock.now()
    people = [shared(grant, at) for grant in queries.who_can_see(request.patient, at)]
    over = [shared(grant, at) for grant in queries.ended(request.patient, at)[:50]]
    context = {
        "people": people,
        "over": over,
        "answer": answer(len({one.reader_id for one in people if not one.later})),
        "asking": [asked(one) for one in requests.open_requests(request.patient)],
    }
    return render(request, "patient/sharing.html", context)


# --- Letting somebody in: who, what, how long, one sentence --------------------------------------
@require_GET
@patient_only
def find(request: HttpRequest) -> HttpResponse:
    """The directory of clinicians whose licence is valid now."""
    words = request.GET.get("words", "").strip()[:100]
    after = request.GET.get("after", "")
    known = after.isascii() and after.isdigit() and len(after) < 19
    page = providers.directory(words, after=int(after) if known else None)
    return render(request, "patient/find.html", {"words": words, "lines": page.lines, "after": page.after})


@require_POST
@patient_only
def begin(request: HttpRequest, reader: UUID) -> HttpResponse:
    """Note whom the patient chose. What they answer on the way is kept with their session."""
    if providers.directory_line(reader) is None:
        raise Http404
    drafts = dict(list(request.session.get(DRAFTS, {}).items())[-(MOST_DRAFTS - 1) :])
    draft = str(uuid4())
    request.session[DRAFTS] = drafts | {draft: {"reader": str(reader)}}
    return redirect("patient:share-what", draft)


def _draft(request: HttpRequest, draft: UUID) -> tuple[dict, providers.DirectoryLine]:
    """Return what was answered so far and whom it is about. Raises Http404 when either is gone."""
    answers = request.session.get(DRAFTS, {}).get(str(draft))
    reader = providers.directory_line(UUID(answers["reader"])) if answers else None
    if answers is None or reader is None:
        raise Http404
    return answers, reader


def _keep(request: HttpRequest, draft: UUID, **answers: object) -> None:
    drafts = request.session[DRAFTS]
    request.session[DRAFTS] = drafts | {str(draft): drafts[str(draft)] | answers}


@require_http_methods(["GET", "POST"])
@patient_only
def share_what(request: HttpRequest, draft: UUID) -> HttpResponse:
    """Which parts. What was ticked before is ticked again when a person comes back to this step."""
    answers, reader = _draft(request, draft)
    before = set(answers.get("categories", []))
    form = WhatForm(
        initial={
            "ordinary": sorted(before - SENSITIVE),
            "sensitive": sorted(before & SENSITIVE),
            "write": answers.get("write", False),
        }
    )
    if request.method == "POST":
        form = WhatForm(request.POST)
        if form.is_valid():
            _keep(request, draft, categories=form.categories(), write=form.cleaned_data["write"])
            return redirect("patient:share-until", draft)
    return render(request, "patient/share_what.html", {"form": form, "reader": reader, "draft": draft})


@require_http_methods(["GET", "POST"])
@patient_only
def share_until(request: HttpRequest, draft: UUID) -> HttpResponse:
    """For how long."""
    answers, reader = _draft(request, draft)
    if "categories" not in answers:
        return redirect("patient:share-what", draft)
    form = UntilForm(initial={"span": answers.get("span"), "until": answers.get("until")})
    if request.method == "POST":
        form = UntilForm(request.POST)
        if form.is_valid():
            chosen = form.cleaned_data["until"]
            _keep(
                request,
                draft,
                span=form.cleaned_data["span"],
                until=chosen.isoformat() if chosen else None,
                starts=clock.now().replace(microsecond=0).isoformat(),
                ends=form.ends().isoformat(),
            )
            return redirect("patient:share-confirm", draft)
    return render(request, "patient/share_until.html", {"form": form, "reader": reader, "draft": draft})


@require_http_methods(["GET", "POST"])
@patient_only
def share_confirm(request: HttpRequest, draft: UUID) -> HttpResponse:
    """One sentence, and the button that repeats it. The same confirmation sent twice makes one grant."""
    if queries.of_patient(request.patient, draft):
        return redirect("patient:grant", draft)
    answers, reader = _draft(request, draft)
    if "ends" not in answers:
        return redirect("patient:share-until", draft)
    terms = _terms(answers)
    sensitive = [part for part in answers["categories"] if part in SENSITIVE]
    try:
        proposed = grants.propose(request.patient, **terms)
        posted = request.POST if request.method == "POST" else None
        form = ConfirmForm(sensitive, posted, name=reader.name, sentence=proposed.sentence)
        if form.is_valid():
            read = request.session[DRAFTS][str(draft)].get("sentence")
            grant = grants.give(request.patient, keyring=request.keyring, once=draft, sentence=read, **terms)
            return redirect("patient:grant", grant.pk)
    except grants.CannotGive as problem:
        return render(request, "patient/cannot_share.html", {"reader": reader, "problem": problem, "draft": draft})
    _keep(request, draft, sentence=proposed.sentence)
    context = {"form": form, "reader": reader, "draft": draft, "sentence": proposed.sentence, "until": proposed.ends}
    return render(request, "patient/share_confirm.html", context)


def _terms(answers: dict) -> dict[str, object]:
    return {
        "reader": accounts.person(answers["reader"]),
        "categories": answers["categories"],
        "actions": [Action.READ, Action.WRITE] if answers["write"] else [Action.READ],
        "purpose": Purpose.TREAT,
        "starts": datetime.fromisoformat(answers["starts"]),
        "ends": datetime.fromisoformat(answers["ends"]),
    }


# --- One grant -----------------------------------------------------------------------------------
def _grant(request: HttpRequest, grant: UUID) -> Grant:
    found = queries.of_patient(request.patient, grant)
    if found is None:
        raise Http404
    return found


@require_GET
@patient_only
def grant(request: HttpRequest, grant: UUID) -> HttpResponse:
    """The receipt: what was agreed to, and how to stop it."""
    return render(request, "patient/grant.html", {"one": shared(_grant(request, grant), clock.now())})


@require_GET
@patient_only
def grant_proof(request: HttpRequest, grant: UUID) -> HttpResponse:
    """The file with which somebody else can check the grant."""
    found = _grant(request, grant)
    ending = getattr(found, "ending", None)
    paper = proofs.document(found, ended_at=ending.at if ending else None)
    response = JsonResponse(paper, json_dumps_params={"indent": 2, "ensure_ascii": False})
    response["Content-Disposition"] = 'attachment; filename="consent.json"'
    return response


@require_http_methods(["GET", "POST"])
@patient_only
def stop(request: HttpRequest, grant: UUID) -> HttpResponse:
    """Say what stopping does and does not undo; then stop. Stopping what is over already changes nothing."""
    found = _grant(request, grant)
    if request.method == "POST":
        grants.end(found, keyring=request.keyring, by=own_party(request.patient))
        return redirect("patient:grant", found.pk)
    return render(request, "patient/stop.html", {"one": shared(found, clock.now())})
