"""Putting right what a pharmacist recorded as handed out: that it never was, or how it was. Two steps, each a page."""

from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from consent import dispensing
from consent.access import ChangedMeanwhile
from consent.sharing import pharmacy
from consent.sharing.pharmacy import Handed
from ehr import clock
from ehr.frame.drafting import draft
from ehr.frame.forms import Words
from ehr.lines import sentences
from ehr.portals.clinician import outcomes, saving, words
from ehr.portals.clinician.entry import opened_entry
from ehr.portals.clinician.pharmacy import DispenseForm
from ehr.portals.clinician.refused import about_a_patient, unlock_address
from patients.models import Patient
from providers.queries import party

NEVER, OTHERWISE = "never", "otherwise"


class CorrectForm(DispenseForm):
    """What is right instead. `number` is the version that this follows, so that one sent twice is one."""

    what = forms.ChoiceField(
        label=gettext_lazy("What is right?"),
        choices=[
            (NEVER, gettext_lazy("Nothing was handed out for this prescription then")),
            (OTHERWISE, gettext_lazy("Something was handed out, but not as I wrote")),
        ],
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Say what is right.")},
    )
    reason = Words(
        label=gettext_lazy("What went wrong?"),
        max_length=500,
        help_text=gettext_lazy("For example: typed for another patient. The patient reads it."),
        error_messages={"required": gettext_lazy("Say what went wrong.")},
    )
    sure = forms.BooleanField(required=False, widget=forms.HiddenInput)
    field_order = ("number", "sure", "what", "reason", "quantity", "unit", "supply", "on", "note")

    def __init__(self, *args, **more):
        super().__init__(*args, **more)
        self.never = self.data.get("what") == NEVER
        for name in ("quantity", "unit", "on"):
            self.fields[name].required = self.is_bound and not self.never

    def clean_quantity(self):
        return None if self.never else super().clean_quantity()

    def clean_on(self):
        return None if self.never else super().clean_on()

    def hidden(self):
        """Return what was filled in, to be sent once more with the confirmation."""
        return [(name, self.data[name]) for name in self.fields if name != "sure" and self.data.get(name)]


@require_http_methods(["GET", "POST"])
@about_a_patient
def correct(request: HttpRequest, patient: Patient, logical_id: UUID, dispensed: UUID) -> HttpResponse:
    """Ask what is right, show it once more, and write it down as the next version. The first one is kept."""
    grant = pharmacy.permission(patient, request.user, logical_id)
    mine = pharmacy.correctable(grant) if grant else []
    handed = next((one for one in mine if one.logical_id == dispensed), None)
    if handed is None:
        raise Http404
    _opened, found = opened_entry(request, patient, logical_id)
    prescribed = found[0]
    if prescribed.resource.get("resourceType") != dispensing.PRESCRIPTION or not prescribed.author_valid:
        raise Http404
    form = CorrectForm(
        request.POST if request.method == "POST" else None,
        initial={"number": handed.version, "on": timezone.localdate(clock.now())},
    )
    valid = form.is_bound and form.is_valid()
    if valid and form.cleaned_data["sure"]:
        told = _corrected(request, patient, handed, prescribed.resource, form)
        if told:
            messages.success(request, told)
            return redirect("clinician:prescription", patient.pk, logical_id)
    context = {
        "patient": patient,
        "age": words.age(patient.birth_date, clock.now()),
        "line": sentences.line(prescribed.resource),
        "logical_id": logical_id,
        "handed": handed,
        "form": form,
        "asked": valid and not form.errors,
        "unlock": unlock_address(request),
    }
    return render(request, "clinician/correct.html", context)


def _corrected(request: HttpRequest, patient: Patient, handed: Handed, prescribed, form: CorrectForm) -> str:
    """Seal what is right as the next version; return what to say, or "" where the form says why not."""
    said, by = form.cleaned_data, party(request.user).name
    said["note"] = " ".join(one for one in (said["note"], said["reason"]) if one)
    make = outcomes.taken_back if form.never else outcomes.dispensing
    resource = make(prescribed, said, by=by, at=clock.now())
    one = draft(patient, resource, logical_id=handed.logical_id, version=said["number"] + 1)
    try:
        if not saving.save(request, patient, form, one):
            return ""
    except ChangedMeanwhile:
        return _("It was put right already; sending it again changed nothing.")
    if form.never:
        return _("It is taken back. In the record it stays, marked as a mistake.")
    return _("It is put right. In the record, what was there before is kept.")
