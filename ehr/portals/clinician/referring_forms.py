"""What a physician types to propose a colleague, and a report. Only what they may see themselves can be ticked."""

import uuid
from collections.abc import Mapping

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ehr.frame.forms import Words, tick_all
from ehr.portals.clinician.asking_forms import MOST_WORDS, ClinicalPartsForm
from ehr.portals.clinician.forms import LONGEST_TEXT
from ehr.words import Action

__all__ = ["ReferForm", "ReportForm", "tick_all"]


class ReferForm(ClinicalPartsForm):
    """Which parts, to add to as well, for how long and why. `held` are the parts one may pass on."""

    asks = gettext_lazy("What do they need to see?")
    warns = gettext_lazy("The patient confirms each of these on its own. Pass on only what is needed.")

    once = forms.UUIDField(widget=forms.HiddenInput)
    write = forms.BooleanField(
        label=gettext_lazy("They may also add to these parts"),
        help_text=gettext_lazy("Without it they cannot file their report in the record."),
        required=False,
    )
    days = forms.TypedChoiceField(
        label=gettext_lazy("For how long at most?"),
        help_text=gettext_lazy("It ends 7 days after their report, if that comes sooner."),
        coerce=int,
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Choose for how long.")},
    )
    words = Words(
        label=gettext_lazy("Why do you refer?"),
        max_length=MOST_WORDS,
        widget=forms.Textarea({"rows": 4}),
        help_text=gettext_lazy("The patient reads this, and nobody else."),
        error_messages={"required": gettext_lazy("Write in a few words why you refer. The patient reads it.")},
    )

    def __init__(self, held: Mapping[str, bool], *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["once"].initial = uuid.uuid4()
        self.offer(held)
        if not any(held.values()):
            del self.fields["write"]
        spans = {7: _("A week"), 30: _("A month"), 90: _("Three months"), 180: _("Half a year")}
        self.fields["days"].choices = list(spans.items())

    def clean(self):
        if not self.errors and not self.categories():
            self.add_error(next(name for name in ("ordinary", "sensitive") if name in self.fields), _missing())

    def terms(self) -> dict[str, object]:
        """Return what `referrals.refer` needs."""
        told = self.cleaned_data
        return {
            "categories": self.categories(),
            "actions": [Action.READ, Action.WRITE] if told.get("write") else [Action.READ],
            "days": told["days"],
            "words": told["words"],
            "once": told["once"],
        }


def _missing() -> str:
    return _("Tick at least one part.")


class ReportForm(forms.Form):
    """A report to whoever referred, in the writer's own words. `once` is the entry's id."""

    once = forms.UUIDField(widget=forms.HiddenInput)
    name = Words(
        label=gettext_lazy("What is it about?"),
        max_length=200,
        error_messages={"required": gettext_lazy("Say in a few words what it is about.")},
    )
    words = Words(
        label=gettext_lazy("Your report"),
        max_length=LONGEST_TEXT,
        widget=forms.Textarea({"rows": 10}),
        error_messages={"required": gettext_lazy("Write the report.")},
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["once"].initial = uuid.uuid4()
