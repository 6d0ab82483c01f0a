"""Releases of a study: asked for, watched while they are made, cancelled, and fetched once."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from appointments.payments import amounts
from ehr.frame import figures, proving
from ehr.frame.proof_forms import ProofForm
from ehr.frame.roles import researcher_only, unlocked
from providers.rules import NotPossible
from research import queries
from research.compensation import stages
from research.compensation.stages import Stage
from research.models import Release
from research.release import asking, reported

AGAIN_SECONDS = 3  # until the page of one that is being made looks again
STATES = {
    "asked": (gettext_lazy("Waits for a worker"), "warn"),
    "running": (gettext_lazy("Is being made"), "warn"),
    "ready": (gettext_lazy("Ready to be fetched"), ""),
    "fetched": (gettext_lazy("Fetched"), "plain"),
    "cancelled": (gettext_lazy("Cancelled"), "plain"),
    "stopped": (gettext_lazy("Did not come about"), "stop"),
}
STEPS = {
    "opening": gettext_lazy("Opens what people share, one after another; each finds a line about it on their list."),
    "flattening": gettext_lazy("Makes one table, takes names away, and makes it coarse enough that nobody stands out."),
    "writing": gettext_lazy("A second program checked the table. The file is being closed for you."),
}

PAID = {
    Stage.DUE: gettext_lazy("The institution pays it."),
    Stage.HANDED_ON: gettext_lazy("The institution’s payments have it on their list."),
    Stage.PAID: gettext_lazy("The institution paid it."),
    Stage.ON_ITS_WAY: gettext_lazy("It is being set aside in the contract."),
    Stage.READY: gettext_lazy("It is set aside in the contract, and each of them says where their part goes."),
    Stage.RETURNED: gettext_lazy("The contract paid it. What nobody claimed in time went back to the institution."),
}


def _own(request: HttpRequest, release: UUID) -> Release:
    found = asking.release_of(request.user, release)
    if found is None:
        raise Http404
    return found


def _told(release: Release) -> dict:
    """Return how a release stands, in words."""
    word, look = STATES[release.state]
    return {"release": release, "word": word, "look": look, "step": STEPS.get(release.step, "")}


def _paid(release: Release) -> dict[str, str]:
    """Return what those in a release are due together, and how far that is; nothing of any one of them."""
    at = stages.of_release(release)
    if at is None:
        return {}
    study = release.study
    return {"pay": amounts.words(study.pay * release.people, study.currency), "paid": PAID[at]}


@require_http_methods(["GET", "POST"])
@researcher_only
def releases(request: HttpRequest, study: UUID) -> HttpResponse:
    """All releases of a study; the button asks for another."""
    found = queries.own_study(request.user, study)
    if found is None:
        raise Http404
    if request.method == "POST":
        try:
            return redirect("researcher:release", asking.ask(found, by=request.user).pk)
        except NotPossible as problem:
            messages.warning(request, str(problem))
            return redirect("researcher:releases", found.pk)
    listed = [_told(one) for one in asking.releases(found)]
    context = {"study": found, "releases": listed, "rules": queries.rules()}
    return render(request, "researcher/releases.html", context)


@require_GET
@researcher_only
def synthetic(request: HttpRequest, study: UUID) -> HttpResponse:
    """Hand over the synthetic twin of what will leave, to write a program by. Nobody's record is read for it."""
    found = queries.own_study(request.user, study)
    if found is None:
        raise Http404
    try:
        content = asking.synthetic(found)
    except NotPossible as problem:
        messages.warning(request, str(problem))
        return redirect("researcher:study", found.pk)
    response = HttpResponse(content, content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="synthetic-{found.pk}.zip"'
    return response


@require_GET
@researcher_only
def release(request: HttpRequest, release: UUID) -> HttpResponse:
    """How far a release is, what is in it once it is ready, and what to do next."""
    found = _own(request, release)
    under_way = found.state in {"asked", "running"}
    again = AGAIN_SECONDS if under_way else 0
    context = _told(found) | {"study": found.study, "under_way": under_way, "again": again}
    context["percent"] = queries.how_far(found)
    context |= _paid(found)
    context["emptied"] = sum(found.facts.get("left empty as a mark", {}).values())
    context["alone"] = found.facts.get("rows alone by all columns")
    context["figures"] = figures.shown(reported.figures(found.facts, gettext=_))
    return render(request, "researcher/release.html", context)


@require_POST
@researcher_only
def cancel(request: HttpRequest, release: UUID) -> HttpResponse:
    """Stop making it."""
    found = _own(request, release)
    try:
        asking.cancel(found, by=request.user)
    except NotPossible as problem:
        messages.warning(request, str(problem))
    return redirect("researcher:release", found.pk)


@require_http_methods(["GET", "POST"])
@researcher_only
@unlocked
def fetch(request: HttpRequest, release: UUID) -> HttpResponse | StreamingHttpResponse:
    """Ask once more who it is; then hand the file over, this once."""
    found = _own(request, release)
    form = ProofForm(request.user, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        told = form.cleaned_data
        try:
            proven = proving.prove_again(request, passphrase=told["passphrase"], code=told.get("code", ""))
            pieces = asking.fetch(found, by=request.user, keyring=proven.keyring)
        except proving.NotProven as problem:
            form.add_error(problem.field, str(problem))
        except NotPossible as problem:
            messages.warning(request, str(problem))
            return redirect("researcher:release", found.pk)
        else:
            return _handed_over(found, pieces)
    return render(request, "researcher/fetch.html", _told(found) | {"form": form, "study": found.study})


def _handed_over(release: Release, pieces) -> StreamingHttpResponse:
    response = StreamingHttpResponse(pieces, content_type="application/zip")
    response["Content-Length"] = str(release.size)
    response["Content-Disposition"] = f'attachment; filename="{_("release")}-{release.pk}.zip"'
    response["X-Content-Type-Options"] = "nosniff"
    return response
