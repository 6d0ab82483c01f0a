"""A study, as its researcher writes, proposes and follows it."""

from uuid import UUID, uuid4

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from appointments.payments import amounts
from ehr.frame.roles import researcher_only
from ehr.portals.researcher.figure_forms import FiguresForm
from ehr.portals.researcher.forms import AnswerForm, ProposalForm, StudyForm
from ehr.portals.researcher.words import look, next_step
from providers.rules import NotPossible
from research import queries
from research.figures.words import titles
from research.models import Study
from research.studies import deciding, proposing
from research.studies.states import Verb, may

_SUFFIX = {"application/pdf": "pdf", "image/png": "png", "image/jpeg": "jpg"}
# What may be pressed on a study's page: the verb, how it fits the table, and what is said when it is done.
PRESSES = {
    "propose": (proposing.propose, Verb.PROPOSE, gettext_lazy("The study is before the committee now.")),
    "take-back": (
        proposing.take_back,
        Verb.TAKE_BACK,
        gettext_lazy("You took it back. Change it, then propose it anew."),
    ),
    "close": (deciding.close, Verb.CLOSE, gettext_lazy("The study is closed, and its keys are destroyed.")),
}


def _own(request: HttpRequest, study: UUID) -> Study:
    found = queries.own_study(request.user, study)
    if found is None:
        raise Http404
    return found


@require_http_methods(["GET", "POST"])
@researcher_only
def new(request: HttpRequest, kind: type[ProposalForm] = StudyForm) -> HttpResponse:
    """Write a study down. Nobody else sees it before it is proposed."""
    posted = request.method == "POST"
    form = kind(request.POST, request.FILES) if posted else kind(initial={"once": uuid4()})
    if posted and form.is_valid():
        made = _written(
            form,
            lambda asked: proposing.draft(
                request.researcher, asked, ethics=form.document(), by=request.user, once=form.cleaned_data["once"]
            ),
        )
        if made is not None:
            return redirect("researcher:study", made.pk)
    context = _of_kind(kind) | {"form": form, "footing": queries.footing(request.researcher)}
    return render(request, "researcher/new.html", context)


def _of_kind(kind: type[ProposalForm]) -> dict[str, object]:
    """Return which fields a page shows."""
    for_figures = kind is FiguresForm
    return {
        "for_figures": for_figures,
        "form_of": "researcher/_figures_form.html" if for_figures else "researcher/_study_form.html",
    }


@require_http_methods(["GET", "POST"])
@researcher_only
def change(request: HttpRequest, study: UUID) -> HttpResponse:
    """Change a study before it is proposed; afterwards nothing in it changes."""
    found = _own(request, study)
    if not may(found, Verb.CHANGE):
        raise Http404
    posted = request.method == "POST"
    kind = FiguresForm if found.is_for_figures else StudyForm
    form = kind(request.POST, request.FILES, kept=True) if posted else kind.of(found)
    if posted and form.is_valid():
        made = _written(
            form, lambda asked: proposing.change(found, asked, ethics=form.document() or None, by=request.user)
        )
        if made is not None:
            messages.success(request, _("It is changed."))
            return redirect("researcher:study", made.pk)
    return render(request, "researcher/change.html", _of_kind(kind) | {"form": form, "study": found})


def _written(form: ProposalForm, write) -> Study | None:
    """Return the study that was written, or None with what is to be corrected on the form."""
    try:
        return write(form.asked())
    except NotPossible as problem:
        form.add_error(None, str(problem))
    except ValidationError as problem:
        form.add_error(None, problem.messages)
    return None


@require_GET
@researcher_only
def study(request: HttpRequest, study: UUID) -> HttpResponse:
    """How a study stands, what it asks, what the committee says, and how many take part."""
    return _page(request, _own(request, study))


def _page(request: HttpRequest, found: Study, *, form: AnswerForm | None = None, about: int = 0) -> HttpResponse:
    questions = [
        {"question": one, "form": form if one.pk == about else AnswerForm(auto_id=f"answer-{one.pk}-%s")}
        for one in queries.questions(found)
    ]
    context = {
        "study": found,
        "look": look(found),
        "next": next_step(found),
        "pay": amounts.words(found.pay, found.currency),
        "questions": questions,
        "figures": titles(found),
        "votes": queries.votes(found),
        "joined": queries.how_many(found),
        "rules": queries.rules(),
        "may": {name.replace("-", "_"): may(found, verb) for name, (_verb, verb, _done) in PRESSES.items()},
        "changeable": may(found, Verb.CHANGE),
        "form": form,
    }
    return render(request, "researcher/study.html", context, status=422 if form else 200)


@require_POST
@researcher_only
def act(request: HttpRequest, study: UUID, press: str) -> HttpResponse:
    """Do one thing with a study, and show it again with what came of it."""
    found = _own(request, study)
    if press not in PRESSES:
        raise Http404
    verb, _fits, done = PRESSES[press]
    try:
        verb(found, by=request.user)
    except NotPossible as problem:
        messages.warning(request, str(problem))
    else:
        messages.success(request, done)
    return redirect("researcher:study", found.pk)


@require_POST
@researcher_only
def answer(request: HttpRequest, study: UUID, question: int) -> HttpResponse:
    """Answer what the committee asked."""
    found = _own(request, study)
    asked = queries.questions(found).filter(pk=question).first()
    if asked is None:
        raise Http404
    form = AnswerForm(request.POST, auto_id=f"answer-{asked.pk}-%s")
    if not form.is_valid():
        return _page(request, found, form=form, about=asked.pk)
    try:
        proposing.answer(asked, text=form.cleaned_data["answer"], by=request.user)
    except NotPossible as problem:
        messages.warning(request, str(problem))
    return redirect("researcher:study", found.pk)


@require_GET
@researcher_only
def ethics(request: HttpRequest, study: UUID) -> HttpResponse:
    """Hand the ethics board's document back to who handed it in; that it was opened is on the log before."""
    found = _own(request, study)
    document, media_type = proposing.open_ethics(found, by=request.user)
    reply = HttpResponse(document, content_type=media_type)
    reply["Content-Disposition"] = f'attachment; filename="ethics-approval.{_SUFFIX[media_type]}"'
    return reply
