"""What the desk asks for. Days are taken in the institution's zone and include the day itself."""

from django import forms
from django.utils.translation import gettext_lazy as _

from ehr.desk.roles import NAMES
from ehr.desk.worklist import Reason
from ehr.frame.forms import DayField, NameField
from providers.models import Institution


class NewInstitution(forms.ModelForm):
    """A place of care as it goes on file."""

    class Meta:
        model = Institution
        fields = ["name", "kind", "country", "region", "time_zone", "contact"]
        field_classes = {"name": NameField}
        help_texts = {
            "country": _("Two letters, such as CA or US."),
            "time_zone": _("By its city, such as America/Toronto."),
        }


class Agreement(forms.Form):
    """Until when an agreement and the accreditation under it run."""

    agreement_until = DayField(label=_("Agreement until, that day included"))
    accreditation_number = forms.CharField(label=_("Accreditation number"), max_length=100)
    accreditation_until = DayField(label=_("Accredited until, that day included"))


class Person(forms.Form):
    """Somebody, by the address they sign in with."""

    email = forms.EmailField(label=_("Their e-mail address"))


class RoleAndReason(Reason):
    """A desk role, and why it changes hands."""

    role = forms.ChoiceField(label=_("Desk role"), choices=[(str(role), name) for role, name in NAMES.items()])
    field_order = ["role", "reason"]
