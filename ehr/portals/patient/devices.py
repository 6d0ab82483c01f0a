"""Devices that send readings: let one in for a time, see which may, stop one."""

from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from ehr.accounts.operations import Refused
from ehr.frame.roles import patient_only
from ehr.intake import devices
from ehr.intake.models import Device

SPANS = [(30, gettext_lazy("30 days")), (90, gettext_lazy("90 days")), (365, gettext_lazy("one year"))]


class NewDevice(forms.Form):
    """What the device is called, and for how long it may send."""

    name = forms.CharField(
        label=gettext_lazy("What you call it"),
        max_length=60,
        help_text=gettext_lazy("Such as: my watch, the scales in the bathroom."),
        error_messages={"required": gettext_lazy("Give it a name, so that you know it again.")},
    )
    days = forms.TypedChoiceField(
        label=gettext_lazy("For how long it may send"), choices=SPANS, coerce=int, widget=forms.RadioSelect, initial=90
    )


@require_http_methods(["GET", "POST"])
@patient_only
def listed(request: HttpRequest) -> HttpResponse:
    """Show the devices; let another one in, and show its code this once."""
    form = NewDevice(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            device, token = devices.add(request.patient, **form.cleaned_data)
        except Refused as refused:
            form.add_error(None, str(refused))
        else:
            return render(request, "patient/device_added.html", {"device": device, "token": token})
    context = {"form": form, "devices": devices.of_patient(request.patient)}
    return render(request, "patient/devices.html", context, status=422 if form.is_bound else 200)


@require_POST
@patient_only
def stop(request: HttpRequest, device: UUID) -> HttpResponse:
    """Take nothing more from a device."""
    try:
        devices.stop(request.patient, device)
    except Device.DoesNotExist as unknown:
        raise Http404 from unknown
    messages.success(request, _("This device sends nothing more. What it sent stays in your record."))
    return redirect("patient:devices")
