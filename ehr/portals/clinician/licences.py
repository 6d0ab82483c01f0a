"""What a clinician says about themselves and their licence."""

from datetime import date, datetime, time, timedelta

from django import forms
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ehr import clock
from ehr.frame.forms import Day
from providers import queries
from providers.credentials import EVIDENCE_BYTES, Licence
from providers.models import ROLE_NAMES, country_code
from providers.roles import CLINICAL, RANK


def _line(label, missing, **more) -> forms.CharField:
    more.setdefault("max_length", 200)
    return forms.CharField(label=label, error_messages={"required": missing}, **more)


class LicenceForm(forms.Form):
    """One licence for one role, with the document that shows it."""

    role = forms.ChoiceField(
        label=gettext_lazy("You work as"), error_messages={"required": gettext_lazy("Choose what you work as.")}
    )
    number = _line(gettext_lazy("Licence number"), gettext_lazy("Type the number of your licence."), max_length=100)
    issuing_body = _line(
        gettext_lazy("Issued by"),
        gettext_lazy("Name who issued your licence."),
        help_text=gettext_lazy("For example: College of Physicians and Surgeons of Ontario"),
    )
    country = _line(
        gettext_lazy("Country"),
        gettext_lazy("Give the country as two capital letters, such as CA or US."),
        max_length=2,
        help_text=gettext_lazy("Two letters, such as CA or US"),
        widget=forms.TextInput({"class": "short", "autocomplete": "country", "autocapitalize": "characters"}),
    )
    expires = forms.DateField(
        label=gettext_lazy("Valid until"),
        help_text=gettext_lazy("The last day on which it counts"),
        widget=Day,
        error_messages={
            "required": gettext_lazy("Give the last day on which your licence counts."),
            "invalid": gettext_lazy("Write a day, for example 31 December 2027."),
        },
    )
    training = forms.CharField(
        label=gettext_lazy("Training"),
        help_text=gettext_lazy("Where and when you trained, and in what"),
        max_length=2_000,
        widget=forms.Textarea({"rows": 3}),
        error_messages={"required": gettext_lazy("Say where you trained, and in what.")},
    )
    evidence = forms.FileField(
        label=gettext_lazy("A picture of the licence"),
        help_text=gettext_lazy("A PDF, JPEG or PNG of at most 5 MB. Verifiers see it, nobody else."),
        widget=forms.FileInput({"accept": "application/pdf,image/jpeg,image/png"}),
        error_messages={
            "required": gettext_lazy("Choose a scan or photo of your licence."),
            "empty": gettext_lazy("This file is empty. Choose another."),
            "missing": gettext_lazy("Choose a scan or photo of your licence."),
        },
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        roles = sorted(CLINICAL, key=RANK.__getitem__)
        self.fields["role"].choices = [
            ("", _("Choose one")),
            *((role, capfirst(str(ROLE_NAMES[role]))) for role in roles),
        ]

    def clean_country(self) -> str:
        country = self.cleaned_data["country"].upper()
        country_code(country)
        return country

    def clean_expires(self) -> date:
        expires = self.cleaned_data["expires"]
        if expires < timezone.localtime(clock.now()).date():
            raise forms.ValidationError(_("This licence has already ended. Hand in the renewed one."))
        return expires

    def clean_evidence(self):
        evidence = self.cleaned_data["evidence"]
        if evidence.size > EVIDENCE_BYTES:
            raise forms.ValidationError(_("This file is larger than 5 MB. Choose a smaller scan."))
        return evidence

    def licence(self) -> Licence:
        """Return what was said. A licence good until a day counts until that day is over in the reader's zone."""
        told = self.cleaned_data
        return Licence(
            role=told["role"],
            number=told["number"],
            issuing_body=told["issuing_body"],
            country=told["country"],
            training=told["training"],
            expires_at=_first_moment_after(told["expires"]),
        )


class RegisterForm(LicenceForm):
    """Who somebody is as a clinician and where they work, and their first licence."""

    title = forms.CharField(
        label=gettext_lazy("Title"),
        max_length=40,
        required=False,
        help_text=gettext_lazy("For example: Dr"),
        widget=forms.TextInput({"class": "short", "autocomplete": "honorific-prefix"}),
    )
    professional_name = _line(
        gettext_lazy("Name, as it is on your licence"), gettext_lazy("Type your name as it is on your licence.")
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


def _first_moment_after(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day + timedelta(days=1), time()))
