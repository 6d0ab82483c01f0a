"""One permission: its receipt with all that narrows it, its proof, changing it, and stopping."""

from uuid import UUID, uuid4

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from consent import proofs, queries
from consent.access import own_party
from consent.models import Grant
from consent.sharing import grants, passing_on, proposing
from ehr import clock
from ehr.frame.forms import tick_all
from ehr.frame.roles import patient_only, unlocked
from ehr.portals.patient import drafts, picking
from ehr.portals.patient.people import shared
from ehr.portals.patient.sharing_forms import ChangeForm, ConfirmForm
from ehr.words import SENSITIVE


def _grant(request: HttpRequest, grant: UUID) -> Grant:
    found = queries.of_patient(request.patient, grant)
    if found is None:
        raise Http404
    return found


@require_GET
@patient_only
def grant(request: HttpRequest, grant: UUID) -> HttpResponse:
    """The receipt: what was agreed to, what narrows it, how to change and how to stop it."""
    found = _grant(request, grant)
    picked = picking.chosen(request.patient, found, keyring=request.keyring)
    context = {"one": shared(found, clock.now()), "picked": picked, "may_mandate": passing_on.may_be_mandated(found)}
    return render(request, "patient/grant.html", context)


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
    if found.kind == Grant.Kind.LEGAL_COPY:
        messages.warning(request, _("A legal copy stays as long as the law requires. Nothing new opens by it."))
        return redirect("patient:grant", found.pk)
    if request.method == "POST":
        grants.end(found, keyring=request.keyring, by=own_party(request.patient))
        return redirect("patient:grant", found.pk)
    over_too = [shared(one, clock.now()) for one in passing_on.hanging_from(found)]
    return render(request, "patient/stop.html", {"one": shared(found, clock.now()), "over_too": over_too})


# --- Changing: what, how long, one sentence beside the old one ------------------------------------
@require_http_methods(["GET", "POST"])
@patient_only
@unlocked
def change(request: HttpRequest, grant: UUID) -> HttpResponse:
    """What holds now, to widen, narrow or extend. Nothing changes before the sentence is confirmed."""
    found = _grant(request, grant)
    one = shared(found, clock.now())
    if not one.changeable:
        return redirect("patient:grant", found.pk)
    now = set(found.categories)
    form = ChangeForm(
        found.ends,
        request.POST if request.method == "POST" else None,
        initial={
            "ordinary": sorted(now - SENSITIVE),
            "sensitive": sorted(now & SENSITIVE),
            "write": found.may_write,
            "span": "same",
        },
    )
    if "all" in request.POST:
        tick_all(form, "ordinary")
    elif form.is_bound and form.is_valid():
        draft = uuid4()
        drafts.begin(
            request,
            draft,
            drafts.CHANGE,
            grant=str(found.pk),
            categories=form.categories(),
            write=form.cleaned_data["write"],
            ends=form.ends().isoformat(),
            narrow=drafts.narrowed(
                proposing.Narrow(
                    frozenset(found.entries), found.record_from, found.record_until, frozenset(found.places)
                )
            ),
        )
        return redirect("patient:change-confirm", draft)
    return render(request, "patient/change.html", {"form": form, "one": one})


@require_http_methods(["GET", "POST"])
@patient_only
@unlocked
def change_confirm(request: HttpRequest, draft: UUID) -> HttpResponse:
    """The old sentence and the new one. Confirmed twice, it is changed once."""
    if queries.of_patient(request.patient, draft):
        return redirect("patient:grant", draft)
    answers = drafts.find(request, draft, drafts.CHANGE)
    if drafts.awaits_ticks(answers):
        return redirect("patient:share-entries", draft)
    found = _grant(request, UUID(answers["grant"]))
    one = shared(found, clock.now())
    terms = drafts.changed_terms(answers) | {
        "categories": picking.parts_of(request.patient, drafts.narrow(answers), answers["categories"])
    }
    try:
        proposed = grants.propose_change(found, **terms)
        form = ConfirmForm.about(proposed, request.POST if request.method == "POST" else None, name=one.name)
        if form.is_valid():
            made = grants.change(found, keyring=request.keyring, once=draft, sentence=answers.get("sentence"), **terms)
            messages.success(request, _("It is changed. What held before has ended, with no moment between."))
            return redirect("patient:grant", made.pk)
    except proposing.CannotGive as problem:
        return render(request, "patient/cannot_change.html", {"one": one, "problem": problem, "draft": draft})
    drafts.keep(request, draft, sentence=proposed.sentence)
    context = {
        "one": one,
        "form": form,
        "draft": draft,
        "sentence": proposed.sentence,
        "until": proposed.ends,
        "picked": picking.chosen(request.patient, proposed, keyring=request.keyring),
        "over_too": [shared(one, clock.now()) for one in passing_on.hanging_from(found)],
    }
    return render(request, "patient/change_confirm.html", context)
