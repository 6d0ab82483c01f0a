"""What a clinician types: entries of a chart, and reasons. What was typed stays while it is corrected."""

import uuid
from datetime import date

from django import forms
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from consent.sentences import PARTS
from ehr import clock
from ehr.frame.forms import DayField, Words
from ehr.words import SENSITIVE, Category

LONGEST_TEXT = 20_000


def _line(label, *, missing="", **more) -> forms.CharField:
    """Return a field of one line; `missing` is said when it is required and empty."""
    more.setdefault("max_length", 200)
    return Words(label=label, required=bool(missing), error_messages={"required": missing}, **more)


def _text(label, *, missing="", rows=4, **more) -> forms.CharField:
    more.setdefault("max_length", LONGEST_TEXT)
    widget = forms.Textarea({"rows": rows})
    return Words(label=label, required=bool(missing), widget=widget, error_messages={"required": missing}, **more)


def _day(label, **more) -> DayField:
    return DayField(
        label=label,
        required=False,
        error_messages={"invalid": gettext_lazy("Write a day, for example 3 May 2026.")},
        **more,
    )


class EntryForm(forms.Form):
    """What all entries of a chart have in common: whether they belong into a sensitive part, and what one wrote on."""

    # The entry's id on adding, so that the same form sent twice adds once; the version read on changing.
    once = forms.UUIDField(widget=forms.HiddenInput, required=False)
    version = forms.IntegerField(widget=forms.HiddenInput, required=False, min_value=1)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["once"].initial = uuid.uuid4()
        self.fields["sensitive"] = forms.MultipleChoiceField(
            label=_("Does it belong into a sensitive part?"),
            help_text=_("Only who was let into that part reads it then. What you name may put it there in any case."),
            choices=[(part, capfirst(str(PARTS[part]))) for part in Category if part in SENSITIVE],
            widget=forms.CheckboxSelectMultiple,
            required=False,
        )

    def clean_since(self) -> date | None:
        since = self.cleaned_data["since"]
        if since and since > timezone.localtime(clock.now()).date() and not self.may_lie_ahead:
            raise forms.ValidationError(_("This lies in the future. Choose a day that has been."))
        return since

    may_lie_ahead = False


class MedicineForm(EntryForm):
    """A prescription."""

    name = _line(
        gettext_lazy("Medicine and strength"),
        missing=gettext_lazy("Name the medicine and its strength."),
        help_text=gettext_lazy("For example: metformin 500 mg tablet"),
    )
    how = _line(
        gettext_lazy("How to take it"),
        missing=gettext_lazy("Say how to take it."),
        max_length=500,
        help_text=gettext_lazy("For example: 1 tablet twice a day, with food"),
    )
    why = _line(gettext_lazy("What for"), help_text=gettext_lazy("For example: type 2 diabetes"))


class ProblemForm(EntryForm):
    """A condition on the problem list."""

    name = _line(gettext_lazy("Problem"), missing=gettext_lazy("Name the problem."))
    certainty = forms.ChoiceField(label=gettext_lazy("How certain is it?"), widget=forms.RadioSelect)
    since = _day(gettext_lazy("Since when"))
    remark = _text(gettext_lazy("Remark"), rows=3)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["certainty"].choices = [
            ("confirmed", _("Confirmed")),
            ("provisional", _("Provisional: treated as such until more is known")),
            ("differential", _("One of several possibilities")),
            ("refuted", _("Ruled out")),
        ]
        self.fields["certainty"].initial = "confirmed"


class AllergyForm(EntryForm):
    """An allergy or intolerance, or that somebody asked and there is none."""

    none = forms.BooleanField(
        label=gettext_lazy("No known allergies"),
        help_text=gettext_lazy("You asked, and there are none. Leave the rest empty then."),
        required=False,
    )
    name = _line(gettext_lazy("Allergic to"), help_text=gettext_lazy("For example: penicillin"))
    group = forms.ChoiceField(label=gettext_lazy("What kind"), required=False)
    danger = forms.ChoiceField(label=gettext_lazy("How dangerous"), required=False)
    reaction = _line(gettext_lazy("What happens"), help_text=gettext_lazy("For example: rash, swelling"))
    since = _day(gettext_lazy("Since when"))
    remark = _text(gettext_lazy("Remark"), rows=3)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["group"].choices = [
            ("", _("Not said")),
            ("medication", _("Medicine")),
            ("food", _("Food")),
            ("environment", _("Surroundings, such as pollen")),
            ("biologic", _("Biological product")),
        ]
        self.fields["danger"].choices = [
            ("", _("Not said")),
            ("high", _("Can be dangerous")),
            ("low", _("Not dangerous")),
            ("unable-to-assess", _("Cannot be assessed")),
        ]

    def clean(self):
        none, name = self.cleaned_data.get("none"), self.cleaned_data.get("name")
        if not none and not name:
            self.add_error("name", _("Name what the allergy is to, or tick that none is known."))
        if none and name:
            self.add_error("none", _("Either there are none, or there is this one. Leave one of the two out."))


class NoteForm(EntryForm):
    """A note in the clinician's own words."""

    name = _line(gettext_lazy("What is it about?"), missing=gettext_lazy("Say in a few words what it is about."))
    words = _text(gettext_lazy("Note"), missing=gettext_lazy("Write the note."), rows=10)


class PlanForm(EntryForm):
    """A plan of care."""

    may_lie_ahead = True
    name = _line(
        gettext_lazy("Plan"),
        missing=gettext_lazy("Name the plan."),
        help_text=gettext_lazy("For example: rehabilitation"),
    )
    words = _text(gettext_lazy("What is to be done"), rows=6)
    since = _day(gettext_lazy("From when"))


FORMS: dict[str, type[EntryForm]] = {
    "medicine": MedicineForm,
    "problem": ProblemForm,
    "allergy": AllergyForm,
    "note": NoteForm,
    "plan": PlanForm,
}


class StopForm(forms.Form):
    """Why something is over, and since when."""

    version = forms.IntegerField(widget=forms.HiddenInput, min_value=1)
    on = _day(gettext_lazy("Since when is it over?"))
    reason = _line(gettext_lazy("Why?"), missing=gettext_lazy("Say in a few words why."), max_length=500)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["on"].initial = timezone.localtime(clock.now()).date()

    def clean_on(self) -> date:
        today = timezone.localtime(clock.now()).date()
        on = self.cleaned_data["on"] or today
        if on > today:
            raise forms.ValidationError(_("This lies in the future. Come back on that day."))
        return on


class MistakeForm(forms.Form):
    """Why an entry should never have been there."""

    version = forms.IntegerField(widget=forms.HiddenInput, min_value=1)
    reason = _line(
        gettext_lazy("What is wrong with it?"),
        missing=gettext_lazy("Say in a few words what is wrong with it."),
        max_length=500,
        help_text=gettext_lazy("For example: belongs to another patient. It stays readable, struck through."),
    )
