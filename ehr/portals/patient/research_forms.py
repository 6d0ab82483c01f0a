"""What of a record a study may use, and until when. Nothing is ticked before a person ticks it."""

from datetime import datetime

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ehr import clock
from ehr.frame.forms import DayField
from ehr.frame.part_forms import PartsForm
from ehr.portals.patient.sharing_forms import last_minute
from research.joining import end_of
from research.models import Study


class JoinForm(PartsForm):
    """Parts that the study asks for, the sensitive ones apart, and a last day, where one wants an earlier one."""

    asks = gettext_lazy("Which parts may the study use?")
    warns = gettext_lazy("They stay closed unless you tick them here. We ask you again before you join.")

    until = DayField(
        label=gettext_lazy("Your last day, if you want an earlier one"),
        required=False,
        error_messages={"invalid": gettext_lazy("Write a day, for example 20 February 2027.")},
    )

    def __init__(self, study: Study, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.study = study
        self.offer(study.categories)

    def clean_until(self):
        until = self.cleaned_data["until"]
        if until is not None and until <= timezone.localtime(clock.now()).date():
            raise forms.ValidationError(_("Choose a day after today."))
        if until is not None and last_minute(until) > end_of(self.study):
            raise forms.ValidationError(_("Choose a day before the study ends, or leave this empty."))
        return until

    def clean(self):
        if not self.categories():
            self.add_error(next(iter(self.fields)), _("Tick at least one part, or do not join."))

    def ends(self) -> datetime:
        """Return when it ends: with the study, or the last minute of the day that was chosen."""
        until = self.cleaned_data["until"]
        return last_minute(until) if until else end_of(self.study)
