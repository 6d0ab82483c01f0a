"""Requests: what a clinician asks for, and the patient's yes, less, why, or no. And the code that lets one ask."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from consent import sentences
from consent.models import AccessRequest
from consent.sharing import answering, correspondence, finding, incoming, proposing, requests
from ehr.frame import paging
from ehr.frame.forms import tick_all
from ehr.frame.roles import patient_only, unlocked
from ehr.portals.patient import drafts, picking, proposed, referrals
from ehr.portals.patient.sharing_forms import AnswerForm, ConfirmForm, WhyForm
from ehr.words import Action
from providers.queries import directory_line

_BECAME = {
    AccessRequest.State.APPROVED: gettext_lazy("You said yes"),
    AccessRequest.State.DECLINED: gettext_lazy("You said no"),
    AccessRequest.State.WITHDRAWN: gettext_lazy("They took it back"),
    requests.LAPSED: gettext_lazy("Nobody answered"),
}


def asked(request: AccessRequest) -> dict[str, object]:
    """Return a request as a line: who, where, what."""
    reader = directory_line(request.reader.user_id)
    return {
        "id": request.pk,
        "name": reader.name if reader else request.reader.name,
        "reader": reader,
        "parts": sentences.parts(request.categories),
        "single": len(request.entries),
        "time": _time(request),
        "may_write": Action.WRITE in request.actions,
        "days": request.days,
        "purpose": sentences.PURPOSES[request.purpose],
        "asked_at": request.asked_at,
        "lapses_at": request.lapses_at,
        "waits": requests.state(request) == AccessRequest.State.ASKED,
        "became": _BECAME.get(requests.state(request), ""),
        "grant": request.grant_id,
        "asked_why_at": request.question_at,
        "replied_at": request.reply_at,
    }


def _time(request: AccessRequest) -> str:
    """Return of which time entries were asked for; "" for all."""
    days = [date_format(day, "j F Y") if day else "" for day in (request.record_from, request.record_until)]
    told = {"first": days[0], "last": days[1]}
    if all(days):
        return _("What was recorded from %(first)s to %(last)s") % told
    if days[1]:
        return _("What was recorded up to %(last)s") % told
    return _("What was or is recorded from %(first)s on") % told if days[0] else ""


def _find(request: HttpRequest, asking: UUID) -> AccessRequest:
    found = requests.of_patient(request.patient, asking)
    if found is None:
        raise Http404
    return found


@require_GET
@patient_only
def waiting(request: HttpRequest) -> HttpResponse:
    """Who asks now, and what became of what was asked before."""
    page = paging.page(request, requests.closed_requests(request.patient), size=20)
    context = {
        "asking": [asked(one) for one in requests.open_requests(request.patient)],
        "referred": referrals.waiting(request.patient),
        "proposed": [proposed.line(one) for one in incoming.waiting(request.patient)],
        "page": page,
        "closed": [asked(one) for one in page],
    }
    return render(request, "patient/requests.html", context)


@require_http_methods(["GET", "POST"])
@patient_only
@unlocked
def answer(request: HttpRequest, asking: UUID) -> HttpResponse:
    """Who asks, for what and why; and which of it the patient gives, for how long."""
    found = _find(request, asking)
    if found.grant_id:
        return redirect("patient:grant", found.grant_id)
    form = _answer_form(request, found, request.POST if request.method == "POST" else None)
    if "all" in request.POST and "ordinary" in form.fields:
        tick_all(form, "ordinary")
    elif form.is_bound and form.is_valid():
        _begin(request, found, form)
        return redirect("patient:answer-confirm", asking)
    return _page(request, found, form, WhyForm())


def _answer_form(request: HttpRequest, found: AccessRequest, data) -> AnswerForm:
    """Return the form, with the lines of single entries that were asked for."""
    lines = []
    if found.entries:
        lines = picking.own(
            request.patient, found.categories, keyring=request.keyring, within=answering.as_asked(found)
        )
    return AnswerForm(found, data, entries=lines)


def _begin(request: HttpRequest, found: AccessRequest, form: AnswerForm) -> None:
    """Keep what was answered. What is narrowed further begins at what was asked."""
    answers = form.answers()
    narrow = drafts.narrowed(answering.as_asked(found)) | {"entries": sorted(answers.pop("entries"))}
    if narrow["which"] == "dates":
        narrow["which"] = "all"
    drafts.begin(request, found.pk, drafts.ANSWER, narrow=narrow, **answers)


def _page(request: HttpRequest, found: AccessRequest, form: AnswerForm, why: WhyForm) -> HttpResponse:
    said = correspondence.read_message(found, request.keyring)
    replied = correspondence.read_reply(found, request.keyring) if found.reply else None
    context = {"one": asked(found), "said": said, "replied": replied, "form": form, "why": why}
    return render(request, "patient/answer.html", context)


@require_http_methods(["GET", "POST"])
@patient_only
@unlocked
def confirm(request: HttpRequest, asking: UUID) -> HttpResponse:
    """The sentence a yes comes to, and the button that repeats it. Sent twice, it makes one grant."""
    found = _find(request, asking)
    if found.grant_id:
        return redirect("patient:grant", found.grant_id)
    given = drafts.answers(request, asking)
    if given is None:
        return redirect("patient:answer", asking)
    if drafts.awaits_ticks(given):
        return redirect("patient:share-entries", asking)
    one = asked(found)
    narrow = drafts.narrow(given)
    terms = {
        "categories": picking.parts_of(request.patient, narrow, given["categories"]),
        "actions": given["actions"],
        "days": given["days"],
        "narrow": narrow,
    }
    try:
        proposed = answering.propose(found, **terms)
        form = ConfirmForm.about(proposed, request.POST if request.method == "POST" else None, name=one["name"])
        if form.is_valid():
            read = given.get("sentence")
            grant = answering.approve(found, keyring=request.keyring, sentence=read, **terms)
            return redirect("patient:grant", grant.pk)
    except (proposing.CannotGive, requests.CannotAnswer) as problem:
        return render(request, "patient/cannot_answer.html", {"one": one, "problem": problem})
    drafts.keep(request, asking, sentence=proposed.sentence)
    context = {
        "one": one,
        "form": form,
        "sentence": proposed.sentence,
        "until": proposed.ends,
        "picked": picking.chosen(request.patient, proposed, keyring=request.keyring),
    }
    return render(request, "patient/answer_confirm.html", context)


@require_POST
@patient_only
@unlocked
def why(request: HttpRequest, asking: UUID) -> HttpResponse:
    """Ask back, once, before answering."""
    found = _find(request, asking)
    form = WhyForm(request.POST)
    if form.is_valid():
        try:
            answering.ask_why(found, keyring=request.keyring, words=form.cleaned_data["question"])
        except requests.CannotAnswer as problem:
            form.add_error(None, str(problem))
        else:
            messages.success(request, _("Your question is on its way. You will be told when they answer."))
            return redirect("patient:answer", asking)
    return _page(request, found, _answer_form(request, found, None), form)


@require_POST
@patient_only
def decline(request: HttpRequest, asking: UUID) -> HttpResponse:
    """Say no. Whoever asked learns nothing else."""
    found = _find(request, asking)
    try:
        answering.decline(found)
        messages.success(request, _("You said no. They were told only that, and nothing else."))
    except requests.CannotAnswer as problem:
        messages.warning(request, str(problem))
    return redirect("patient:sharing")


@require_http_methods(["GET", "POST"])
@patient_only
def code(request: HttpRequest) -> HttpResponse:
    """A code to show to a clinician who is with you. It opens nothing: it lets them ask."""
    shown = finding.show_code(request.patient) if request.method == "POST" else None
    context = {"code": shown[0], "ends": shown[1].ends_at} if shown else {}
    return render(request, "patient/code.html", context)
