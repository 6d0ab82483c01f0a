"""What a clinician types to find and to ask a patient. What was typed stays while it is corrected."""

import uuid

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ehr.frame.categories import About
from ehr.frame.forms import DayField
from ehr.frame.part_forms import PartsForm
from ehr.words import Action, Category

MOST_WORDS = 1_900
HOLDS = {
    Category.BASIC: gettext_lazy("Name, address, contacts, insurance"),
    Category.HISTORY: gettext_lazy("Allergies, conditions, vaccinations, operations, visits, notes"),
    Category.LABS: gettext_lazy("Blood tests, blood pressure, weight, scans"),
    Category.TREATMENT: gettext_lazy("Medicines, care plans, referrals, goals"),
    Category.MENTAL_HEALTH: gettext_lazy("Counselling, therapy, psychiatric care, substance use"),
    Category.GENETIC: gettext_lazy("Genetic tests, illnesses in the family"),
}


def _words(label, *, missing, help_text="") -> forms.CharField:
    return forms.CharField(
        label=label,
        max_length=MOST_WORDS,
        widget=forms.Textarea({"rows": 4}),
        help_text=help_text,
        error_messages={"required": missing},
    )


class ClinicalPartsForm(PartsForm):
    """Some of the six parts, each with what a clinician finds in it."""

    def hint(self, part: About) -> str:
        return str(HOLDS[Category(part.slug)])


class AskForm(ClinicalPartsForm):
    """Which parts, of which time, for how long, what for. Sensitive ones stand apart; nothing is ticked beforehand."""

    asks = gettext_lazy("Which parts do you need?")
    warns = gettext_lazy("The patient confirms each of these on its own. Ask only for what you need.")

    once = forms.UUIDField(widget=forms.HiddenInput)
    entry = forms.UUIDField(widget=forms.HiddenInput, required=False)
    write = forms.BooleanField(
        label=gettext_lazy("I also need to add to these parts"),
        help_text=gettext_lazy("Medicines, problems, notes, plans"),
        required=False,
    )
    record_from = DayField(
        label=gettext_lazy("Only what was recorded from this day on"),
        required=False,
        error_messages={"invalid": gettext_lazy("Write a day, for example 20 February 2025.")},
    )
    record_until = DayField(
        label=gettext_lazy("Only what was recorded up to this day"),
        help_text=gettext_lazy("Leave it open if you also need what comes later."),
        required=False,
        error_messages={"invalid": gettext_lazy("Write a day, for example 20 February 2025.")},
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
    words = _words(
        gettext_lazy("What do you need to find out?"),
        missing=gettext_lazy("Say in a sentence or two what you need to find out."),
        help_text=gettext_lazy("The patient reads this, and nobody else."),
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["once"].initial = uuid.uuid4()
        self.offer()
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
        if not self.errors and not self.categories() and not self.cleaned_data.get("entry"):
            self.add_error("ordinary", _("Tick at least one part."))

    def terms(self) -> dict[str, object]:
        """Return what `asking.ask` needs. For a single entry its parts follow from it."""
        told = self.cleaned_data
        one = [str(told["entry"])] if told["entry"] else []
        return {
            "categories": [] if one else self.categories(),
            "entries": one,
            "record_from": None if one else told["record_from"],
            "record_until": None if one else told["record_until"],
            "actions": [Action.READ, Action.WRITE] if told["write"] and not one else [Action.READ],
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


class ReplyForm(forms.Form):
    """What a clinician answers a patient who asked why."""

    words = _words(
        gettext_lazy("Your answer"),
        missing=gettext_lazy("Write a sentence or two."),
        help_text=gettext_lazy("The patient reads this, and nobody else. You answer once."),
    )
