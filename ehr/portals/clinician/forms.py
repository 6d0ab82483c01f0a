"""What a clinician types: entries of a chart, reasons, requests, a code. What was typed stays while it is corrected."""

import uuid
from collections.abc import Iterable
from datetime import date

from django import forms
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from consent.sentences import PARTS
from ehr import clock
from ehr.frame.categories import About, all_six
from ehr.frame.forms import Day, Option
from ehr.words import SENSITIVE, Action, Category

LONGEST_TEXT = 20_000


def _line(label, *, missing="", **more) -> forms.CharField:
    """Return a field of one line; `missing` is said when it is required and empty."""
    more.setdefault("max_length", 200)
    return forms.CharField(label=label, required=bool(missing), error_messages={"required": missing}, **more)


def _text(label, *, missing="", rows=4, **more) -> forms.CharField:
    more.setdefault("max_length", LONGEST_TEXT)
    widget = forms.Textarea({"rows": rows})
    return forms.CharField(
        label=label, required=bool(missing), widget=widget, error_messages={"required": missing}, **more
    )


def _day(label, **more) -> forms.DateField:
    return forms.DateField(
        label=label,
        widget=Day,
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


# --- Asking --------------------------------------------------------------------------------------
HOLDS = {
    Category.BASIC: gettext_lazy("Name, address, contacts, insurance"),
    Category.HISTORY: gettext_lazy("Allergies, conditions, vaccinations, operations, visits, notes"),
    Category.LABS: gettext_lazy("Blood tests, blood pressure, weight, scans"),
    Category.TREATMENT: gettext_lazy("Medicines, care plans, referrals, goals"),
    Category.MENTAL_HEALTH: gettext_lazy("Counselling, therapy, psychiatric care, substance use"),
    Category.GENETIC: gettext_lazy("Genetic tests, illnesses in the family"),
}


def _options(parts: Iterable[About]) -> list[tuple[str, Option]]:
    return [(part.slug, Option(part.name, str(HOLDS[Category(part.slug)]))) for part in parts]


class AskForm(forms.Form):
    """Which parts, for how long, what for. The sensitive ones stand apart; nothing is ticked beforehand."""

    once = forms.UUIDField(widget=forms.HiddenInput)
    ordinary = forms.MultipleChoiceField(
        label=gettext_lazy("Which parts do you need?"), widget=forms.CheckboxSelectMultiple, required=False
    )
    sensitive = forms.MultipleChoiceField(
        label=gettext_lazy("Sensitive parts"),
        help_text=gettext_lazy("The patient confirms each of these on its own. Ask only for what you need."),
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    write = forms.BooleanField(
        label=gettext_lazy("I also need to add to these parts"),
        help_text=gettext_lazy("Medicines, problems, notes, plans"),
        required=False,
    )
    days = forms.TypedChoiceField(
        label=gettext_lazy("For how long?"),
        coerce=int,
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Choose for how long.")},
    )
    reason = forms.ChoiceField(
        label=gettext_lazy("What is it for?"),
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Choose what it is for.")},
    )
    words = _text(
        gettext_lazy("What do you need to find out?"),
        missing=gettext_lazy("Say in a sentence or two what you need to find out."),
        rows=4,
        max_length=1_900,
        help_text=gettext_lazy("The patient reads this, and nobody else."),
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        parts = all_six()
        self.fields["once"].initial = uuid.uuid4()
        self.fields["ordinary"].choices = _options(part for part in parts if not part.sensitive)
        self.fields["sensitive"].choices = _options(part for part in parts if part.sensitive)
        spans = {7: _("A week"), 30: _("A month"), 90: _("Three months"), 365: _("A year")}
        self.fields["days"].choices = list(spans.items())
        self.fields["reason"].choices = [(told, told) for told in self.reasons()]

    @staticmethod
    def reasons() -> list[str]:
        """Return the reasons to choose from, in words that the patient reads as well."""
        return [
            _("For a visit that is planned"),
            _("To go on treating you"),
            _("For a second opinion"),
            _("To renew a prescription"),
            _("Another reason"),
        ]

    def clean(self):
        if not self.errors and not self.categories():
            self.add_error("ordinary", _("Tick at least one part."))

    def categories(self) -> list[str]:
        return [*self.cleaned_data.get("ordinary", []), *self.cleaned_data.get("sensitive", [])]

    def terms(self) -> dict[str, object]:
        """Return what `requests.ask` needs."""
        told = self.cleaned_data
        return {
            "categories": self.categories(),
            "actions": [Action.READ, Action.WRITE] if told["write"] else [Action.READ],
            "days": told["days"],
            "words": f"{told['reason']}. {told['words']}",
            "once": told["once"],
        }


class CodeForm(forms.Form):
    """The code a patient shows."""

    code = forms.CharField(
        label=gettext_lazy("The patient’s code"),
        help_text=gettext_lazy("8 letters and digits. The patient finds “Show a code” under “Who can see it”."),
        max_length=20,
        widget=forms.TextInput(
            {"class": "code", "autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}
        ),
        error_messages={"required": gettext_lazy("Type the code the patient shows you.")},
    )
