"""Requests: what a clinician asks for, and the patient's yes, less, or no. And the code that lets one ask."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from consent import sentences
from consent.models import AccessRequest
from consent.sharing import answering, correspondence, finding, grants, requests
from ehr.frame import paging
from ehr.frame.roles import patient_only, unlocked
from ehr.portals.patient.sharing_forms import AnswerForm, ConfirmForm
from ehr.words import SENSITIVE, Action
from providers.queries import directory_line

_BECAME = {
    AccessRequest.State.APPROVED: gettext_lazy("You said yes"),
    AccessRequest.State.DECLINED: gettext_lazy("You said no"),
    AccessRequest.State.WITHDRAWN: gettext_lazy("They took it back"),
    requests.LAPSED: gettext_lazy("Nobody answered"),
}
ANSWERS = "answers-on-the-way"
MOST_ANSWERS = 5


def asked(request: AccessRequest) -> dict[str, object]:
    """Return a request as a line: who, where, what."""
    reader = directory_line(request.reader.user_id)
    return {
        "id": request.pk,
        "name": reader.name if reader else request.reader.name,
        "reader": reader,
        "parts": sentences.parts(request.categories),
        "may_write": Action.WRITE in request.actions,
        "days": request.days,
        "purpose": sentences.PURPOSES[request.purpose],
        "asked_at": request.asked_at,
        "lapses_at": request.lapses_at,
        "waits": requests.state(request) == AccessRequest.State.ASKED,
        "became": _BECAME.get(requests.state(request), ""),
        "grant": request.grant_id,
    }


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
    form = AnswerForm(found, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        kept = dict(list(request.session.get(ANSWERS, {}).items())[-(MOST_ANSWERS - 1) :])
        request.session[ANSWERS] = kept | {str(asking): form.answers()}
        return redirect("patient:answer-confirm", asking)
    said = correspondence.read_message(found, request.keyring)
    return render(request, "patient/answer.html", {"one": asked(found), "said": said, "form": form})


@require_http_methods(["GET", "POST"])
@patient_only
@unlocked
def confirm(request: HttpRequest, asking: UUID) -> HttpResponse:
    """The sentence a yes comes to, and the button that repeats it. Sent twice, it makes one grant."""
    found = _find(request, asking)
    if found.grant_id:
        return redirect("patient:grant", found.grant_id)
    given = request.session.get(ANSWERS, {}).get(str(asking))
    if given is None:
        return redirect("patient:answer", asking)
    one = asked(found)
    terms = {name: given[name] for name in ("categories", "actions", "days")}
    sensitive = [part for part in given["categories"] if part in SENSITIVE]
    try:
        proposed = answering.propose(found, **terms)
        posted = request.POST if request.method == "POST" else None
        form = ConfirmForm(sensitive, posted, name=one["name"], sentence=proposed.sentence)
        if form.is_valid():
            read = given.get("sentence")
            grant = answering.approve(found, keyring=request.keyring, sentence=read, **terms)
            return redirect("patient:grant", grant.pk)
    except (grants.CannotGive, requests.CannotAnswer) as problem:
        return render(request, "patient/cannot_answer.html", {"one": one, "problem": problem})
    request.session[ANSWERS] = request.session[ANSWERS] | {str(asking): given | {"sentence": proposed.sentence}}
    context = {"one": one, "form": form, "sentence": proposed.sentence, "until": proposed.ends}
    return render(request, "patient/answer_confirm.html", context)


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
