"""Who can see it: the people, and letting somebody in."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.contrib.humanize.templatetags.humanize import apnumber
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from consent import queries
from consent.access import KeysLocked
from consent.sharing import blocks, grants, proposing, requests, templates
from ehr import clock
from ehr.frame.forms import tick_all
from ehr.frame.roles import patient_only, with_next
from ehr.portals.patient import drafts, picking, referrals
from ehr.portals.patient.answering import asked
from ehr.portals.patient.people import Shared, let_in, shared
from ehr.portals.patient.sharing_forms import SPANS, ConfirmForm, UntilForm, WhatForm, last_minute, situation
from ehr.portals.patient.teams import reader_of, whom
from ehr.words import SENSITIVE, Action, Purpose
from providers import queries as providers
from providers import team_queries
from providers.queries import DirectoryLine
from providers.team_queries import TeamLine

MOST_DIGITS = 10


def answer(people: Sequence[Shared]) -> str:
    """Return how many people, and how many apps, can see something of the record, in a sentence or two."""
    number, apps = let_in(people), sum(one.app and not one.later for one in people)
    studies = sum(one.study and not one.later for one in people)
    told = _("Nobody but you.") if not (number or apps or studies) else ""
    if number:
        told = ngettext(
            "One person besides you can see a part of it.",
            "%(number)s people besides you can see a part of it.",
            number,
        ) % {"number": capfirst(apnumber(number))}
    if apps:
        told += " " + ngettext(
            "One app that you use can see a part of it.", "%(number)s apps that you use can see a part of it.", apps
        ) % {"number": capfirst(apnumber(apps))}
    if studies:
        told += " " + ngettext(
            "One study that you joined uses a part of it, without your name.",
            "%(number)s studies that you joined use a part of it, without your name.",
            studies,
        ) % {"number": capfirst(apnumber(studies))}
    return told.strip()


@require_GET
@patient_only
def sharing(request: HttpRequest) -> HttpResponse:
    """Who can see the record: people first, each with what and until when."""
    at = clock.now()
    people = [shared(grant, at) for grant in queries.who_can_see(request.patient, at)]
    over = [shared(grant, at) for grant in queries.ended(request.patient, at)[:50]]
    context = {
        "people": people,
        "over": over,
        "answer": answer(people),
        "asking": [asked(one) for one in requests.open_requests(request.patient)],
        "referred": referrals.waiting(request.patient),
    }
    return render(request, "patient/sharing.html", context)


# --- Letting somebody in: who, what, how long, one sentence --------------------------------------
@require_GET
@patient_only
def find(request: HttpRequest) -> HttpResponse:
    """The directory: care teams, and clinicians whose licence is valid now."""
    words = request.GET.get("words", "").strip()[:100]
    after = request.GET.get("after", "")
    known = after.isascii() and after.isdigit() and len(after) < 19
    page = providers.directory(words, after=int(after) if known else None)
    teams = [] if known else team_queries.directory(words)
    context = {"words": words, "lines": page.lines, "teams": teams, "after": page.after}
    context["kept_out"] = blocks.kept_out(request.patient)
    return render(request, "patient/find.html", context)


@require_POST
@patient_only
def begin(request: HttpRequest, reader: UUID) -> HttpResponse:
    """Note whom the patient chose. What they answer on the way is kept with their session."""
    if whom(reader) is None:
        raise Http404
    draft = uuid4()
    drafts.begin(request, draft, drafts.SHARE, reader=str(reader))
    return redirect("patient:share-what", draft)


def _draft(request: HttpRequest, draft: UUID) -> tuple[dict, DirectoryLine | TeamLine]:
    """Return what was answered so far and whom it is about. Raises Http404 when either is gone."""
    answers = drafts.find(request, draft, drafts.SHARE)
    reader = whom(answers["reader"])
    if reader is None:
        raise Http404
    return answers, reader


@require_http_methods(["GET", "POST"])
@patient_only
def share_what(request: HttpRequest, draft: UUID) -> HttpResponse:
    """A common situation, which leads to its sentence at once; or which parts, ticked one by one.

    What was ticked before is ticked again when a person comes back to this step.
    """
    answers, reader = _draft(request, draft)
    if request.POST.get("situation"):
        return _begin_with(request, draft)
    before = set(answers.get("categories", []))
    form = WhatForm(
        request.POST if request.method == "POST" else None,
        initial={
            "ordinary": sorted(before - SENSITIVE),
            "sensitive": sorted(before & SENSITIVE),
            "write": answers.get("write", False),
        },
    )
    if "all" in request.POST:
        tick_all(form, "ordinary")
    elif form.is_bound and form.is_valid():
        drafts.keep(request, draft, categories=form.categories(), write=form.cleaned_data["write"])
        return redirect("patient:share-until", draft)
    situations = [situation(one) for one in templates.offered()]
    context = {"form": form, "reader": reader, "draft": draft, "situations": situations}
    return render(request, "patient/share_what.html", context)


def _begin_with(request: HttpRequest, draft: UUID) -> HttpResponse:
    """Fill the whole form from a common situation. Raises Http404 where it is not on offer."""
    chosen = request.POST["situation"]
    found = templates.one(chosen) if chosen.isascii() and chosen.isdigit() and len(chosen) < MOST_DIGITS else None
    if found is None:
        raise Http404
    span = next((span for span, days in SPANS.items() if days == found.days), "own")
    last = timezone.localdate(clock.now()) + timedelta(days=found.days)
    drafts.keep(
        request,
        draft,
        categories=found.categories,
        write=Action.WRITE in found.actions,
        span=span,
        until=last.isoformat() if span == "own" else None,
        starts=clock.now().replace(microsecond=0).isoformat(),
        ends=last_minute(last).isoformat(),
        narrow={},
    )
    return redirect("patient:share-confirm", draft)


@require_http_methods(["GET", "POST"])
@patient_only
def share_until(request: HttpRequest, draft: UUID) -> HttpResponse:
    """For how long."""
    answers, reader = _draft(request, draft)
    if "categories" not in answers:
        return redirect("patient:share-what", draft)
    form = UntilForm(initial={"span": answers.get("span"), "until": answers.get("until")})
    if request.method == "POST":
        form = UntilForm(request.POST)
        if form.is_valid():
            chosen = form.cleaned_data["until"]
            drafts.keep(
                request,
                draft,
                span=form.cleaned_data["span"],
                until=chosen.isoformat() if chosen else None,
                starts=clock.now().replace(microsecond=0).isoformat(),
                ends=form.ends().isoformat(),
            )
            return redirect("patient:share-confirm", draft)
    return render(request, "patient/share_until.html", {"form": form, "reader": reader, "draft": draft})


@require_http_methods(["GET", "POST"])
@patient_only
def share_confirm(request: HttpRequest, draft: UUID) -> HttpResponse:
    """One sentence, and the button that repeats it. The same confirmation sent twice makes one grant."""
    if queries.of_patient(request.patient, draft):
        return redirect("patient:grant", draft)
    answers, reader = _draft(request, draft)
    if "ends" not in answers:
        return redirect("patient:share-until", draft)
    if drafts.awaits_ticks(answers):
        return redirect("patient:share-entries", draft)
    terms = _terms(request, answers, reader)
    try:
        proposed = proposing.propose(request.patient, **terms)
        form = ConfirmForm.about(proposed, request.POST if request.method == "POST" else None, name=reader.name)
        if form.is_valid():
            read = answers.get("sentence")
            grant = grants.give(request.patient, keyring=request.keyring, once=draft, sentence=read, **terms)
            return redirect("patient:grant", grant.pk)
    except proposing.CannotGive as problem:
        return render(request, "patient/cannot_share.html", {"reader": reader, "problem": problem, "draft": draft})
    except KeysLocked:
        return redirect(with_next("front:unlock", request.path))
    drafts.keep(request, draft, sentence=proposed.sentence)
    context = {"form": form, "reader": reader, "draft": draft, "sentence": proposed.sentence, "until": proposed.ends}
    context["picked"] = picking.chosen(request.patient, proposed, keyring=request.keyring)
    return render(request, "patient/share_confirm.html", context)


def _terms(request: HttpRequest, answers: dict, reader: DirectoryLine | TeamLine) -> dict[str, object]:
    narrow = drafts.narrow(answers)
    return {
        "reader": reader_of(reader),
        "categories": picking.parts_of(request.patient, narrow, answers["categories"]),
        "actions": [Action.READ, Action.WRITE] if answers["write"] else [Action.READ],
        "purpose": Purpose.TREAT,
        "starts": datetime.fromisoformat(answers["starts"]),
        "ends": datetime.fromisoformat(answers["ends"]),
        "narrow": narrow,
    }
