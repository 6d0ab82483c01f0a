"""Private questions of a study: asked with what they cost in words, watched, cancelled, and read with their noise."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from ehr.frame import forms, paging
from ehr.frame.roles import researcher_only
from ehr.frame.templatetags.frame import day_words
from ehr.portals.researcher.question_forms import EVERYBODY, QuestionForm
from providers.rules import NotPossible
from research import budget, criteria, queries
from research.budget import Budget
from research.cohorts import asking as cohorts
from research.models import PrivateQuestion, Study
from research.private import asking, saying
from research.private.dictionary import NotDescribed
from research.private.prices import PRICES, Precision, epsilon
from research.private.questions import Question
from research.private.variables import DESCRIBED, EDITION, offered

AGAIN_SECONDS = 3  # until the page of one that is under way looks again
STATES = {
    "asked": (gettext_lazy("Waits for a worker"), "warn"),
    "running": (gettext_lazy("Is being answered"), "warn"),
    "ready": (gettext_lazy("Answered"), ""),
    "cancelled": (gettext_lazy("Cancelled"), "plain"),
    "stopped": (gettext_lazy("Did not come about"), "stop"),
}


def _own(request: HttpRequest, asked: UUID) -> PrivateQuestion:
    found = asking.question_of(request.user, asked)
    if found is None:
        raise Http404
    return found


def _sentence(document: dict | None) -> str:
    if document is None:
        return _("Everybody who takes part.")
    return criteria.sentence(criteria.read(document), say=_, day=day_words)


def _told(row: PrivateQuestion, left: Budget) -> dict[str, object]:
    """Return a question in words: what was asked of whom, what it costs, how far it is, and the answer."""
    word, look = STATES[row.state]
    asked = Question.read(row.question)
    said = saying.answer(asked, row.answer.answer) if row.answer else None
    return {
        "row": row,
        "title": saying.what(asked),
        "people": _sentence(row.criteria),
        "cost": left.words(row.price),
        "word": word,
        "look": look,
        "said": said,
    }


def _defined(row: PrivateQuestion) -> dict[str, object]:
    """Return how the answer is defined, so that somebody else could ask the same."""
    variable = Question.read(row.question).variable
    if variable is None:
        return {}
    # What an earlier edition described in another way has the bounds it was asked with, and no edition's name.
    known = DESCRIBED.get(variable.name)
    codes = ", ".join(f"LOINC {code}" for code in known.codes) if known else ""
    edition = EDITION if known and known.variable == variable else ""
    return {"name": saying.called(variable), "bounds": saying.bounds(variable), "codes": codes, "edition": edition}


def _left(study: Study) -> dict[str, object]:
    """Return what is left of a study's budget: as a share, and in questions of the usual precision."""
    held = budget.left_of_study(study)
    under_way = budget.promised(study)
    free = max(held.left - under_way, 0)
    return {
        "left": held.words(free),
        "percent": free * 100 // held.granted if held.granted else 0,
        "usual": free // PRICES[Precision.USUAL],
        "under_way": held.words(under_way) if under_way else "",
    }


@require_http_methods(["GET", "POST"])
@researcher_only
def questions(request: HttpRequest, study: UUID) -> HttpResponse:
    """Ask, and see what was asked before. `?of=` begins with the people of a count."""
    found = queries.own_study(request.user, study)
    if found is None:
        raise Http404
    held = budget.left_of_study(found)
    groups = {str(one.pk): one.criteria for one in cohorts.cohorts(found)}
    begun = request.GET.get("of", "")
    form = QuestionForm(
        request.POST if request.method == "POST" else None,
        variables=offered(set(found.categories)),
        cohorts=[(key, _sentence(document)) for key, document in groups.items()],
        budget=held,
        initial={"people": begun if begun in groups else EVERYBODY},
    )
    if form.is_bound and form.is_valid():
        among = groups.get(form.cleaned_data["people"])
        try:
            made = asking.ask(found, among=among, by=request.user, **form.asked())
            return redirect("researcher:question", made.pk)
        except (budget.Locked, budget.Spent, NotPossible) as problem:
            form.add_error(None, _refusal(problem, found, form.asked()["price"]))
    page = paging.page(request, asking.questions(found), size=10)
    context = {
        "study": found,
        "form": form,
        "page": page,
        "questions": [_told(one, held) for one in page],
        "budget": _left(found),
    }
    return render(request, "researcher/questions.html", context, status=422 if forms.to_correct([form]) else 200)


def _refusal(problem: Exception, study: Study, price: int) -> str:
    """Return why a question was refused, and what to do."""
    if isinstance(problem, budget.Locked):
        until = day_words(timezone.localtime(problem.until).date())
        words = _("This was asked too often. It can be asked again from %(until)s on; its answer stands below.")
        return words % {"until": until}
    if isinstance(problem, budget.Spent):
        return asking.spent_words(price, budget.left_of_study(study))
    return str(problem)


@require_GET
@researcher_only
def question(request: HttpRequest, asked: UUID) -> HttpResponse:
    """How far a question is; then the answer, what its noise is, how it is defined, and of which day."""
    found = _own(request, asked)
    under_way = found.state in {"asked", "running"}
    context = _told(found, budget.left_of_study(found.study)) | {
        "study": found.study,
        "defined": _defined(found),
        "epsilon": epsilon(found.price),
        "budget": _left(found.study),
        "under_way": under_way,
        "percent": queries.how_far(found),
        "again": AGAIN_SECONDS if under_way else 0,
    }
    return render(request, "researcher/question.html", context)


@require_POST
@researcher_only
def again(request: HttpRequest, asked: UUID) -> HttpResponse:
    """Ask the same of today's records; it costs again, unless it was asked of them already."""
    found = _own(request, asked)
    kept = Question.read(found.question)
    try:
        made = asking.ask(
            found.study,
            kept.kind,
            kept.variable.name if kept.variable else "",
            price=found.price,
            by=request.user,
            among=found.criteria,
            percent=kept.percent,
            anew=True,
        )
    except (budget.Locked, budget.Spent, NotDescribed, NotPossible) as problem:
        messages.warning(request, _refusal(problem, found.study, found.price))
        return redirect("researcher:question", found.pk)
    return redirect("researcher:question", made.pk)


@require_POST
@researcher_only
def cancel(request: HttpRequest, asked: UUID) -> HttpResponse:
    """Stop a question that is under way."""
    found = _own(request, asked)
    try:
        asking.cancel(found, by=request.user)
    except NotPossible as problem:
        messages.warning(request, str(problem))
    return redirect("researcher:question", found.pk)
