"""Narrowing a permission on its way: to a time, to countries, to entries ticked one by one."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from consent.sharing import answering, requests
from consent.sharing.proposing import Narrow
from ehr.frame import paging
from ehr.frame.roles import patient_only, unlocked
from ehr.portals.patient import drafts, picking
from ehr.portals.patient.narrowing_forms import NarrowForm

PAGE = 30
MOST_ENTRIES = 300


def _within(request: HttpRequest, draft: UUID, answers: dict) -> Narrow:
    """Return the widest that a draft may be: for an answer as asked, or the entries ticked of those; else all."""
    if answers["kind"] != drafts.ANSWER:
        return Narrow()
    found = requests.of_patient(request.patient, draft)
    return answering.as_asked(found) if found else Narrow()


@require_http_methods(["GET", "POST"])
@patient_only
@unlocked
def narrow(request: HttpRequest, draft: UUID) -> HttpResponse:
    """What of the parts, of which time, and from where."""
    answers = drafts.find(request, draft)
    within, told = _within(request, draft, answers), answers.get("narrow", {})
    places = dict(zip(("place1", "place2", "place3"), told.get("places", ()), strict=False))
    initial = {"which": told.get("which", "all"), "first": told.get("first"), "last": told.get("last")} | places
    form = NarrowForm(request.POST if request.method == "POST" else None, within=within, initial=initial)
    if form.is_bound and form.is_valid():
        which, entries = form.cleaned_data["which"], told.get("entries", [])
        if within.entries and which == "all":
            which = "chosen"
        kept = drafts.narrowed(form.narrow()) | {"which": which, "entries": entries}
        drafts.keep(request, draft, narrow=kept)
        if form.cleaned_data["which"] == "chosen":
            return redirect("patient:share-entries", draft)
        return redirect(drafts.sentence_page(draft, answers["kind"]))
    return render(request, "patient/share_narrow.html", {"form": form, "back": _back(draft, answers)})


def _back(draft: UUID, answers: dict) -> str:
    return drafts.sentence_page(draft, answers["kind"])


@require_http_methods(["GET", "POST"])
@patient_only
@unlocked
def entries(request: HttpRequest, draft: UUID) -> HttpResponse:
    """One line for each entry of the parts, to tick, a page at a time. Going to another page keeps the ticks."""
    answers = drafts.find(request, draft)
    told = answers.get("narrow", {})
    known = picking.own(
        request.patient, answers["categories"], keyring=request.keyring, within=_within(request, draft, answers)
    )
    ticked, problem, number = told.get("entries", []), "", request.GET.get("page", 1)
    if request.method == "POST":
        ticked = picking.still_ticked(ticked, request.POST.getlist("shown"), request.POST.getlist("entry"), known)
        drafts.keep(request, draft, narrow=told | {"which": "chosen", "entries": ticked, "first": None, "last": None})
        number = request.POST.get("go", "")
        problem = "" if number else _problem(ticked)
        if not number and not problem:
            return redirect(_back(draft, answers))
        number = number or request.POST.get("page", 1)
    context = {
        "page": paging.numbered(known, number, size=PAGE),
        "ticked": set(ticked),
        "told": _told(len(ticked)),
        "problem": problem,
        "draft": draft,
    }
    return render(request, "patient/share_entries.html", context)


def _problem(ticked: list[str]) -> str:
    if not ticked:
        return _("Tick at least one entry, or go back and choose another way.")
    if len(ticked) > MOST_ENTRIES:
        return _("Tick at most %(most)s entries, or share a whole part.") % {"most": MOST_ENTRIES}
    return ""


def _told(number: int) -> str:
    if not number:
        return _("Nothing is ticked yet.")
    return ngettext("One entry is ticked.", "%(number)s entries are ticked.", number) % {"number": number}
