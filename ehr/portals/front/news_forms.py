"""How somebody wants e-mail about what is new."""

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ehr.frame.forms import Option
from ehr.notices.timing import Pace

_HINTS = {
    Pace.INSTANT: gettext_lazy("An e-mail for each thing that is new."),
    Pace.DAILY: gettext_lazy("One e-mail at eight in the morning, if something is new."),
    Pace.WEEKLY: gettext_lazy("One e-mail on Monday at eight in the morning, if something is new."),
}


def _time(label, hint="") -> forms.TimeField:
    return forms.TimeField(
        label=label,
        help_text=hint,
        required=False,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        error_messages={"invalid": gettext_lazy("Write the time as hours and minutes: 22:00.")},
    )


class Telling(forms.Form):
    """When e-mails may come."""

    pace = forms.ChoiceField(label=gettext_lazy("How often?"), widget=forms.RadioSelect)
    quiet_from = _time(gettext_lazy("No e-mail from"), gettext_lazy("For example 22:00."))
    quiet_until = _time(gettext_lazy("until"), gettext_lazy("For example 07:00. What came meanwhile comes then."))

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        choices = [(pace.value, Option(str(pace.label), str(_HINTS[pace]))) for pace in Pace]
        self.fields["pace"].choices = choices
        self.fields["pace"].error_messages["required"] = _("Choose how often.")

    def clean(self):
        told = super().clean()
        begins, ends = told.get("quiet_from"), told.get("quiet_until")
        if self.errors:
            return told
        if (begins is None) != (ends is None):
            missing = "quiet_from" if begins is None else "quiet_until"
            self.add_error(missing, _("Give both times, or neither."))
        elif begins is not None and begins == ends:
            self.add_error("quiet_until", _("Choose another end: this leaves no hour for an e-mail."))
        return told
