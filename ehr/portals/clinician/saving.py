"""What a clinician wrote, put through the door; where the door says no, the form says why and keeps what was typed."""

from django.forms import BaseForm
from django.http import HttpRequest
from django.utils.translation import gettext as _

from consent import access
from consent.access import AccessDenied, Draft
from ehr.frame.presence import presence
from ehr.words import Purpose
from patients.models import Patient


def save(request: HttpRequest, patient: Patient, form: BaseForm, one: Draft) -> bool:
    """Seal a version; on a refusal say so in the form. Raises ChangedMeanwhile."""
    try:
        access.add_entries(
            patient,
            [one],
            reader=request.user,
            keyring=request.keyring,
            purpose=Purpose.TREAT,
            presence=presence(request),
        )
    except AccessDenied as refusal:
        form.add_error(None, _refused(refusal, patient))
        return False
    return True


def _refused(refusal: AccessDenied, patient: Patient) -> str:
    if refusal.because in {"no-grant", "not-in-grant"}:
        return _("%(name)s has not let you write in this part. What you typed is still here; ask to be let in.") % {
            "name": patient.name
        }
    return str(refusal)
