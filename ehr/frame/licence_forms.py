"""What every licence is handed in with, whoever asks for it: number, issuer, country, last day, training, document."""

from datetime import date, datetime, time, timedelta

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ehr import clock
from ehr.frame.forms import DayField
from providers.credentials import EVIDENCE_BYTES, Licence
from providers.models import country_code
from providers.roles import Role


def line(label: str | Promise, missing: str | Promise, **more) -> forms.CharField:
    """Return a field of one line, with what to say where it is empty."""
    more.setdefault("max_length", 200)
    return forms.CharField(label=label, error_messages={"required": missing}, **more)


def country() -> forms.CharField:
    """Return the field of the country whose law a licence is of."""
    return line(
        gettext_lazy("Country"),
        gettext_lazy("Give the country as two capital letters, such as CA or US."),
        max_length=2,
        help_text=gettext_lazy("Two letters, such as CA or US"),
        widget=forms.TextInput({"class": "short", "autocomplete": "country", "autocapitalize": "characters"}),
    )


def last_day(missing: str | Promise) -> DayField:
    """Return the field of the last day on which a licence counts."""
    return DayField(
        label=gettext_lazy("Valid until"),
        help_text=gettext_lazy("The last day on which it counts"),
        error_messages={
            "required": missing,
            "invalid": gettext_lazy("Write a day, for example 31 December 2027."),
        },
    )


def document(label: str | Promise, missing: str | Promise, hint: str | Promise, **more) -> forms.FileField:
    """Return the field of a document that shows something."""
    return forms.FileField(
        label=label,
        help_text=hint,
        widget=forms.FileInput({"accept": "application/pdf,image/jpeg,image/png"}),
        error_messages={
            "required": missing,
            "missing": missing,
            "empty": gettext_lazy("This file is empty. Choose another."),
        },
        **more,
    )


class HandedIn(forms.Form):
    """One licence, with the document that shows it. Whoever asks adds the fields, in their order and words: number,
    issuing_body, country, expires, training, evidence."""

    over: str | Promise  # what is said of one that has ended

    def clean_country(self) -> str:
        given = self.cleaned_data["country"].upper()
        country_code(given)
        return given

    def clean_expires(self) -> date:
        expires = self.cleaned_data["expires"]
        if expires < timezone.localtime(clock.now()).date():
            raise forms.ValidationError(self.over)
        return expires

    def clean_evidence(self) -> UploadedFile:
        evidence = self.cleaned_data["evidence"]
        if evidence.size > EVIDENCE_BYTES:
            raise forms.ValidationError(_("This file is larger than 5 MB. Choose a smaller scan."))
        return evidence

    def said_of(self, role: Role | str) -> Licence:
        """Return what was said. A licence good until a day counts until that day is over in the reader's zone."""
        told = self.cleaned_data
        return Licence(
            role=role,
            number=told["number"],
            issuing_body=told["issuing_body"],
            country=told["country"],
            training=told["training"],
            expires_at=timezone.make_aware(datetime.combine(told["expires"] + timedelta(days=1), time())),
        )
