"""Referrals: a physician proposes somebody else; the patient says yes, less, or no. And what was passed on before."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from consent import sentences
from consent.models import Referral
from consent.sharing import mandates, proposing, referrals
from ehr.frame import paging
from ehr.frame.forms import tick_all
from ehr.frame.roles import patient_only, unlocked
from ehr.portals.patient import drafts
from ehr.portals.patient.mandates import mandated
from ehr.portals.patient.sharing_forms import AnswerForm, ConfirmForm
from ehr.words import Action
from patients.models import Patient
from providers.queries import directory_line

REFERRED = "referred"
_BECAME = {
    Referral.State.APPROVED: gettext_lazy("You said yes"),
    Referral.State.DECLINED: gettext_lazy("You said no"),
    Referral.State.WITHDRAWN: gettext_lazy("They took it back"),
    referrals.LAPSED: gettext_lazy("Nobody answered"),
}


def proposed(referral: Referral) -> dict[str, object]:
    """Return a proposal as a line: who proposes whom, where they work, what they would see."""
    by, to = directory_line(referral.referrer.user_id), directory_line(referral.to.user_id)
    state = referrals.state(referral)
    return {
        "id": referral.pk,
        "by": by.name if by else referral.referrer.name,
        "name": to.name if to else referral.to.name,
        "to": to,
        "parts": sentences.parts(referral.categories),
        "may_write": Action.WRITE in referral.actions,
        "days": referral.days,
        "report_days": referral.report_days,
        "made_at": referral.made_at,
        "lapses_at": referral.lapses_at,
        "waits": state == Referral.State.PROPOSED,
        "became": _BECAME.get(state, ""),
        "grant": referral.grant_id,
    }


def waiting(patient: Patient) -> list[dict[str, object]]:
    """Return the proposals that wait for a patient's answer, oldest first."""
    return [proposed(one) for one in referrals.open_referrals(patient)]


def _find(request: HttpRequest, referral: UUID) -> Referral:
    found = referrals.of_patient(request.patient, referral)
    if found is None:
        raise Http404
    return found


@require_GET
@patient_only
def passed_on(request: HttpRequest) -> HttpResponse:
    """Who proposes somebody now, what became of it before, and what may be passed on without asking."""
    page = paging.page(request, referrals.closed_referrals(request.patient), size=20)
    context = {
        "referred": waiting(request.patient),
        "mandates": [mandated(one) for one in mandates.in_force(request.patient)],
        "page": page,
        "closed": [proposed(one) for one in page],
    }
    return render(request, "patient/passed_on.html", context)


@require_http_methods(["GET", "POST"])
@patient_only
@unlocked
def answer(request: HttpRequest, referral: UUID) -> HttpResponse:
    """Who proposes whom, for what and why; and which of it the patient gives, for how long at most."""
    found = _find(request, referral)
    if found.grant_id:
        return redirect("patient:grant", found.grant_id)
    form = AnswerForm(found, request.POST if request.method == "POST" else None)
    if "all" in request.POST and "ordinary" in form.fields:
        tick_all(form, "ordinary")
    elif form.is_bound and form.is_valid():
        told = form.answers()
        del told["entries"]
        drafts.begin(request, found.pk, REFERRED, **told)
        return redirect("patient:referral-confirm", referral)
    context = {"one": proposed(found), "form": form, "said": referrals.read_message(found, request.keyring)}
    return render(request, "patient/referral.html", context)


@require_http_methods(["GET", "POST"])
@patient_only
@unlocked
def confirm(request: HttpRequest, referral: UUID) -> HttpResponse:
    """The sentence a yes comes to, and the button that repeats it. Sent twice, it makes one permission."""
    found = _find(request, referral)
    if found.grant_id:
        return redirect("patient:grant", found.grant_id)
    given = drafts.one_of(request, referral, REFERRED)
    if given is None:
        return redirect("patient:referral", referral)
    one = proposed(found)
    terms = {name: given[name] for name in ("categories", "actions", "days")}
    try:
        grant = referrals.propose(found, **terms)
        form = ConfirmForm.about(grant, request.POST if request.method == "POST" else None, name=one["name"])
        if form.is_valid():
            made = referrals.approve(found, keyring=request.keyring, sentence=given.get("sentence"), **terms)
            return redirect("patient:grant", made.pk)
    except (proposing.CannotGive, referrals.CannotAnswer) as problem:
        return render(request, "patient/cannot_refer.html", {"one": one, "problem": problem})
    drafts.keep(request, referral, sentence=grant.sentence)
    context = {"one": one, "form": form, "sentence": grant.sentence, "until": grant.ends}
    return render(request, "patient/referral_confirm.html", context)


@require_POST
@patient_only
def decline(request: HttpRequest, referral: UUID) -> HttpResponse:
    """Say no. Who proposed it learns nothing else."""
    found = _find(request, referral)
    try:
        referrals.decline(found)
        messages.success(request, _("You said no. They were told only that, and nothing else."))
    except referrals.CannotAnswer as problem:
        messages.warning(request, str(problem))
    return redirect("patient:referrals")
