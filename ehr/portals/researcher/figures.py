"""Figures of a population: seen, asked for once a month, watched, cancelled, and taken along as a file."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from ehr.frame.roles import researcher_only
from providers.rules import NotPossible
from research import queries
from research.figures import asking, shown
from research.models import Study

AGAIN_SECONDS = 3  # until the page of figures that are being made looks again
STATES = {
    "asked": (gettext_lazy("Waits for a worker"), "warn"),
    "running": (gettext_lazy("Is being made"), "warn"),
    "ready": (gettext_lazy("Made"), ""),
    "cancelled": (gettext_lazy("Cancelled"), "plain"),
    "stopped": (gettext_lazy("Did not come about"), "stop"),
}


def _own(request: HttpRequest, study: UUID) -> Study:
    found = queries.own_study(request.user, study)
    if found is None or not found.is_for_figures:
        raise Http404
    return found


@require_http_methods(["GET", "POST"])
@researcher_only
def figures(request: HttpRequest, study: UUID) -> HttpResponse:
    """All figures of a study as they stand; the button asks for this month's."""
    found = _own(request, study)
    if request.method == "POST":
        try:
            asking.ask(found, by=request.user)
        except NotPossible as problem:
            messages.warning(request, str(problem))
        return redirect("researcher:figures", found.pk)
    run = asking.last_run(found)
    under_way = run is not None and run.state in {"asked", "running"}
    word, look = STATES[run.state] if run else ("", "")
    context = {
        "study": found,
        "figures": shown.shown(found),
        "run": run,
        "percent": queries.how_far(run) if run else None,
        "word": word,
        "look": look,
        "under_way": under_way,
        "again": AGAIN_SECONDS if under_way else 0,
        "may_ask": asking.may_ask(found),
        "rules": queries.rules(),
    }
    return render(request, "researcher/figures.html", context)


@require_GET
@researcher_only
def file(request: HttpRequest, study: UUID) -> HttpResponse:
    """The same as CSV, of all months."""
    reply = HttpResponse(shown.written(_own(request, study)), content_type="text/csv; charset=utf-8")
    reply["Content-Disposition"] = 'attachment; filename="figures.csv"'
    return reply


@require_POST
@researcher_only
def cancel(request: HttpRequest, run: UUID) -> HttpResponse:
    """Stop making figures."""
    found = asking.run_of(request.user, run)
    if found is None:
        raise Http404
    try:
        asking.cancel(found, by=request.user)
    except NotPossible as problem:
        messages.warning(request, str(problem))
    else:
        messages.success(request, _("It is cancelled. What was opened for it is gone."))
    return redirect("researcher:figures", found.study_id)
