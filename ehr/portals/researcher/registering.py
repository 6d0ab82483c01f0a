"""Registering as a researcher, handing in training anew, and the agreement."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from ehr.frame import sessions
from ehr.frame.roles import RESEARCHER, may_begin_research, researcher_only, unlocked
from ehr.portals.researcher.forms import RegisterForm, TrainingForm
from providers.credentials import submit_credential
from providers.rules import NotPossible
from research import queries, words
from research.studies import registering


@require_http_methods(["GET", "POST"])
@may_begin_research
def register(request: HttpRequest) -> HttpResponse:
    """Register with training and a place of work. That alone opens nothing: somebody else decides about it."""
    if queries.researcher_of(request.user) is not None:
        return redirect("researcher:home")
    posted = request.method == "POST"
    form = RegisterForm(request.POST, request.FILES) if posted else RegisterForm(initial=_known(request))
    if posted and form.is_valid():
        told = form.cleaned_data
        try:
            registering.register(
                request.user,
                title=told["title"],
                professional_name=told["professional_name"],
                institution=told["institution"],
                licence=form.licence(),
                evidence=told["evidence"].read(),
                by=request.user,
            )
        except NotPossible as problem:
            form.add_error(None, str(problem))
        except ValidationError as problem:
            form.add_error(None, problem.messages)
        else:
            request.session[sessions.LIMITS] = RESEARCHER
            return _done(request)
    return render(request, "researcher/register.html", {"form": form})


def _known(request: HttpRequest) -> dict[str, str]:
    return {"professional_name": request.user.name}


@require_http_methods(["GET", "POST"])
@researcher_only
def licence(request: HttpRequest) -> HttpResponse:
    """Hand training in anew: renewed, or after it was refused."""
    form = TrainingForm(request.POST, request.FILES) if request.method == "POST" else TrainingForm()
    if form.is_bound and form.is_valid():
        try:
            evidence = form.cleaned_data["evidence"].read()
            submit_credential(request.researcher.clinician, licence=form.licence(), evidence=evidence, by=request.user)
        except NotPossible as problem:
            form.add_error(None, str(problem))
        except ValidationError as problem:
            form.add_error(None, problem.messages)
        else:
            return _done(request)
    return render(request, "researcher/licence.html", {"form": form})


def _done(request: HttpRequest) -> HttpResponse:
    messages.success(request, _("Your training is handed in. A verifier decides about it, and we will tell you."))
    return redirect("researcher:home")


@require_http_methods(["GET", "POST"])
@researcher_only
@unlocked
def agreement(request: HttpRequest) -> HttpResponse:
    """The agreement, word for word, signed with one's own key."""
    if request.method == "POST":
        registering.sign_agreement(request.researcher, keyring=request.keyring, by=request.user)
        messages.success(request, _("You signed the agreement with your own key."))
        return redirect("researcher:home")
    context = {"text": words.AGREEMENT, "edition": words.EDITION, "agreed": queries.agreed(request.researcher)}
    return render(request, "researcher/agreement.html", context)
