"""The pharmacy: the prescriptions shared with a pharmacist, one of them opened, and what was handed out for it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from consent import dispensing, reach
from consent.access import ChangedMeanwhile
from consent.models import Grant
from consent.sharing import pharmacy
from consent.sharing.pharmacy import Handed
from ehr import clock
from ehr.frame.drafting import draft
from ehr.frame.forms import DayField, Words
from ehr.frame.roles import clinician_only
from ehr.lines import medicines, sentences
from ehr.portals.clinician import outcomes, saving, words
from ehr.portals.clinician.entry import opened_entry
from ehr.portals.clinician.refused import about_a_patient, unlock_address
from patients import queries as patients
from patients.models import Patient
from providers.queries import party, standing


class DispenseForm(forms.Form):
    """What was handed out. `number` says the how manieth time under this permission, so that one sent twice is one."""

    number = forms.IntegerField(widget=forms.HiddenInput, min_value=1)
    quantity = forms.DecimalField(
        label=gettext_lazy("How much?"),
        min_value=0,
        max_digits=8,
        decimal_places=2,
        help_text=gettext_lazy("A number, for example 30"),
        error_messages={
            "required": gettext_lazy("Write how much you handed out."),
            "invalid": gettext_lazy("Write a number, for example 30."),
        },
    )
    unit = Words(
        label=gettext_lazy("Of what?"),
        max_length=60,
        help_text=gettext_lazy("For example: tablets, ml, packs"),
        error_messages={"required": gettext_lazy("Say what you counted, for example tablets.")},
    )
    supply = forms.IntegerField(
        label=gettext_lazy("For how many days is it enough?"),
        min_value=1,
        max_value=366,
        required=False,
        error_messages={"invalid": gettext_lazy("Write a number of days, or leave it open.")},
    )
    on = DayField(
        label=gettext_lazy("Handed out on"),
        error_messages={
            "required": gettext_lazy("Say on which day you handed it out."),
            "invalid": gettext_lazy("Write a day, for example 3 May 2026."),
        },
    )
    note = Words(
        label=gettext_lazy("Remark"),
        max_length=1_000,
        required=False,
        widget=forms.Textarea({"rows": 3}),
        help_text=gettext_lazy("For example: another brand with the same substance. The patient reads it."),
    )

    def clean_quantity(self):
        quantity = self.cleaned_data["quantity"]
        if not quantity:
            raise forms.ValidationError(_("Write how much you handed out."))
        return quantity

    def clean_on(self):
        on = self.cleaned_data["on"]
        if on > timezone.localdate(clock.now()):
            raise forms.ValidationError(_("This lies in the future. Choose a day that has been."))
        return on


@dataclass(frozen=True)
class Shared:
    """One prescription on the list, told from what stands in clear: nothing was opened."""

    patient: Patient
    entry: str
    ends: datetime
    left: str
    recorded: list[Handed]


@require_GET
@clinician_only
def prescriptions(request: HttpRequest) -> HttpResponse:
    """The prescriptions that patients share with me now, and what I recorded for each."""
    at = clock.now()
    found = pharmacy.prescriptions(request.user)
    reach.name([one.patient for one in found], to=request.user, because="prescriptions")
    shared = [
        Shared(one.patient, one.entries[0], one.ends, words.left(one.ends, at), pharmacy.recorded(one)) for one in found
    ]
    context = {"shared": shared, "standing": standing(request.user, at)}
    return render(request, "clinician/prescriptions.html", context)


@require_http_methods(["GET", "POST"])
@about_a_patient
def prescription(request: HttpRequest, patient: Patient, logical_id: UUID) -> HttpResponse:
    """One prescription, and the form for what was handed out. The same form sent twice records once."""
    grant = pharmacy.permission(patient, request.user, logical_id)
    if grant is None:
        raise Http404
    _opened, found = opened_entry(request, patient, logical_id)
    prescribed, recorded = found[0], pharmacy.recorded(grant)
    if prescribed.resource.get("resourceType") != dispensing.PRESCRIPTION:
        raise Http404
    # What was shared stays as it was then; of a newer version the pharmacist has no key.
    newest = patients.current_entry(patient, logical_id)
    stands = newest is not None and newest.version == prescribed.version and prescribed.author_valid
    usable = stands and medicines.in_force(prescribed.resource) and len(recorded) < dispensing.MOST
    form = DispenseForm(
        request.POST if request.method == "POST" else None,
        initial={"number": len(recorded) + 1, "on": timezone.localdate(clock.now())},
    )
    if usable and form.is_bound and form.is_valid():
        told = _recorded(request, patient, grant, prescribed.resource, form, known=len(recorded))
        if told:
            messages.success(request, told)
            return redirect("clinician:prescriptions")
    context = {
        "patient": patient,
        "age": words.age(patient.birth_date, clock.now()),
        "line": sentences.line(prescribed.resource),
        "entry": prescribed,
        "grant": grant,
        "left": words.left(grant.ends, clock.now()),
        "recorded": pharmacy.correctable(grant),
        "stands": stands,
        "form": form if usable else None,
        "unlock": unlock_address(request),
    }
    return render(request, "clinician/prescription.html", context)


def _recorded(request: HttpRequest, patient: Patient, grant: Grant, prescribed, form, *, known: int) -> str:
    """Seal what was handed out; return what to say, or "" where the form says why not."""
    said, by = form.cleaned_data, party(request.user).name
    resource = outcomes.dispensing(prescribed, said, by=by, at=clock.now())
    one = draft(patient, resource, logical_id=dispensing.id_of(grant.pk, min(said["number"], known + 1)))
    try:
        if not saving.save(request, patient, form, one):
            return ""
    except ChangedMeanwhile:
        return _("It was recorded once; sending it again changed nothing.")
    return _("It is recorded. The patient sees it in the record.")
