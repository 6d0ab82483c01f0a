"""Moving to another hospital: which place one leaves, keep, move or end each permission, who gets it, one act."""

from collections.abc import Mapping
from hashlib import sha256
from uuid import UUID, uuid4

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from consent.models import Grant
from consent.sentences import PARTS
from consent.sharing import blocks, moving, passing_on
from consent.sharing.moving import Choice, Do, Planned
from consent.sharing.proposing import CannotGive
from ehr import clock
from ehr.accounts import queries as accounts
from ehr.frame.forms import Option
from ehr.frame.roles import patient_only, unlocked
from ehr.portals.patient import drafts
from ehr.portals.patient.people import shared
from ehr.words import SENSITIVE
from providers import queries as providers
from providers.models import Institution
from providers.queries import standing
from providers.roles import Role

MOVE = "move"
_DOES = {
    Do.KEEP: (gettext_lazy("Keep it as it is"), gettext_lazy("They go on seeing it, also what is new.")),
    Do.MOVE: (gettext_lazy("Give it to somebody else instead"), gettext_lazy("You choose whom on the next page.")),
    Do.END: (gettext_lazy("End it"), gettext_lazy("They see it no longer.")),
}


class PlaceForm(forms.Form):
    """Which place one leaves."""

    place = forms.ChoiceField(
        label=gettext_lazy("Which place do you leave?"),
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Choose the place that you leave.")},
    )

    def __init__(self, places: list[Institution], *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["place"].choices = [(str(one.pk), one.name) for one in places]


class DoForm(forms.Form):
    """What becomes of each permission: one question a permission, none answered beforehand."""

    def __init__(self, held: list[Grant], *args, **kwargs):
        super().__init__(*args, **kwargs)
        at = clock.now()
        for grant in held:
            one = shared(grant, at)
            self.fields[str(grant.pk)] = forms.ChoiceField(
                label=_("%(name)s: your %(parts)s") % {"name": one.name, "parts": one.parts},
                help_text=one.sentence,
                widget=forms.RadioSelect,
                choices=[(str(do), Option(str(label), str(hint))) for do, (label, hint) in _DOES.items()],
                error_messages={"required": _("Choose what becomes of what %(name)s may see.") % {"name": one.name}},
            )


class MovedForm(forms.Form):
    """A tick for each sensitive part of each permission that moves; and which sentences the page showed."""

    read = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, plan: list[Planned], *args, **kwargs):
        super().__init__(*args, **kwargs)
        sentences = [one.sentence for planned in plan for one in (planned.made, planned.copy) if one]
        self.shown = sha256("\n".join([*sentences, *(p.choice.do for p in plan)]).encode()).hexdigest()
        self.fields["read"].initial = self.shown
        for planned in plan:
            for part in planned.made.categories if planned.made else ():
                if part in SENSITIVE:
                    words = {"name": standing(planned.choice.to).name, "part": PARTS[part]}
                    self.fields[f"also-{planned.grant.pk}-{part}"] = forms.BooleanField(
                        label=_("Yes, %(name)s may also see my %(part)s") % words,
                        error_messages={
                            "required": _("Tick that %(name)s may see your %(part)s, or go back and end it.") % words
                        },
                    )

    def clean_read(self) -> str:
        if self.cleaned_data["read"] != self.shown:
            self.data = self.data.copy()
            self.data["read"] = self.shown
            raise forms.ValidationError(_("Something changed since you read this. Read it again, then confirm."))
        return self.shown


def _draft(request: HttpRequest, draft: UUID) -> tuple[dict, Institution]:
    """Return what was answered so far, and the place one leaves. Raises Http404 when either is gone."""
    answers = drafts.find(request, draft, MOVE)
    place = providers.institution(answers["place"])
    if place is None:
        raise Http404
    return answers, place


@require_http_methods(["GET", "POST"])
@patient_only
def begin(request: HttpRequest) -> HttpResponse:
    """Choose the place one leaves, of those whose people one shares with now."""
    places = moving.places_left(request.patient)
    form = PlaceForm(places, request.POST if request.method == "POST" else None)
    if form.is_valid():
        draft = uuid4()
        drafts.begin(request, draft, MOVE, place=form.cleaned_data["place"])
        return redirect("patient:move-what", draft)
    return render(request, "patient/move.html", {"form": form, "places": places})


@require_http_methods(["GET", "POST"])
@patient_only
def what(request: HttpRequest, draft: UUID) -> HttpResponse:
    """Keep, move or end each permission."""
    answers, place = _draft(request, draft)
    held = moving.held_at(request.patient, place)
    form = DoForm(held, request.POST if request.method == "POST" else None, initial=answers.get("do", {}))
    if form.is_valid():
        drafts.keep(request, draft, do={name: str(do) for name, do in form.cleaned_data.items()})
        return _onward(request, draft)
    return render(request, "patient/move_what.html", {"form": form, "place": place, "held": held, "draft": draft})


def _onward(request: HttpRequest, draft: UUID) -> HttpResponse:
    """Return the next question: who gets what moves and has nobody yet; else all in sentences."""
    answers = drafts.find(request, draft, MOVE)
    for grant, do in answers["do"].items():
        if do == Do.MOVE and grant not in answers.get("to", {}):
            return redirect("patient:move-to", draft, grant)
    return redirect("patient:move-confirm", draft)


@require_http_methods(["GET", "POST"])
@patient_only
def to(request: HttpRequest, draft: UUID, grant: UUID) -> HttpResponse:
    """Who gets this permission instead, from the directory; whoever was chosen for another stands first."""
    answers, place = _draft(request, draft)
    found = next((one for one in moving.held_at(request.patient, place) if one.pk == grant), None)
    if found is None or answers.get("do", {}).get(str(grant)) != Do.MOVE:
        raise Http404
    if request.method == "POST":
        reader = _reader(request.POST.get("reader", ""))
        if reader is not None:
            drafts.keep(request, draft, to=answers.get("to", {}) | {str(grant): str(reader.user_id)})
            return _onward(request, draft)
    words = request.GET.get("words", "").strip()[:100]
    before = [line for one in dict.fromkeys(answers.get("to", {}).values()) if (line := _reader(one))]
    # Nor who is kept out, nor pharmacists, who are let in to one prescription at a time.
    not_these = {found.reader.user_id} | blocks.kept_out(request.patient)
    listed = providers.directory(words).lines
    lines = [one for one in listed if one.user_id not in not_these and one.role != Role.PHARMACIST]
    context = {"one": shared(found, clock.now()), "words": words, "lines": lines, "before": before, "draft": draft}
    return render(request, "patient/move_to.html", context)


def _reader(user: str) -> providers.DirectoryLine | None:
    try:
        return providers.directory_line(UUID(user))
    except ValueError:
        return None


def _choices(answers: Mapping) -> dict[UUID, Choice]:
    to = {grant: accounts.person(user) for grant, user in answers.get("to", {}).items()}
    return {
        UUID(grant): Choice(Do(do), to.get(grant) if do == Do.MOVE else None) for grant, do in answers["do"].items()
    }


@require_http_methods(["GET", "POST"])
@patient_only
@unlocked
def confirm(request: HttpRequest, draft: UUID) -> HttpResponse:
    """All in sentences, the legal copies among them, and one button. Confirmed twice, it is done once."""
    answers, place = _draft(request, draft)
    if "did" in answers:
        return redirect("patient:move-done", draft)
    if "do" not in answers:
        return redirect("patient:move-what", draft)
    choices = _choices(answers)
    try:
        plan = moving.planned(request.patient, leaving=place, choices=choices)
        form = MovedForm(plan, request.POST if request.method == "POST" else None)
        if form.is_valid():
            did = moving.move(request.patient, keyring=request.keyring, leaving=place, choices=choices, act=draft)
            made = {"made": [str(one.pk) for one in did.made], "copies": len(did.copies), "ended": len(did.ended)}
            drafts.keep(request, draft, did=made)
            return redirect("patient:move-done", draft)
    except CannotGive as problem:
        return render(request, "patient/cannot_move.html", {"problem": problem, "place": place, "draft": draft})
    at = clock.now()
    lines = [
        {
            "one": shared(each.grant, at),
            "do": each.choice.do,
            "planned": each,
            "over_too": [shared(one, at) for one in _over_too(each)],
        }
        for each in plan
    ]
    context = {
        "form": form,
        "place": place,
        "lines": lines,
        "draft": draft,
        "moves": any(each.made for each in plan),
        "copies": any(each.copy for each in plan),
    }
    return render(request, "patient/move_confirm.html", context)


def _over_too(planned: Planned) -> list[Grant]:
    """Return what hangs from a permission that ends or moves, and is over with it."""
    return [] if planned.choice.do is Do.KEEP else passing_on.hanging_from(planned.grant)


@require_GET
@patient_only
def done(request: HttpRequest, draft: UUID) -> HttpResponse:
    """What was done."""
    answers, place = _draft(request, draft)
    if "did" not in answers:
        return redirect("patient:move-what", draft)
    return render(request, "patient/move_done.html", {"place": place, "did": answers["did"]})
