"""What is asked back of releases because somebody withdrew: which rows, by when, and the word that they are gone."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from ehr import clock
from ehr.frame.roles import researcher_only, unlocked
from providers.rules import NotPossible
from research import queries
from research.leaving import attesting
from research.leaving.told import Fate, fate
from research.models import Recall

WORDS = {
    Fate.TOLD: (gettext_lazy("To be destroyed"), "warn"),
    Fate.OVERDUE: (gettext_lazy("Overdue"), "stop"),
    Fate.DESTROYED: (gettext_lazy("Destroyed"), ""),
}


def _told(recall: Recall) -> dict[str, object]:
    """Return what was asked back, in words."""
    word, look = WORDS[fate(recall, clock.now())]
    release = recall.release
    return {"recall": recall, "study": release.study, "release": release, "word": word, "look": look}


@require_GET
@researcher_only
def recalls(request: HttpRequest) -> HttpResponse:
    """Everything that was asked back, what is open first."""
    listed = [_told(one) for one in attesting.recalls(request.user)]
    return render(request, "researcher/recalls.html", {"recalls": listed})


@require_http_methods(["GET", "POST"])
@researcher_only
@unlocked
def recall(request: HttpRequest, recall: UUID) -> HttpResponse:
    """The rows to delete, or that it is the whole file; the button signs that it is done."""
    found = attesting.recall_of(request.user, recall)
    if found is None:
        raise Http404
    if request.method == "POST":
        try:
            attesting.attest(found, by=request.user, keyring=request.keyring)
            messages.success(request, _("You signed that it is destroyed. Whoever withdrew can read so."))
        except NotPossible as problem:
            messages.warning(request, str(problem))
        return redirect("researcher:recall", found.pk)
    try:
        rows = attesting.rows(found, request.keyring)
    except NotPossible as problem:
        messages.warning(request, str(problem))
        rows = []
    context = _told(found) | {"rows": rows, "rules": queries.rules()}
    return render(request, "researcher/recall.html", context)
