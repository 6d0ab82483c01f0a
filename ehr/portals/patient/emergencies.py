"""Emergencies: who opened the record without asking, why, what a review found; and what one says beforehand."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from audit.log import Party
from consent import emergency, queries, sentences
from consent.models import Emergency
from ehr import clock
from ehr.accounts.keyrings import OpenKeyring
from ehr.frame import paging
from ehr.frame.categories import all_six
from ehr.frame.forms import NameField
from ehr.frame.roles import patient_only
from ehr.words import Category
from patients.models import Patient

PAGE = 20
REASONS = {
    Emergency.Reason.UNCONSCIOUS: gettext_lazy("You could not speak for yourself."),
    Emergency.Reason.LIFE: gettext_lazy("Your life or a limb was in danger."),
    Emergency.Reason.URGENT: gettext_lazy("Waiting would have harmed you."),
    Emergency.Reason.OTHERS: gettext_lazy("Somebody else was in danger."),
}
ENDED = {
    Emergency.EndedBy.PATIENT: gettext_lazy("You ended it."),
    Emergency.EndedBy.READER: gettext_lazy("They ended it themselves."),
    Emergency.EndedBy.OFFICER: gettext_lazy("A privacy officer ended it."),
    Emergency.EndedBy.FAILED: gettext_lazy("It never opened: nothing was read."),
}


@dataclass(frozen=True)
class Told:
    """One emergency in a patient's words. `words` and `found` are None where they do not open for these keys."""

    id: UUID
    event_id: UUID
    who: str
    place: str
    reason: str
    parts: str
    words: str | None
    opened_at: datetime
    until: datetime
    open: bool
    happened: bool
    ended: str
    due_at: datetime
    overdue: bool
    reviewed_at: datetime | None
    reviewer: str
    justified: bool
    found: str | None


class ContactForm(forms.Form):
    """Whom to tell."""

    name = NameField(
        label=gettext_lazy("Their name"), max_length=200, error_messages={"required": gettext_lazy("Say who it is.")}
    )
    email = forms.EmailField(
        label=gettext_lazy("Their e-mail address"),
        help_text=gettext_lazy("They need no account here. Ask them first."),
        error_messages={
            "required": gettext_lazy("Type their e-mail address."),
            "invalid": gettext_lazy("Look at the address again: name@example.org"),
        },
    )


def told(one: Emergency, at: datetime, keyring: OpenKeyring | None) -> Told:
    """Return an emergency as its patient reads it."""
    who = emergency.actor_of(one) or Party("person", None, one.reader.name)
    return Told(
        id=one.pk,
        event_id=one.event_id,
        who=who.name,
        place=who.place,
        reason=str(REASONS[Emergency.Reason(one.reason)]),
        parts=_("whole record") if set(one.parts) == set(Category) else sentences.parts(one.parts),
        words=emergency.reason_of(one, keyring),
        opened_at=one.opened_at,
        until=min(one.ended_at or one.ends_at, one.ends_at),
        open=one.is_open(at),
        happened=one.opened,
        ended=str(ENDED.get(one.ended_by, "")),
        due_at=one.review_due_at,
        overdue=not one.outcome and one.review_due_at <= at,
        reviewed_at=one.reviewed_at,
        reviewer=one.reviewed_by.name if one.reviewed_by else "",
        justified=one.outcome == Emergency.Outcome.JUSTIFIED,
        found=emergency.review_of(one, keyring),
    )


def open_now(patient: Patient) -> list[Told]:
    """Return the emergencies that hold at this moment, for the first page."""
    at = clock.now()
    return [told(one, at, None) for one in emergency.open_now(patient, at)]


@require_GET
@patient_only
def emergencies(request: HttpRequest) -> HttpResponse:
    """Every emergency with one's record, newest first, and what one has said beforehand."""
    return _page(request, ContactForm(initial=_named(request.patient)))


def _named(patient: Patient) -> dict[str, str]:
    contact = emergency.contact_of(patient)
    return {"name": contact.name, "email": contact.email} if contact else {}


def _page(request: HttpRequest, form: ContactForm) -> HttpResponse:
    patient, at, law = request.patient, clock.now(), queries.law()
    page = paging.page(request, emergency.of_patient(patient), size=PAGE)
    shut = emergency.opted_out(patient)
    context = {
        "page": page,
        "emergencies": [told(one, at, request.keyring) for one in page],
        "form": form,
        "contact": emergency.contact_of(patient),
        "law": law,
        "parts": [(one, one.slug in shut) for one in all_six()],
        "any_shut": bool(shut),
        "hours": int(emergency.LASTS.total_seconds() // 3600),
    }
    return render(request, "patient/emergencies.html", context, status=422 if form.errors else 200)


@require_POST
@patient_only
def end(request: HttpRequest, which: UUID) -> HttpResponse:
    """End an emergency now. With open keys the record is locked anew at once."""
    found = emergency.one_of_patient(request.patient, which)
    if found is None:
        raise Http404
    emergency.end(found, by=request.user, keyring=request.keyring)
    if request.keyring is not None:
        messages.success(request, _("It has ended, and your record is locked anew: what they had opens nothing now."))
    else:
        messages.success(request, _("It has ended. Unlock your record, and it is locked anew with other keys, too."))
    return redirect("patient:emergencies")


@require_POST
@patient_only
def contact(request: HttpRequest) -> HttpResponse:
    """Name whom to tell, or nobody any more."""
    if "remove" in request.POST:
        emergency.remove_contact(request.patient)
        messages.success(request, _("Nobody but you is told from now on."))
        return redirect("patient:emergencies")
    form = ContactForm(request.POST)
    if not form.is_valid():
        return _page(request, form)
    emergency.name_contact(request.patient, **form.cleaned_data)
    messages.success(request, _("They are told within a minute when your record is opened in an emergency."))
    return redirect("patient:emergencies")


@require_POST
@patient_only
def keep_shut(request: HttpRequest, part: str) -> HttpResponse:
    """Keep a part shut even in an emergency, where the law lets one, or let it be opened again."""
    if part not in list(Category):
        raise Http404
    try:
        if "open" in request.POST:
            emergency.opt_in(request.patient, Category(part))
        else:
            emergency.opt_out(request.patient, Category(part))
    except emergency.CannotWish as problem:
        messages.warning(request, str(problem))
    else:
        messages.success(request, _("This is noted. It holds from now on."))
    return redirect("patient:emergencies")
