"""Mandates: what a patient lets a physician pass on without asking each time. One sentence, signed, endable."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from consent import queries, sentences
from consent.models import Grant, Mandate
from consent.sharing import mandates, passing_on
from ehr import clock
from ehr.accounts import queries as accounts
from ehr.frame.categories import about
from ehr.frame.forms import Option
from ehr.frame.roles import patient_only, unlocked
from ehr.portals.patient import drafts
from ehr.portals.patient.people import shared
from ehr.portals.patient.sharing_forms import SPANS, ConfirmForm, last_minute
from ehr.words import SENSITIVE
from providers.queries import standing

MANDATE = "mandate"
DAYS = (7, 30, 90)


def mandated(mandate: Mandate) -> dict[str, object]:
    """Return a mandate as a patient reads it."""
    return {
        "id": mandate.pk,
        "name": standing(mandate.referrer.user).name or mandate.referrer.name,
        "sentence": mandate.sentence,
        "made_at": mandate.made_at,
        "until": mandate.until,
        "over_at": mandate.ended_at or (mandate.until if mandate.until <= clock.now() else None),
    }


class MandateForm(forms.Form):
    """Which parts, to whom, for how long each time, and until when. Nothing is ticked beforehand."""

    def __init__(self, grant: Grant, *args, **kwargs):
        super().__init__(*args, **kwargs)
        parts = [about(part) for part in grant.categories]
        for name, label, sensitive in (
            ("ordinary", _("What may they pass on?"), False),
            ("sensitive", _("Sensitive parts"), True),
        ):
            options = [
                (one.slug, Option(one.name, f"{one.holds}. {one.example}"))
                for one in parts
                if one.sensitive is sensitive
            ]
            if options:
                self.fields[name] = forms.MultipleChoiceField(
                    label=label, choices=options, widget=forms.CheckboxSelectMultiple, required=False
                )
        if "sensitive" in self.fields:
            self.fields["sensitive"].help_text = _("We ask you again before they open.")
        self.fields["roles"] = forms.MultipleChoiceField(
            label=_("To whom?"),
            choices=[(role, capfirst(str(sentences.MANDATED[role]))) for role in mandates.ROLES],
            widget=forms.CheckboxSelectMultiple,
            error_messages={"required": _("Choose to whom they may pass it on.")},
        )
        self.fields["days"] = forms.TypedChoiceField(
            label=_("How long may each of them see it?"),
            coerce=int,
            choices=[(days, _("%(days)s days at most") % {"days": days}) for days in DAYS],
            widget=forms.RadioSelect,
            error_messages={"required": _("Choose how long.")},
        )
        today = timezone.localdate(clock.now())
        names = {"month": _("A month"), "quarter": _("Three months"), "year": _("A year")}
        self.fields["span"] = forms.ChoiceField(
            label=_("Until when does this hold?"),
            choices=[
                (span, Option(name, _("Until %(day)s") % {"day": date_format(_last(today, span), "j F Y")}))
                for span, name in names.items()
            ],
            widget=forms.RadioSelect,
            error_messages={"required": _("Choose until when.")},
        )

    def clean(self):
        if not self.errors and not self.categories():
            self.add_error(next(iter(self.fields)), _("Tick at least one part, or pass on nothing."))

    def categories(self) -> list[str]:
        """Return the parts that were ticked."""
        return [*self.cleaned_data.get("ordinary", []), *self.cleaned_data.get("sensitive", [])]

    def until(self) -> datetime:
        """Return the last minute of the last day, in the patient's zone."""
        return last_minute(_last(timezone.localdate(clock.now()), self.cleaned_data["span"]))


def _last(today, span: str):
    return today + timedelta(days=SPANS[span])


@require_http_methods(["GET", "POST"])
@patient_only
@unlocked
def new(request: HttpRequest, grant: UUID) -> HttpResponse:
    """From the permission of a physician: what they may pass on of it. Nothing holds before it is confirmed."""
    found = queries.of_patient(request.patient, grant)
    if found is None or not passing_on.may_be_mandated(found):
        raise Http404
    form = MandateForm(found, request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        draft = uuid4()
        drafts.begin(
            request,
            draft,
            MANDATE,
            grant=str(found.pk),
            reader=str(found.reader.user_id),
            categories=form.categories(),
            roles=form.cleaned_data["roles"],
            days=form.cleaned_data["days"],
            until=form.until().isoformat(),
        )
        return redirect("patient:mandate-confirm", draft)
    return render(request, "patient/mandate_new.html", {"form": form, "one": shared(found, clock.now())})


@require_http_methods(["GET", "POST"])
@patient_only
@unlocked
def confirm(request: HttpRequest, draft: UUID) -> HttpResponse:
    """The sentence, and the button that signs it. Sent twice, it is one."""
    if mandates.of_patient(request.patient, draft):
        return redirect("patient:mandate", draft)
    answers = drafts.find(request, draft, MANDATE)
    terms = {
        "referrer": accounts.person(UUID(answers["reader"])),
        "categories": answers["categories"],
        "roles": answers["roles"],
        "days": answers["days"],
        "until": datetime.fromisoformat(answers["until"]),
    }
    try:
        proposed = mandates.propose(request.patient, **terms)
        form = ConfirmForm(
            [part for part in proposed.categories if part in SENSITIVE],
            request.POST if request.method == "POST" else None,
            name=_("whom they choose"),
            sentence=proposed.sentence,
        )
        if form.is_valid():
            read = answers.get("sentence")
            made = mandates.make(request.patient, keyring=request.keyring, once=draft, sentence=read, **terms)
            messages.success(request, _("It holds from now on. You are told each time, and can end it at any time."))
            return redirect("patient:mandate", made.pk)
    except mandates.CannotMandate as problem:
        return render(request, "patient/cannot_mandate.html", {"problem": problem, "grant": answers["grant"]})
    drafts.keep(request, draft, sentence=proposed.sentence)
    context = {"form": form, "sentence": proposed.sentence, "grant": answers["grant"]}
    return render(request, "patient/mandate_confirm.html", context)


@require_http_methods(["GET", "POST"])
@patient_only
def mandate(request: HttpRequest, mandate: UUID) -> HttpResponse:
    """What was signed, and ending it. What was passed on under it stays until it is stopped by itself."""
    found = mandates.of_patient(request.patient, mandate)
    if found is None:
        raise Http404
    if request.method == "POST":
        mandates.end(found)
        messages.success(request, _("It is ended. From now on you are asked each time."))
        return redirect("patient:mandate", mandate)
    return render(request, "patient/mandate.html", {"one": mandated(found)})
