"""Referring: whom one proposes and for what, what became of it, and the report of who was referred to."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from consent import access, reach, sentences
from consent.access import ChangedMeanwhile, KeysLocked
from consent.models import Grant, Referral
from consent.sharing import passing_on, proposing, referrals, reports
from consent.sharing.referrals import CannotRefer
from ehr import clock
from ehr.accounts import queries as accounts
from ehr.frame import paging
from ehr.frame.categories import all_six
from ehr.frame.drafting import draft
from ehr.frame.presence import presence
from ehr.frame.roles import clinician_only
from ehr.portals.clinician import outcomes, saving, words
from ehr.portals.clinician.referring_forms import ReferForm, ReportForm, tick_all
from ehr.portals.clinician.refused import about_a_patient, unlock_address
from ehr.portals.clinician.withdrawing import take_back
from ehr.words import Action, Purpose
from patients.models import Patient
from providers import queries as providers
from providers.queries import DirectoryLine, party
from providers.roles import Role

MOST_DIGITS = 18


# --- Proposing -----------------------------------------------------------------------------------
@require_GET
@about_a_patient
def find(request: HttpRequest, patient: Patient) -> HttpResponse:
    """Choose a colleague whose licence is valid now."""
    access.identify(patient, reader=request.user, purpose=Purpose.TREAT, presence=presence(request))
    _held(request, patient)
    said = request.GET.get("words", "").strip()[:100]
    after = request.GET.get("after", "")
    known = after.isascii() and after.isdigit() and len(after) <= MOST_DIGITS
    page = providers.directory(said, after=int(after) if known else None)
    not_these = {request.user.pk, patient.user_id}
    # A pharmacist is let in to one prescription at a time, which only the patient does.
    lines = [one for one in page.lines if one.user_id not in not_these and one.role != Role.PHARMACIST]
    context = _about(patient) | {"words": said, "lines": lines, "after": page.after}
    return render(request, "clinician/refer_find.html", context)


@require_http_methods(["GET", "POST"])
@about_a_patient
def refer(request: HttpRequest, patient: Patient, to: UUID) -> HttpResponse:
    """Propose them: what they would see, for how long, why. The same form sent twice proposes once."""
    colleague = providers.directory_line(to)
    if colleague is None:
        raise Http404
    held = _held(request, patient)
    form = ReferForm(held, request.POST if request.method == "POST" else None)
    if "all" in request.POST and "ordinary" in form.fields:
        tick_all(form, "ordinary")
    elif form.is_bound and form.is_valid():
        made = _proposed(request, patient, colleague, form)
        if made is not None:
            messages.success(request, _told(made, patient))
            return redirect("clinician:referrals")
    access.identify(patient, reader=request.user, purpose=Purpose.TREAT, presence=presence(request))
    context = _about(patient) | {
        "form": form,
        "colleague": colleague,
        "parts": [(part.name, held.get(part.slug)) for part in all_six()],
        "mandates": [_mandate(one, colleague) for one in passing_on.mandated(patient, request.user)],
        "unlock": unlock_address(request),
    }
    return render(request, "clinician/refer.html", context)


def _proposed(request: HttpRequest, patient: Patient, to: DirectoryLine, form: ReferForm) -> Referral | None:
    """Propose what was typed, or say in the form why that cannot be."""
    try:
        return referrals.refer(
            patient,
            referrer=request.user,
            keyring=request.keyring,
            to=accounts.person(to.user_id),
            presence=presence(request),
            **form.terms(),
        )
    except (CannotRefer, KeysLocked, proposing.CannotGive) as problem:
        form.add_error(None, str(problem))
        return None


def _held(request: HttpRequest, patient: Patient) -> dict[str, bool]:
    """Return what one may pass on. Where it is nothing, there is nothing to refer with, and no such page."""
    held = passing_on.held(patient, request.user, presence(request))
    if not held:
        raise Http404
    return held


def _told(made: Referral, patient: Patient) -> str:
    facts = {"name": made.to.name, "patient": patient.name}
    if made.grant_id:
        return _("%(name)s may see it now: %(patient)s agreed to that beforehand, and was told.") % facts
    return _("Your proposal is with %(patient)s. You will be told when it is answered.") % facts


@dataclass(frozen=True)
class Mandated:
    """One mandate as the referrer reads it, and whether it is about this colleague at all."""

    parts: str
    whom: str
    days: int
    until: datetime
    covers: bool


def _mandate(mandate, colleague: DirectoryLine) -> Mandated:
    return Mandated(
        parts=sentences.parts(mandate.categories),
        whom=sentences.listed_or(sentences.MANDATED[role] for role in mandate.roles),
        days=mandate.days,
        until=mandate.until,
        covers=colleague.role in mandate.roles,
    )


def _about(patient: Patient) -> dict[str, object]:
    return {"patient": patient, "age": words.age(patient.birth_date, clock.now())}


# --- One's own proposals --------------------------------------------------------------------------
_TAGS = {
    "proposed": (gettext_lazy("Waiting"), ""),
    "approved": (gettext_lazy("Approved"), ""),
    "declined": (gettext_lazy("Declined"), "stop"),
    "withdrawn": (gettext_lazy("Withdrawn"), "plain"),
    "lapsed": (gettext_lazy("Lapsed"), "plain"),
}


@dataclass(frozen=True)
class Proposed:
    """One proposal of one's own, in words."""

    id: UUID
    patient_id: UUID
    name: str
    to: str
    parts: str
    days: int
    made_at: datetime
    tag: str
    look: str
    open: bool
    given: str
    report: UUID | None
    filed_at: datetime | None


def _one(referral: Referral) -> Proposed:
    state = referrals.state(referral)
    tag, look = _TAGS[state]
    grant = referral.grant
    filed = getattr(grant, "report", None)
    return Proposed(
        id=referral.pk,
        patient_id=referral.patient_id,
        name=referral.patient.name,
        to=referral.to.name,
        parts=sentences.parts(referral.categories),
        days=referral.days,
        made_at=referral.made_at,
        tag=str(tag),
        look=look,
        open=state == "proposed",
        given=sentences.parts(grant.categories) if grant else "",
        report=filed.logical_id if filed else None,
        filed_at=filed.filed_at if filed else None,
    )


@require_GET
@clinician_only
def sent(request: HttpRequest) -> HttpResponse:
    """All I proposed, newest first."""
    page = paging.page(request, referrals.made_by(request.user))
    reach.name([one.patient for one in page], to=request.user, because="referrals")
    return render(request, "clinician/referrals.html", {"page": page, "proposed": [_one(one) for one in page]})


@require_POST
@clinician_only
def withdraw(request: HttpRequest, referral: UUID) -> HttpResponse:
    """Take a proposal back."""
    found = referrals.made_one(request.user, referral)
    said = _("The proposal is withdrawn.")
    return take_back(request, found, referrals.withdraw, said=said, back="clinician:referrals")


# --- The report of who was referred to ------------------------------------------------------------
@require_http_methods(["GET", "POST"])
@about_a_patient
def report(request: HttpRequest, patient: Patient) -> HttpResponse:
    """Write the report that is awaited: it goes into the record, and the days after it count. Sent twice, it is one."""
    form = ReportForm(request.POST if request.method == "POST" else None)
    grant = passing_on.awaited(patient, request.user).first()
    if grant is None and _filed(request, patient):
        return _back(request, patient)
    if grant is None or Action.WRITE not in grant.actions:
        raise Http404
    if form.is_bound and form.is_valid() and _saved(request, patient, grant, form):
        reports.file_report(grant, logical_id=form.cleaned_data["once"], by=request.user)
        return _back(request, patient)
    access.identify(patient, reader=request.user, purpose=Purpose.TREAT, presence=presence(request))
    context = _about(patient) | {"form": form, "grant": grant, "unlock": unlock_address(request)}
    return render(request, "clinician/report.html", context)


def _saved(request: HttpRequest, patient: Patient, grant: Grant, form: ReportForm) -> bool:
    """Seal the report, or say in the form why not. One that is there already, and theirs, is saved."""
    said = form.cleaned_data
    resource = outcomes.report(said, parts=grant.categories, by=party(request.user).name, at=clock.now())
    one = draft(patient, resource, logical_id=said["once"])
    try:
        return saving.save(request, patient, form, one)
    except ChangedMeanwhile:
        return passing_on.wrote(patient, one.logical_id, request.user)


def _filed(request: HttpRequest, patient: Patient) -> bool:
    """Tell whether what was sent is a report that is filed already."""
    form = ReportForm(request.POST)
    return form.is_valid() and passing_on.wrote(patient, form.cleaned_data["once"], request.user)


def _back(request: HttpRequest, patient: Patient) -> HttpResponse:
    messages.success(request, _("Your report is in the record, and whoever referred was told."))
    return redirect("clinician:chart", patient.pk)
