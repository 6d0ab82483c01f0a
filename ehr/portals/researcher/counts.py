"""How many people of a study meet criteria: asked, watched, cancelled, and read, rounded or not told at all."""

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
from ehr.portals.researcher.count_forms import Asked
from providers.rules import NotPossible
from research import budget, criteria, queries
from research.cohorts import asking
from research.models import CohortCount, Study

AGAIN_SECONDS = 3  # until the page of one that is under way looks again
STATES = {
    "asked": (gettext_lazy("Waits for a worker"), "warn"),
    "running": (gettext_lazy("Is being counted"), "warn"),
    "ready": (gettext_lazy("Counted"), ""),
    "cancelled": (gettext_lazy("Cancelled"), "plain"),
    "stopped": (gettext_lazy("Did not come about"), "stop"),
}


def _own(request: HttpRequest, count: UUID) -> CohortCount:
    found = asking.count_of(request.user, count)
    if found is None:
        raise Http404
    return found


def _told(count: CohortCount) -> dict[str, object]:
    """Return a count in words: who was asked about, how far it is, how many."""
    word, look = STATES[count.state]
    asked = criteria.read(count.criteria)
    words = criteria.sentence(asked, say=_, day=day_words)
    return {"count": count, "sentence": words, "word": word, "look": look}


@require_http_methods(["GET", "POST"])
@researcher_only
def counts(request: HttpRequest, study: UUID) -> HttpResponse:
    """Say who is to be counted, and see what was counted before. `?from=` begins with an earlier question."""
    found = queries.own_study(request.user, study)
    if found is None:
        raise Http404
    posted = request.method == "POST"
    asked = Asked(request.POST) if posted else Asked(document=_earlier(request, found))
    if posted and "more" not in request.POST and (document := asked.read()):
        try:
            return redirect("researcher:count", asking.ask(found, document, by=request.user).pk)
        except budget.Locked as locked:
            until = day_words(timezone.localtime(locked.until).date())
            words = _("This was asked too often. It can be asked again from %(until)s on; what was said stands below.")
            asked.people.add_error(None, words % {"until": until})
        except NotPossible as problem:
            asked.people.add_error(None, str(problem))
    wrong = forms.to_correct([asked.people, *asked.lines]) if posted and "more" not in request.POST else []
    page = paging.page(request, asking.counts(found), size=10)
    context = {
        "study": found,
        "asked": asked,
        "found": wrong,
        "page": page,
        "counts": [_told(one) for one in page],
        "rules": queries.rules(),
    }
    return render(request, "researcher/counts.html", context, status=422 if wrong else 200)


def _earlier(request: HttpRequest, study: Study) -> dict[str, object] | None:
    """Return the criteria of a count of this study that is to be built on; None where there is none such."""
    try:
        earlier = asking.count_of(request.user, UUID(request.GET.get("from", "")))
    except ValueError:
        return None
    return earlier.criteria if earlier and earlier.study_id == study.pk else None


@require_GET
@researcher_only
def count(request: HttpRequest, count: UUID) -> HttpResponse:
    """How far a count is; then the number, or that it is too small to be told."""
    found = _own(request, count)
    under_way = found.state in {"asked", "running"}
    context = _told(found) | {"study": found.study, "under_way": under_way, "rules": queries.rules()}
    context["percent"] = queries.how_far(found)
    return render(request, "researcher/count.html", context | {"again": AGAIN_SECONDS if under_way else 0})


@require_POST
@researcher_only
def cancel(request: HttpRequest, count: UUID) -> HttpResponse:
    """Stop counting."""
    found = _own(request, count)
    try:
        asking.cancel(found, by=request.user)
    except NotPossible as problem:
        messages.warning(request, str(problem))
    return redirect("researcher:count", found.pk)
