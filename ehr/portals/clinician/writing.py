"""Writing in a chart: add, change, stop, take back. Each is a new version; nothing is lost, two writers are told."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from consent import access
from consent.access import ChangedMeanwhile, OpenEntry
from ehr import clock
from ehr.frame.drafting import draft
from ehr.frame.presence import presence
from ehr.lines import sentences
from ehr.portals.clinician import resources, saving, words
from ehr.portals.clinician.entry import opened_entry
from ehr.portals.clinician.forms import FORMS, EntryForm, MistakeForm, StopForm
from ehr.portals.clinician.refused import about_a_patient, unlock_address
from ehr.words import SENSITIVE, Purpose
from patients.models import Patient
from providers.queries import party


@dataclass(frozen=True)
class Kind:
    """The words for one kind of entry, and the section it stands in."""

    add: str
    change: str
    stop: str
    button: str
    section: str


KINDS = {
    "medicine": Kind(
        gettext_lazy("Add a medicine"),
        gettext_lazy("Change this medicine"),
        gettext_lazy("Stop this medicine"),
        gettext_lazy("Save the medicine"),
        "medicines",
    ),
    "problem": Kind(
        gettext_lazy("Add a problem"),
        gettext_lazy("Change this problem"),
        gettext_lazy("Mark this problem as resolved"),
        gettext_lazy("Save the problem"),
        "problems",
    ),
    "allergy": Kind(
        gettext_lazy("Add an allergy"),
        gettext_lazy("Change this allergy"),
        gettext_lazy("Mark this allergy as over"),
        gettext_lazy("Save the allergy"),
        "allergies",
    ),
    "note": Kind(
        gettext_lazy("Write a note"), gettext_lazy("Change this note"), "", gettext_lazy("Save the note"), "notes"
    ),
    "plan": Kind(
        gettext_lazy("Add a plan"),
        gettext_lazy("Change this plan"),
        gettext_lazy("Mark this plan as done"),
        gettext_lazy("Save the plan"),
        "plans",
    ),
}


@require_http_methods(["GET", "POST"])
@about_a_patient
def add(request: HttpRequest, patient: Patient, kind: str) -> HttpResponse:
    """Add an entry. The same form sent twice adds it once."""
    if kind not in FORMS:
        raise Http404
    form = FORMS[kind](request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        resource = resources.BUILD[kind]({}, form.cleaned_data, by=_name(request), at=clock.now())
        try:
            if _save(request, patient, form, resource, logical_id=form.cleaned_data["once"], version=1):
                return _back(request, patient, _("It is in the chart now."))
        except ChangedMeanwhile:
            return _back(request, patient, _("It was added once; sending it again changed nothing."))
    else:
        # Empty or to be corrected, the form says whose record it is. A refusal has its line already.
        access.identify(patient, reader=request.user, purpose=Purpose.TREAT, presence=presence(request))
    about = KINDS[kind]
    return _page(request, patient, {"form": form, "title": about.add, "button": about.button, "section": about.section})


@require_http_methods(["GET", "POST"])
@about_a_patient
def change(request: HttpRequest, patient: Patient, logical_id: UUID) -> HttpResponse:
    """Write the next version of an entry."""
    newest = _newest(request, patient, logical_id, "change")
    kind = resources.KINDS[newest.resource["resourceType"]]
    sensitive = [part for part in newest.parts if part in SENSITIVE]
    initial = resources.initial(newest.resource) | {"sensitive": sensitive, "version": newest.version}
    form = FORMS[kind](request.POST if request.method == "POST" else None, initial=initial)
    about = KINDS[kind]

    def build(before: dict) -> dict:
        return resources.BUILD[kind](before, form.cleaned_data, by=_name(request), at=clock.now())

    return _write(request, patient, newest, form, build, title=about.change, button=about.button)


@require_http_methods(["GET", "POST"])
@about_a_patient
def stop(request: HttpRequest, patient: Patient, logical_id: UUID) -> HttpResponse:
    """Say that something is over."""
    newest = _newest(request, patient, logical_id, "stop")
    kind = resources.KINDS[newest.resource["resourceType"]]
    form = StopForm(request.POST if request.method == "POST" else None, initial={"version": newest.version})

    def build(before: dict) -> dict:
        said = form.cleaned_data
        return resources.stopped(before, reason=said["reason"], on=said["on"].isoformat())

    title = KINDS[kind].stop
    return _write(request, patient, newest, form, build, title=title, button=title)


@require_http_methods(["GET", "POST"])
@about_a_patient
def mistake(request: HttpRequest, patient: Patient, logical_id: UUID) -> HttpResponse:
    """Take an entry back. It stays readable, struck through."""
    newest = _newest(request, patient, logical_id, "mistake")
    form = MistakeForm(request.POST if request.method == "POST" else None, initial={"version": newest.version})

    def build(before: dict) -> dict:
        return resources.mistaken(before, reason=form.cleaned_data["reason"])

    title = _("Mark this as entered in error")
    return _write(request, patient, newest, form, build, title=title, button=title)


def _newest(request: HttpRequest, patient: Patient, logical_id: UUID, verb: str) -> OpenEntry:
    """Open the newest version of an entry that this can be done with; what cannot is not found."""
    _opened, found = opened_entry(request, patient, logical_id)
    newest = found[0]
    known = verb == "mistake" or newest.resource.get("resourceType") in resources.KINDS
    # What was sent twice finds the entry changed already: it is told so further down.
    late = request.method == "POST" and request.POST.get("version") != str(newest.version)
    if verb not in resources.verbs(newest.resource) and not (known and late):
        raise Http404
    return newest


def _write(
    request: HttpRequest,
    patient: Patient,
    newest: OpenEntry,
    form,
    build: Callable[[dict], dict],
    *,
    title: str,
    button: str,
) -> HttpResponse:
    """Save what a form makes of the version it was written on, or show it again with what somebody else wrote."""
    theirs = None
    if form.is_bound and form.is_valid():
        resource = build(newest.resource)
        if _same(resource, newest, form):
            return _back(request, patient, _("This is how it stands. Nothing was changed."))
        theirs = newest if form.cleaned_data["version"] != newest.version else None
        try:
            if theirs is None and _save(
                request, patient, form, resource, logical_id=newest.logical_id, version=newest.version + 1
            ):
                return _back(request, patient, _("It is saved. The version before is kept."))
        except ChangedMeanwhile:
            _opened, found = opened_entry(request, patient, newest.logical_id)
            theirs = found[0]
    if theirs is not None:
        form.add_error(
            None, _("Somebody saved a newer version while you were writing. Read it, then save yours on top.")
        )
        form.data = form.data.copy()
        form.data["version"] = str(theirs.version)
    context = {"form": form, "title": title, "button": button, "entry": newest, "section": ""}
    context["line"] = sentences.line(newest.resource)
    context["theirs"] = {"line": sentences.line(theirs.resource), "entry": theirs} if theirs else None
    return _page(request, patient, context)


def _same(resource: dict, newest: OpenEntry, form) -> bool:
    """Tell whether a version would say what the newest one says, in the same parts."""
    parts = set(form.cleaned_data.get("sensitive", set(newest.parts) & SENSITIVE))
    return resource == newest.resource and parts == set(newest.parts) & SENSITIVE


def _save(request: HttpRequest, patient: Patient, form, resource: dict, *, logical_id: UUID, version: int) -> bool:
    """Seal a version; on a refusal say so in the form, where the typed text stays. Raises ChangedMeanwhile."""
    if isinstance(form, EntryForm):
        resource = resources.labelled(resource, form.cleaned_data["sensitive"])
    one = draft(patient, resource, logical_id=logical_id, version=version)
    return saving.save(request, patient, form, one)


def _name(request: HttpRequest) -> str:
    return party(request.user).name


def _back(request: HttpRequest, patient: Patient, message: str) -> HttpResponse:
    messages.success(request, message)
    return redirect("clinician:chart", patient.pk)


def _page(request: HttpRequest, patient: Patient, context: dict) -> HttpResponse:
    facts = {"patient": patient, "age": words.age(patient.birth_date, clock.now()), "unlock": unlock_address(request)}
    return render(request, "clinician/write.html", facts | context)
