"""Many at once: tick permissions or requests, read every sentence, confirm; a page that goes on until all is done."""

from uuid import UUID, uuid4

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from consent import queries
from consent.models import BulkAct
from consent.sharing import answering, bulk, passing_on, proposing, requests
from ehr import clock
from ehr.frame.roles import patient_only, unlocked
from ehr.portals.patient import drafts
from ehr.portals.patient.answering import asked
from ehr.portals.patient.people import shared

BULK = "bulk"
SECONDS = 2  # between two loads of a page that goes on by itself
WHY = {
    "not-there": gettext_lazy("It is not there any more."),
    "not-any-more": gettext_lazy(
        "It could not be done any more: it was answered or taken back meanwhile, its time is over, or the person "
        "cannot be let in at the moment."
    ),
    "legal-copy": gettext_lazy("A legal copy stays as long as the law requires."),
}


def _ids(told: list[str]) -> list[UUID]:
    try:
        return [UUID(one) for one in told[: bulk.MOST + 1]]
    except ValueError:
        raise Http404 from None


@require_http_methods(["GET", "POST"])
@patient_only
def end_many(request: HttpRequest) -> HttpResponse:
    """Tick the permissions to end."""
    at = clock.now()
    people = [shared(grant, at) for grant in queries.who_can_see(request.patient, at)]
    return _tick(request, "patient/end_many.html", {"people": people}, kinds={"end"})


@require_http_methods(["GET", "POST"])
@patient_only
def answer_many(request: HttpRequest) -> HttpResponse:
    """Tick the requests to answer in the same way."""
    asking = [asked(one) for one in requests.open_requests(request.patient)]
    return _tick(request, "patient/answer_many.html", {"asking": asking}, kinds={"approve", "decline"})


def _tick(request: HttpRequest, template: str, context: dict[str, object], *, kinds: set[str]) -> HttpResponse:
    ticked = request.POST.getlist("item")
    if request.method == "POST":
        kind = request.POST.get("do", "")
        try:
            items = bulk.check(request.patient, kind=kind if kind in kinds else "", items=_ids(ticked))
        except bulk.CannotDo as problem:
            context["problem"] = problem
        else:
            draft = uuid4()
            drafts.begin(request, draft, BULK, do=kind, items=[str(one) for one in items])
            return redirect("patient:bulk-confirm", draft)
    context |= {"ticked": ticked, "under_way": bulk.under_way(request.patient)}
    return render(request, template, context)


@require_http_methods(["GET", "POST"])
@patient_only
@unlocked
def confirm(request: HttpRequest, draft: UUID) -> HttpResponse:
    """Every sentence, and the button that repeats them. Confirmed twice, it is one act."""
    if bulk.of_patient(request.patient, draft):
        return redirect("patient:bulk-act", draft)
    answers = drafts.find(request, draft, BULK)
    problem = None
    if request.method == "POST":
        try:
            bulk.begin(
                request.patient,
                kind=answers["do"],
                items=_ids(answers["items"]),
                once=draft,
                keyring=request.keyring,
                read=request.POST.get("read", ""),
            )
            return redirect("patient:bulk-act", draft)
        except bulk.CannotDo as cannot:
            problem = cannot
    lines = [_line(request, answers["do"], item) for item in answers["items"]]
    read = bulk.as_read(request.patient, kind=answers["do"], items=_ids(answers["items"]))
    context = {"do": answers["do"], "lines": lines, "read": read, "problem": problem, "back": _back(answers["do"])}
    return render(request, "patient/bulk_confirm.html", context)


def _back(kind: str) -> str:
    return reverse("patient:end-many" if kind == "end" else "patient:answer-many")


def _line(request: HttpRequest, kind: str, item: str) -> dict[str, object]:
    """Return one thing of an act in words: whose it is, and the sentence, or why there is none any more."""
    if kind == "end":
        grant = queries.of_patient(request.patient, item)
        if grant is None:
            return {"name": "", "sentence": "", "problem": ""}
        at = clock.now()
        over_too = [shared(other, at) for other in passing_on.hanging_from(grant)]
        return {"name": (one := shared(grant, at)).name, "sentence": one.sentence, "problem": "", "over_too": over_too}
    found = requests.of_patient(request.patient, item)
    if found is None:
        return {"name": "", "sentence": "", "problem": ""}
    one = asked(found)
    if kind == "decline":
        return {"name": one["name"], "parts": one["parts"], "sentence": "", "problem": ""}
    try:
        proposed = answering.propose(found, categories=found.categories, actions=found.actions, days=found.days)
    except (proposing.CannotGive, requests.CannotAnswer) as problem:
        return {"name": one["name"], "sentence": "", "problem": str(problem)}
    return {"name": one["name"], "sentence": proposed.sentence, "problem": ""}


@require_http_methods(["GET", "POST"])
@patient_only
@unlocked
def act(request: HttpRequest, act: UUID) -> HttpResponse:
    """How far an act is. Each load does some more of what was confirmed, until nothing is left; then what came of it.

    A reload, a second tab, another day: it goes on where it was, and does nothing twice.
    """
    found = bulk.of_patient(request.patient, act)
    if found is None:
        raise Http404
    found = bulk.advance(found, keyring=request.keyring)
    context = {
        "act": found,
        "all": len(found.items),
        "did": found.done - len(found.refused),
        "left": [_left(request, found, item) for item in found.items if item in found.refused],
        "back": _back(found.kind),
    }
    response = render(request, "patient/bulk_act.html", context)
    if found.finished_at is None:
        response["Refresh"] = f"{SECONDS};url={reverse('patient:bulk-act', args=[act])}"
    return response


def _left(request: HttpRequest, found: BulkAct, item: str) -> dict[str, object]:
    return {
        "name": _line(request, "decline" if found.kind == "approve" else found.kind, item)["name"],
        "why": WHY.get(found.refused[item], WHY["not-any-more"]),
    }
