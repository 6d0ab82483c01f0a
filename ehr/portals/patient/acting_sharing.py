"""Letting a clinician see somebody's record, in the name of the patient whom one acts for."""

from datetime import datetime
from uuid import UUID, uuid4

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from consent import sentences
from consent.acting import Right
from consent.delegates import sharing
from ehr import clock
from ehr.accounts import queries as accounts
from ehr.frame.acting import with_right
from ehr.frame.roles import unlocked
from ehr.portals.patient.delegates_forms import LetInForm
from ehr.portals.patient.sharing_forms import ConfirmForm
from ehr.words import SENSITIVE, Action
from providers import queries as providers
from providers.roles import Role

DRAFTS = "let-in-for-somebody"


@require_GET
@with_right(Right.SHARE)
def acting_share(request: HttpRequest) -> HttpResponse:
    """Whom one let in for them, and the directory of clinicians whose licence is valid now."""
    words = request.GET.get("words", "").strip()[:100]
    page = providers.directory(words)
    given = [
        {"grant": one, "name": one.reader.name, "parts": sentences.parts(one.categories)}
        for one in sharing.standing(request.acting)
    ]
    context = {"acting": request.acting, "given": given, "words": words}
    # A pharmacist is let in to one prescription at a time, which only the patient does.
    context["lines"] = [line for line in page.lines if line.role != Role.PHARMACIST]
    return render(request, "patient/acting_share.html", context)


@require_http_methods(["GET", "POST"])
@with_right(Right.SHARE)
def acting_share_with(request: HttpRequest, reader: UUID) -> HttpResponse:
    """Which parts, and for how long. Nothing is ticked before somebody ticks it."""
    line = providers.directory_line(reader)
    if line is None:
        raise Http404
    form = LetInForm(request.acting, request.POST if request.method == "POST" else None)
    if form.is_valid():
        draft = str(uuid4())
        answers = {
            "reader": str(reader),
            "delegation": str(request.acting.delegation.pk),
            "categories": form.categories(),
            "write": form.cleaned_data["write"],
            "starts": clock.now().replace(microsecond=0).isoformat(),
            "ends": form.ends().isoformat(),
        }
        request.session[DRAFTS] = {draft: answers}
        return redirect("patient:acting-share-confirm", draft)
    return render(request, "patient/acting_share_with.html", {"form": form, "reader": line, "acting": request.acting})


@require_http_methods(["GET", "POST"])
@with_right(Right.SHARE)
@unlocked
def acting_share_confirm(request: HttpRequest, draft: UUID) -> HttpResponse:
    """One sentence, and the button that repeats it. The same confirmation sent twice makes one grant."""
    now = request.acting
    if sharing.given_by(now).filter(pk=draft).exists():
        return redirect("patient:acting-share")
    answers = request.session.get(DRAFTS, {}).get(str(draft))
    line = providers.directory_line(UUID(answers["reader"])) if answers else None
    if line is None or answers["delegation"] != str(now.delegation.pk):
        raise Http404
    terms = _terms(answers)
    try:
        proposed = sharing.propose(now, **terms)
        posted = request.POST if request.method == "POST" else None
        sensitive = [part for part in answers["categories"] if part in SENSITIVE]
        form = ConfirmForm(sensitive, posted, name=line.name, sentence=proposed.sentence)
        if form.is_valid():
            sharing.give(now, keyring=request.keyring, once=draft, sentence=answers.get("sentence"), **terms)
            messages.success(request, _("%(reader)s may see it now. %(name)s is told.") % _names(line, now))
            return redirect("patient:acting-share")
    except sharing.CannotGive as problem:
        messages.warning(request, str(problem))
        return redirect("patient:acting-share")
    request.session[DRAFTS] = {str(draft): answers | {"sentence": proposed.sentence}}
    context = {"form": form, "reader": line, "sentence": proposed.sentence, "until": proposed.ends, "acting": now}
    return render(request, "patient/acting_share_confirm.html", context)


def _names(line, now) -> dict[str, str]:
    return {"reader": line.name, "name": now.patient.name}


def _terms(answers: dict) -> dict[str, object]:
    return {
        "reader": accounts.person(answers["reader"]),
        "categories": answers["categories"],
        "actions": [Action.READ, Action.WRITE] if answers["write"] else [Action.READ],
        "starts": datetime.fromisoformat(answers["starts"]),
        "ends": datetime.fromisoformat(answers["ends"]),
    }


@require_POST
@with_right(Right.SHARE)
def acting_share_stop(request: HttpRequest, grant: UUID) -> HttpResponse:
    """Stop what one gave for them. Stopping what is over already changes nothing."""
    found = sharing.given_by(request.acting).filter(pk=grant).first()
    if found is None:
        raise Http404
    sharing.stop(request.acting, found)
    messages.success(request, _("%(reader)s sees nothing of it any more.") % {"reader": found.reader.name})
    return redirect("patient:acting-share")
