"""What is typed at the desk about money: an amount as people write it, and a reason out of a list."""

from decimal import Decimal

from django import forms
from django.utils.translation import gettext_lazy as _

from appointments.models import Concession, Payment
from appointments.payments import amounts


class AmountForm(forms.Form):
    """An amount up to what can be asked for; `smallest()` is it in the currency's smallest unit."""

    amount = forms.DecimalField(
        label=_("How much"),
        max_digits=12,
        widget=forms.TextInput({"inputmode": "decimal", "autocomplete": "off"}),
        error_messages={
            "required": _("Type an amount."),
            "invalid": _("Write the amount in digits, with a point before the cents: 12.50."),
            "max_digits": _("That is more than this bill is about."),
            "max_whole_digits": _("That is more than this bill is about."),
            "max_decimal_places": _("Write no smaller part than this currency has."),
        },
    )
    once = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args, currency: str, most: int, **more) -> None:
        super().__init__(*args, **more)
        self.most, self.digits = most, amounts.digits(currency)
        field = self.fields["amount"]
        field.label = _("How much (%(currency)s)") % {"currency": currency}
        field.initial = Decimal(most).scaleb(-self.digits)
        field.help_text = _("At most %(amount)s.") % {"amount": amounts.words(most, currency)}

    def clean_amount(self) -> Decimal:
        amount = self.cleaned_data["amount"]
        smallest = amount.scaleb(self.digits)
        if smallest != smallest.to_integral_value():
            raise forms.ValidationError(_("Write no smaller part than this currency has."))
        if not 0 < smallest <= self.most:
            raise forms.ValidationError(_("Write an amount above nothing, and no more than this bill is about."))
        return amount

    def smallest(self) -> int:
        """Return the amount in the currency's smallest unit."""
        return int(self.cleaned_data["amount"].scaleb(self.digits))


class PaidForm(AmountForm):
    """That somebody paid at the desk."""

    means = forms.ChoiceField(label=_("Paid here by"), choices=Payment.Means.choices)
    field_order = ("amount", "means", "once")


class BackForm(AmountForm):
    """That money was given back at the desk."""


class LessForm(AmountForm):
    """That less is asked for, and why."""

    because = forms.ChoiceField(
        label=_("Because"),
        choices=Concession.Because.choices,
        help_text=_("A courtesy, a fault of ours or a wrong price: the patient reads it on the bill."),
    )
    field_order = ("amount", "because", "once")

    def __init__(self, *args, **more) -> None:
        super().__init__(*args, **more)
        self.fields["amount"].initial = None  # nobody waives a whole bill by pressing a button


class LetGoForm(forms.Form):
    """Why a payment is finished at the desk."""

    because = forms.ChoiceField(label=_("Because"), choices=Payment.LetGo.choices)
