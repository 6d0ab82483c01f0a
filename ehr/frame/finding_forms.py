"""How somebody is found by their documents: three things, and all of them exactly."""

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ehr import clock
from ehr.frame.forms import Day, DayField
from ehr.frame.identifiers import IDENTIFIERS


class FindForm(forms.Form):
    """Name, birth date and one number, all three as the patient's documents have them."""

    name = forms.CharField(
        label=gettext_lazy("Full name"),
        max_length=200,
        help_text=gettext_lazy("Given name first. Capitals, accents and hyphens do not matter."),
        widget=forms.TextInput({"autocomplete": "off", "spellcheck": "false"}),
        error_messages={"required": gettext_lazy("Type the name as the document has it.")},
    )
    birth_date = DayField(
        label=gettext_lazy("Date of birth"),
        widget=Day({"autocomplete": "off"}),
        error_messages={
            "required": gettext_lazy("Type the date of birth."),
            "invalid": gettext_lazy("Write the day as year, month, day: 1980-03-25."),
        },
    )
    system = forms.ChoiceField(
        label=gettext_lazy("Which number do you have?"),
        choices=IDENTIFIERS,
        error_messages={"required": gettext_lazy("Choose which number you have.")},
    )
    number = forms.CharField(
        label=gettext_lazy("The number"),
        max_length=60,
        widget=forms.TextInput({"autocomplete": "off", "spellcheck": "false"}),
        error_messages={"required": gettext_lazy("Type the number as it stands in the document.")},
    )

    def clean_birth_date(self):
        born = self.cleaned_data["birth_date"]
        if born > timezone.localdate(clock.now()):
            raise forms.ValidationError(_("This day has not come yet. Look at the year again."))
        return born

    def three(self) -> dict[str, object]:
        """Return what `finding.find` compares."""
        told = self.cleaned_data
        return {
            "name": told["name"],
            "birth_date": told["birth_date"],
            "system": told["system"],
            "value": told["number"],
        }
