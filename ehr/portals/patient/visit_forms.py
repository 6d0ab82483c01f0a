"""What patients fill in about visits: why they come, who pays, when else would suit, why not after all."""

from datetime import date, timedelta

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from appointments.booking.disputes import MOST_WORDS as MOST_DISPUTE_WORDS
from appointments.booking.reasons import MOST_WORDS
from appointments.models import Dispute
from consent.models import Referral
from ehr.frame.forms import DayField

# Why a patient calls a visit off; the codes are booking's.
REASONS = (
    ("not-said", gettext_lazy("I would rather not say")),
    ("cannot-come", gettext_lazy("I cannot come then")),
    ("another-time", gettext_lazy("Another time is better")),
    ("not-needed", gettext_lazy("I do not need it any more")),
    ("elsewhere", gettext_lazy("It was done elsewhere")),
)


class BookForm(forms.Form):
    """The last step: why one comes, which referral it is by, who pays."""

    words = forms.CharField(
        label=gettext_lazy("Why do you come?"),
        help_text=gettext_lazy(
            "It goes into your record, sealed. Only you, and whom you let see your treatment, read it."
        ),
        required=False,
        max_length=MOST_WORDS,
        widget=forms.Textarea({"rows": 3}),
    )
    referral = forms.ChoiceField(label=gettext_lazy("Were you referred?"), required=False, widget=forms.RadioSelect)
    self_pay = forms.BooleanField(
        label=gettext_lazy("I pay this visit myself"),
        help_text=gettext_lazy("Then your insurer hears nothing of it, also not that it took place."),
        required=False,
    )

    def __init__(self, *args, referrals: list[Referral], price: int, unlocked: bool, **kwargs):
        super().__init__(*args, **kwargs)
        if referrals:
            names = [(str(one.pk), _("By %(name)s") % {"name": one.referrer.name}) for one in referrals]
            self.fields["referral"].choices = [*names, ("", _("I come without a referral"))]
            self.fields["referral"].initial = names[0][0]
        else:
            del self.fields["referral"]
        if not price:
            del self.fields["self_pay"]
        if not unlocked:
            del self.fields["words"]


class CancelForm(forms.Form):
    """Why a visit is called off. No reason is needed."""

    because = forms.ChoiceField(
        label=gettext_lazy("Why?"), choices=REASONS, initial="not-said", widget=forms.RadioSelect
    )


class WaitForm(forms.Form):
    """Between which days an earlier time would suit."""

    first_day = DayField(label=gettext_lazy("From"))
    last_day = DayField(label=gettext_lazy("Until"))
    once = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args, today: date, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["first_day"].initial = today
        self.fields["last_day"].initial = today + timedelta(days=30)

    def clean(self):
        first, last = self.cleaned_data.get("first_day"), self.cleaned_data.get("last_day")
        if first and last and last < first:
            self.add_error("last_day", _("Choose a last day that is not before the first."))


class DisputeForm(forms.Form):
    """Why it is not so that one did not come."""

    reason = forms.ChoiceField(
        label=gettext_lazy("What happened?"), choices=Dispute.Reason.choices, widget=forms.RadioSelect
    )
    words = forms.CharField(
        label=gettext_lazy("In your own words"),
        help_text=gettext_lazy("Only you and the clinician read this; the desk sees what you chose above."),
        required=False,
        max_length=MOST_DISPUTE_WORDS,
        widget=forms.Textarea({"rows": 3}),
    )
