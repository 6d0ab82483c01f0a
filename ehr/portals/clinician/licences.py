"""What a clinician says about themselves and their licence."""

from django import forms
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ehr.frame.forms import NameField
from ehr.frame.licence_forms import HandedIn, country, document, last_day, line
from providers import queries
from providers.credentials import Licence
from providers.models import ROLE_NAMES
from providers.roles import CLINICAL, RANK


class LicenceForm(HandedIn):
    """One licence for one role, with the document that shows it."""

    over = gettext_lazy("This licence has already ended. Hand in the renewed one.")
    role = forms.ChoiceField(
        label=gettext_lazy("You work as"), error_messages={"required": gettext_lazy("Choose what you work as.")}
    )
    number = line(gettext_lazy("Licence number"), gettext_lazy("Type the number of your licence."), max_length=100)
    issuing_body = line(
        gettext_lazy("Issued by"),
        gettext_lazy("Name who issued your licence."),
        help_text=gettext_lazy("For example: College of Physicians and Surgeons of Ontario"),
    )
    country = country()
    expires = last_day(gettext_lazy("Give the last day on which your licence counts."))
    training = forms.CharField(
        label=gettext_lazy("Training"),
        help_text=gettext_lazy("Where and when you trained, and in what"),
        max_length=2_000,
        widget=forms.Textarea({"rows": 3}),
        error_messages={"required": gettext_lazy("Say where you trained, and in what.")},
    )
    evidence = document(
        gettext_lazy("A picture of the licence"),
        gettext_lazy("Choose a scan or photo of your licence."),
        gettext_lazy("A PDF, JPEG or PNG of at most 5 MB. Verifiers see it, nobody else."),
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        roles = sorted(CLINICAL, key=RANK.__getitem__)
        self.fields["role"].choices = [
            ("", _("Choose one")),
            *((role, capfirst(str(ROLE_NAMES[role]))) for role in roles),
        ]

    def licence(self) -> Licence:
        """Return what was said."""
        return self.said_of(self.cleaned_data["role"])


class RegisterForm(LicenceForm):
    """Who somebody is as a clinician and where they work, and their first licence."""

    title = NameField(
        label=gettext_lazy("Title"),
        max_length=40,
        required=False,
        help_text=gettext_lazy("For example: Dr"),
        widget=forms.TextInput({"class": "short", "autocomplete": "honorific-prefix"}),
    )
    professional_name = NameField(
        label=gettext_lazy("Name, as it is on your licence"),
        max_length=200,
        error_messages={"required": gettext_lazy("Type your name as it is on your licence.")},
    )
    institution = forms.ModelChoiceField(
        label=gettext_lazy("You work at"),
        queryset=None,
        empty_label=gettext_lazy("Choose one"),
        help_text=gettext_lazy("Yours is not listed? Ask it to sign up first; patients are reached only through one."),
        error_messages={"required": gettext_lazy("Choose where you work.")},
    )

    field_order = ("title", "professional_name", "institution", "role")

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["institution"].queryset = queries.institutions_open()
