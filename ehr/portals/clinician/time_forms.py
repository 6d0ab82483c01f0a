"""What a clinician fills in about their own time: when they are away, and which calendars go out and come in."""

from django import forms
from django.utils.translation import gettext_lazy as _

from appointments.calendars.reading import LARGEST_BYTES
from ehr.frame.time_forms import SpanForm


class AwayForm(SpanForm):
    """From when until when."""

    anyway = forms.BooleanField(
        label=_("Also if visits are booked in this time: they stay until somebody moves them"), required=False
    )


class CalendarForm(forms.Form):
    """A calendar elsewhere: its address, or a file of it."""

    name = forms.CharField(
        label=_("What you call it"),
        max_length=60,
        help_text=_("Such as University. Only you read this."),
        error_messages={"required": _("Give the calendar a name that you will recognise.")},
    )
    address = forms.CharField(
        label=_("Its secret address"),
        max_length=2000,
        required=False,
        help_text=_("It begins with https:// and often ends with .ics. Your calendar’s settings show it."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "url", "spellcheck": "false"}),
    )
    file = forms.FileField(
        label=_("Or a file"), required=False, help_text=_("An .ics file that your calendar program exports.")
    )

    def clean(self):
        """Ask for one of the two."""
        told = super().clean()
        if bool(told.get("address")) == bool(told.get("file")) and not self.errors:
            self.add_error("address", _("Give the calendar’s address, or a file of it."))
        return told

    def clean_file(self):
        """Refuse what is larger than is read."""
        file = self.cleaned_data.get("file")
        if file and file.size > LARGEST_BYTES:
            raise forms.ValidationError(_("This file is larger than 2 MB. Export a shorter time."))
        return file
