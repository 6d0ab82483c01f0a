"""Sharing one prescription with a pharmacist: from the entry to whom, how long, one sentence."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from consent import access, queries
from consent.sharing import grants, proposing
from consent.sharing.proposing import Narrow
from ehr import clock
from ehr.accounts import queries as accounts
from ehr.frame.forms import Option
from ehr.frame.roles import patient_only, unlocked
from ehr.lines import medicines, sentences
from ehr.lines.line import Line
from ehr.portals.patient import drafts, picking
from ehr.portals.patient.sharing_forms import ConfirmForm, last_minute
from ehr.words import Action, Category, Purpose
from patients import queries as patients
from providers import queries as providers
from providers.queries import DirectoryLine
from providers.roles import Role

PHARMACY = "pharmacy"
DAYS = (7, 14, 29)  # each to the end of its last day, and never longer than 30 days


class DaysForm(forms.Form):
    """For how long a pharmacist sees a prescription: a month at most."""

    days = forms.TypedChoiceField(
        label=gettext_lazy("For how long?"),
        coerce=int,
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Choose how long.")},
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        names = dict(zip(DAYS, (_("A week"), _("Two weeks"), _("A month")), strict=True))
        self.fields["days"].choices = [
            (days, Option(name, _("Until %(day)s") % {"day": date_format(_last(days), "j F Y")}))
            for days, name in names.items()
        ]


def _last(days: int):
    return timezone.localdate(clock.now()) + timedelta(days=days)


def _prescription(request: HttpRequest, entry: UUID) -> tuple[list[str], Line]:
    """Return the parts and the line of a prescription of the patient's own that is in force. Raises Http404."""
    held = patients.newest_versions(request.patient, [entry]).get(entry)
    if held is None:
        raise Http404
    parts = [Category(part) for part in held.parts]
    opened = access.open_own(request.patient, keyring=request.keyring, categories=parts, logical_id=entry)
    resource = opened.entries[0].resource if opened.entries else {}
    if not medicines.in_force(resource):
        raise Http404
    return [str(part) for part in parts], sentences.line(resource)


def _pharmacist(reader: str) -> DirectoryLine | None:
    """Return a pharmacist whose licence is valid now, or None."""
    try:
        found = providers.directory_line(UUID(reader))
    except ValueError:
        return None
    return found if found and found.role == Role.PHARMACIST else None


@require_http_methods(["GET", "POST"])
@patient_only
@unlocked
def find(request: HttpRequest, entry: UUID) -> HttpResponse:
    """Choose the pharmacist. Nothing is shared yet."""
    parts, line = _prescription(request, entry)
    if request.method == "POST":
        reader = _pharmacist(request.POST.get("reader", ""))
        if reader is None:
            raise Http404
        draft = uuid4()
        drafts.begin(request, draft, PHARMACY, entry=str(entry), reader=str(reader.user_id), categories=parts)
        return redirect("patient:pharmacy-days", draft)
    words = request.GET.get("words", "").strip()[:100]
    lines = providers.directory(words, role=Role.PHARMACIST, limit=50).lines
    return render(request, "patient/pharmacy.html", {"line": line, "words": words, "lines": lines, "parts": parts})


def _draft(request: HttpRequest, draft: UUID) -> tuple[dict, DirectoryLine]:
    """Return what was answered so far and the pharmacist. Raises Http404 when either is gone."""
    answers = drafts.find(request, draft, PHARMACY)
    reader = _pharmacist(answers["reader"])
    if reader is None:
        raise Http404
    return answers, reader


@require_http_methods(["GET", "POST"])
@patient_only
@unlocked
def days(request: HttpRequest, draft: UUID) -> HttpResponse:
    """For how long, a month at most."""
    answers, reader = _draft(request, draft)
    form = DaysForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        ends = last_minute(_last(form.cleaned_data["days"])).isoformat()
        starts = clock.now().replace(microsecond=0).isoformat()
        drafts.keep(request, draft, starts=starts, ends=ends)
        return redirect("patient:pharmacy-confirm", draft)
    context = {"form": form, "reader": reader, "entry": answers["entry"]}
    return render(request, "patient/pharmacy_days.html", context)


@require_http_methods(["GET", "POST"])
@patient_only
@unlocked
def confirm(request: HttpRequest, draft: UUID) -> HttpResponse:
    """One sentence, and the button that repeats it. Sent twice, it is one permission."""
    if queries.of_patient(request.patient, draft):
        return redirect("patient:grant", draft)
    answers, reader = _draft(request, draft)
    if "ends" not in answers:
        return redirect("patient:pharmacy-days", draft)
    terms = {
        "reader": accounts.person(reader.user_id),
        "categories": answers["categories"],
        "actions": [Action.READ, Action.WRITE],
        "purpose": Purpose.TREAT,
        "starts": datetime.fromisoformat(answers["starts"]),
        "ends": datetime.fromisoformat(answers["ends"]),
        "narrow": Narrow(entries=frozenset({answers["entry"]})),
    }
    try:
        proposed = proposing.propose(request.patient, **terms)
        form = ConfirmForm.about(proposed, request.POST if request.method == "POST" else None, name=reader.name)
        if form.is_valid():
            read = answers.get("sentence")
            made = grants.give(request.patient, keyring=request.keyring, once=draft, sentence=read, **terms)
            return redirect("patient:grant", made.pk)
    except proposing.CannotGive as problem:
        context = {"reader": reader, "problem": problem, "entry": answers["entry"]}
        return render(request, "patient/cannot_pharmacy.html", context)
    drafts.keep(request, draft, sentence=proposed.sentence)
    context = {"form": form, "reader": reader, "draft": draft, "sentence": proposed.sentence, "until": proposed.ends}
    context["picked"] = picking.chosen(request.patient, proposed, keyring=request.keyring)
    return render(request, "patient/pharmacy_confirm.html", context)
