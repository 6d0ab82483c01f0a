"""What a team's lead fills in: who joins from and until when, and which nurse looks after whom."""

from datetime import datetime, timedelta

from django import forms
from django.utils.translation import gettext_lazy as _

from ehr.frame.forms import DayField
from providers.models import Team
from providers.rules import end_of_day

_NO_DAY = {"invalid": _("Write a day, for example 3 May 2026.")}


class _OfTeam(forms.Form):
    """A form of one team: days are days at its institution, and begin and end there."""

    def __init__(self, team: Team, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self._zone = team.institution.time_zone

    def _end_of(self, name: str) -> datetime | None:
        day = self.cleaned_data.get(name)
        return end_of_day(day, self._zone) if day else None


class MemberForm(_OfTeam):
    """Who joins."""

    clinician = forms.ChoiceField(
        label=_("Who joins"),
        help_text=_("People with a valid licence for clinical work at your institution."),
        error_messages={"required": _("Choose who joins.")},
    )
    first = DayField(label=_("First day"), required=False, help_text=_("Today, if left empty."), error_messages=_NO_DAY)
    last = DayField(label=_("Last day"), required=False, help_text=_("Open, if left empty."), error_messages=_NO_DAY)

    def __init__(self, team: Team, people, *args, **kwargs) -> None:
        super().__init__(team, *args, **kwargs)
        self.fields["clinician"].choices = [
            ("", _("Choose somebody")),
            *((str(one.pk), one.full_name) for one in people),
        ]

    def starts(self) -> datetime | None:
        day = self.cleaned_data.get("first")
        return end_of_day(day - timedelta(days=1), self._zone) if day else None

    def ends(self) -> datetime | None:
        return self._end_of("last")


class AssignForm(_OfTeam):
    """Which nurse looks after whom, until when."""

    patient = forms.ChoiceField(label=_("Patient"), error_messages={"required": _("Choose the patient.")})
    nurse = forms.ChoiceField(label=_("Nurse"), error_messages={"required": _("Choose the nurse.")})
    until = DayField(label=_("Last day of it"), error_messages=_NO_DAY | {"required": _("Choose the last day.")})

    def __init__(self, team: Team, patients, nurses, *args, **kwargs) -> None:
        super().__init__(team, *args, **kwargs)
        self.fields["patient"].choices = [("", _("Choose a patient")), *patients]
        self.fields["nurse"].choices = [
            ("", _("Choose a nurse")),
            *((str(one.user_id), one.name) for one in nurses),
        ]

    def ends(self) -> datetime | None:
        return self._end_of("until")
