"""Emergency access: finding somebody who cannot be asked, opening their record for four hours, and ending it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from consent import emergency, reach, sentences
from consent.access import KeysLocked
from consent.models import Emergency
from ehr import clock
from ehr.accounts.attempts import TooMany
from ehr.frame import found as found_lately
from ehr.frame import presence, proving, sessions
from ehr.frame.roles import clinician_only
from ehr.portals.clinician import words
from ehr.portals.clinician.emergency_forms import EmergencyForm, FindForm
from patients.models import Patient
from providers.queries import standing


@dataclass(frozen=True)
class Urgency:
    """An emergency as the banner of a page shows it, and the mark across the page: who reads, and when."""

    emergency: Emergency
    left: str
    shut: str  # parts that the patient locked anew since
    reader: str
    at: datetime

    @property
    def marks(self) -> Sequence[int]:
        return range(12)


def urgency(request: HttpRequest, patient: Patient) -> Urgency | None:
    """Return what pages about a patient show of the emergency this session holds; None where it holds none."""
    found, at = presence.held(request, patient.pk), clock.now()
    if found is None or not found.is_open(at):
        return None
    shut = emergency.shut_again(presence.presence(request), patient)
    name = standing(request.user, at).name or request.user.name
    return Urgency(found, words.left(found.ends_at, at), sentences.parts(shut), name, at)


def held_here(request: HttpRequest) -> list[Emergency]:
    """Return the emergencies that are open in this session, for the first page."""
    at, here = clock.now(), presence.presence(request).urgent
    found = [presence.held(request, patient_id) for patient_id in here]
    return [one for one in found if one is not None and one.is_open(at)]


@require_http_methods(["GET", "POST"])
@clinician_only
def find(request: HttpRequest) -> HttpResponse:
    """Find somebody by name and birth date, and go on to why it cannot wait."""
    form = FindForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            found = emergency.find(**form.cleaned_data, reader=request.user, address=sessions.address(request))
        except emergency.NotFound as problem:
            form.add_error(None, str(problem))
        except TooMany as problem:
            form.add_error(None, problem.message)
        else:
            found_lately.remember(request, found)
            return redirect("clinician:emergency", found.pk)
    context = {"form": form, "standing": standing(request.user), "may": emergency.may_break_glass(request.user)}
    return render(request, "clinician/emergency_find.html", context)


@require_http_methods(["GET", "POST"])
@clinician_only
def open_record(request: HttpRequest, patient: UUID) -> HttpResponse:
    """Say why, prove who one is, and open the record. The same form sent twice opens it once."""
    found = emergency.patient_to_open(request.user, patient, found=found_lately.lately(request))
    if found is None:
        raise Http404
    reach.name([found], to=request.user, because="emergency")
    form = EmergencyForm(request.user, request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid() and _opened(request, found, form):
        return redirect("clinician:chart", found.pk)
    context = {
        "form": form,
        "patient": found,
        "age": words.age(found.birth_date, clock.now()),
        "standing": standing(request.user),
        "may": emergency.may_break_glass(request.user),
        "contact": found.user_id is not None,
        "hours": int(emergency.LASTS.total_seconds() // 3600),
    }
    return render(request, "clinician/emergency.html", context)


def _opened(request: HttpRequest, patient: Patient, form: EmergencyForm) -> bool:
    """Break the glass; tell whether it opened. Where it did not, the form says why."""
    told = form.cleaned_data
    try:
        proven = proving.prove_again(request, passphrase=told["passphrase"], code=told.get("code", ""))
        opened = emergency.break_glass(
            patient,
            reader=request.user,
            keyring=proven.keyring,
            session_digest=presence.session_digest(request),
            proven_by=proven.by,
            presence=presence.presence(request),
            **form.asked(),
        )
    except proving.NotProven as problem:
        form.add_error(problem.field, str(problem))
    except (emergency.CannotBreak, KeysLocked) as problem:
        form.begin_again()
        form.add_error(None, str(problem))
    else:
        presence.hold(request, opened, keyring=proven.keyring)
        return True
    return False


@require_POST
@clinician_only
def end(request: HttpRequest, patient: UUID) -> HttpResponse:
    """End one's own emergency before its time is over."""
    found = presence.held(request, patient)
    if found is None:
        raise Http404
    emergency.end(found, by=request.user)
    presence.let_go(request, found.pk)
    messages.success(request, _("Your emergency access has ended. Its keys are gone from this session."))
    return redirect("clinician:home")
