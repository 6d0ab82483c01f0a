"""The pages of somebody who acts for a patient: agreeing to, switching to and from it, and the patient's record."""

from dataclasses import replace
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from audit.queries import Line
from consent.access import ChangedMeanwhile
from consent.access.acting import (
    Acting,
    add_as_delegate,
    open_as_delegate,
    open_file_as_delegate,
    read_log_as_delegate,
)
from consent.acting import Right
from consent.delegates import naming, vouching
from consent.delegates import queries as delegates
from consent.escrow import NotReleased
from consent.models import Delegation
from consent.sentences import AS_YOUR
from ehr import clock
from ehr.frame import acting as switch
from ehr.frame import paging
from ehr.frame.acting import acting_only, with_right
from ehr.frame.categories import about
from ehr.frame.drafting import draft
from ehr.frame.roles import signed_in, unlocked
from ehr.lines import chart, contents
from ehr.portals.patient import sections, story
from ehr.portals.patient.forms import NoteForm, ReadingForm
from ehr.portals.patient.readings import LOINC, READINGS, Reading, observation
from ehr.portals.patient.record import as_file
from ehr.r4 import labels
from ehr.words import Category
from patients import queries as patients

PAGE = 50
NOTE = "note"


# --- For whom, and switching ---------------------------------------------------------------------
@require_GET
@signed_in
def acting(request: HttpRequest) -> HttpResponse:
    """Who asks one to act for them, and for whom one does."""
    if not delegates.has_any(request.user):
        raise Http404
    context = {
        "offered": delegates.offered_to(request.user),
        "unfinished": delegates.to_take_up(request.user),
        "waiting": delegates.waiting_for_signature(request.user),
        "people": [_person(one) for one in delegates.acts_for(request.user)],
    }
    return render(request, "patient/acting.html", context)


def _person(one: Acting) -> dict[str, object]:
    return {"acting": one, "basis": capfirst(str(AS_YOUR[one.delegation.basis]))}


@require_POST
@signed_in
def acting_answer(request: HttpRequest, delegation: UUID) -> HttpResponse:
    """Agree to act for somebody, or decline."""
    open_to = (*delegates.offered_to(request.user), *delegates.to_take_up(request.user))
    asked = next((one for one in open_to if one.pk == delegation), None)
    if asked is None:
        raise Http404
    if request.POST.get("how") == "agree" and asked.patient.user_id is None:
        return _taken_up(request, asked)
    if request.POST.get("how") == "agree":
        naming.accept(asked, by=request.user)
        words = _("Thank you. %(name)s is told and signs next. You are told when you may begin.")
    else:
        naming.end(asked, by=request.user)
        words = _("You do not act for %(name)s. Nothing was handed over.")
    messages.success(request, words % {"name": asked.patient.name})
    return redirect("patient:acting") if delegates.has_any(request.user) else redirect("front:account")


@unlocked
def _taken_up(request: HttpRequest, confirmed: Delegation) -> HttpResponse:
    """Take up what two verifiers confirmed: with one's own keys, for the keyholder answers to nobody else."""
    try:
        vouching.take_up(confirmed, by=request.user, keyring=request.keyring)
        words = _("Thank you. You can begin to act for %(name)s.") % {"name": confirmed.patient.name}
        messages.success(request, words)
    except (naming.CannotName, NotReleased) as problem:
        messages.warning(request, str(problem))
    return redirect("patient:acting")


@require_POST
@signed_in
def acting_begin(request: HttpRequest, delegation: UUID) -> HttpResponse:
    """Act for somebody from now on. Only a press of a button begins it."""
    found = delegates.acting(request.user, delegation)
    if found is None:
        raise Http404
    switch.begin(request, found)
    return redirect("patient:acting-home")


@require_POST
@signed_in
def acting_stop(request: HttpRequest) -> HttpResponse:
    """Be oneself again."""
    if request.acting is None and not delegates.has_any(request.user):
        raise Http404
    switch.stop(request)
    return redirect("patient:acting") if delegates.has_any(request.user) else redirect("front:home")


@require_http_methods(["GET", "POST"])
@acting_only
def acting_give_up(request: HttpRequest) -> HttpResponse:
    """Act for somebody no longer, for good."""
    now = request.acting
    if request.method == "POST":
        naming.end(now.delegation, by=request.user)
        switch.stop(request)
        messages.success(request, _("You no longer act for %(name)s. They are told.") % {"name": now.patient.name})
        return redirect("patient:acting") if delegates.has_any(request.user) else redirect("front:account")
    return render(request, "patient/acting_give_up.html", {"acting": now})


# --- The record ----------------------------------------------------------------------------------
@require_GET
@acting_only
def acting_home(request: HttpRequest) -> HttpResponse:
    """What one may do for them. Nothing is opened for this page."""
    now = request.acting
    context = {
        "acting": now,
        "parts": [about(part) for part in now.categories],
        "may": {right.value: right in now.rights for right in Right},
        "readings": [one for one in READINGS.values() if _goes_to(_sample(one)) <= set(now.categories)],
        "note": _goes_to(_NOTE) <= set(now.categories),
        "sentence": now.delegation.sentence,
    }
    return render(request, "patient/acting_home.html", context)


_NOTE = {"resourceType": "DocumentReference", "type": {"coding": [{"system": LOINC, "code": "51855-5"}]}}


def _sample(reading: Reading) -> dict[str, object]:
    """Return a reading as it would be, to ask where it belongs."""
    numbers = {part.slug: (part.units[0].least, part.units[0]) for part in reading.parts}
    return observation(reading, numbers, at=clock.now())


def _goes_to(resource: dict) -> set[Category]:
    """Return the parts that a resource is put into, so that nobody is offered to add what they may not."""
    return set(labels.label(resource).categories)


class _Row(sections.Row):
    """A line of somebody else's record: its file opens for who acts for them."""

    @property
    def file(self) -> str:
        found = self.item is not None and contents.has_file(self.item.resource)
        return reverse("patient:acting-file", args=[self.item.entry.logical_id]) if found else ""


@require_GET
@with_right(Right.READ)
@unlocked
def acting_part(request: HttpRequest, part: str) -> HttpResponse:
    """One part of their record, as far as it is shown."""
    now = request.acting
    if part not in now.categories:
        raise Http404
    opened = open_as_delegate(now.patient, delegate=request.user, keyring=request.keyring, categories=[Category(part)])
    found = chart.build(opened.entries)
    rows = (_Row(one.heading, one.item, one.earlier, one.result) for one in sections.rows(found))
    page = paging.page(request, sections.pages(rows), size=1)
    context = {
        "acting": now,
        "about": about(part),
        "page": page,
        "groups": sections.grouped(page.object_list[0]),
        "no_known_allergies": found.no_known_allergies,
        "mine": (),
    }
    return render(request, "patient/acting_part.html", context)


@require_GET
@with_right(Right.READ)
@unlocked
def acting_file(request: HttpRequest, entry: UUID) -> HttpResponse:
    """A picture or PDF of theirs, as it was put in."""
    now = request.acting
    found = patients.current_entry(now.patient, entry)
    opened = found and open_file_as_delegate(now.patient, found, delegate=request.user, keyring=request.keyring)
    if not opened or not contents.has_file(opened[1].resource):
        raise Http404
    content, shown = opened
    return as_file(content, contents.attachment(shown.resource).get("contentType", ""))


@require_http_methods(["GET", "POST"])
@with_right(Right.ADD)
@unlocked
def acting_add(request: HttpRequest, what: str) -> HttpResponse:
    """Add a reading or a note to their record, signed with one's own keys."""
    if what != NOTE and what not in READINGS:
        raise Http404
    posted = request.POST if request.method == "POST" else None
    form = NoteForm(posted) if what == NOTE else ReadingForm(READINGS[what], posted)
    if form.is_valid():
        return _added(request, form)
    heading = _("A note") if what == NOTE else READINGS[what].name
    return render(request, "patient/acting_add.html", {"form": form, "heading": heading, "acting": request.acting})


def _added(request: HttpRequest, form) -> HttpResponse:
    now = request.acting
    entry = draft(now.patient, form.resource(), logical_id=form.cleaned_data["once"])
    try:
        add_as_delegate(now.patient, [entry], delegate=request.user, keyring=request.keyring)
        messages.success(
            request, _("It is in the record of %(name)s now, with your name.") % {"name": now.patient.name}
        )
    except ChangedMeanwhile:
        messages.info(request, _("It was added once. Sending it again changed nothing."))
    if Right.READ in now.rights:
        return redirect("patient:acting-part", entry.parts[0])
    return redirect("patient:acting-home")


# --- Who looked ----------------------------------------------------------------------------------
@require_GET
@with_right(Right.LOG)
def acting_looked(request: HttpRequest) -> HttpResponse:
    """Who looked at their record, as far as it is told to who acts for them."""
    now = request.acting
    page = paging.newest_first(
        lambda before, limit: read_log_as_delegate(now.patient, delegate=request.user, before=before, limit=limit),
        before=paging.cursor(request),
        size=PAGE,
        key=lambda line: line.event_id,
    )
    context = {"acting": now, "days": story.by_day(_told(line, now) for line in page.items), "page": page}
    return render(request, "patient/acting_looked.html", context)


def _told(line: Line, now: Acting) -> story.Told:
    """Return a line in the words that the patient reads, with their name where it would say "you"."""
    me = now.patient.user_id or now.patient.pk
    told = replace(story.tell(line, me=me), askable=False)
    return replace(told, who=now.patient.name) if line.actor.id == me else told
