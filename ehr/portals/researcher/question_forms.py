"""A private question as a form: of whom, what, and how finely, with what that costs in words."""

from collections.abc import Iterable
from decimal import Decimal

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ehr.frame.forms import Option
from research.budget import Budget
from research.private.prices import NANO, PRICES, Precision, epsilon, scale, within
from research.private.questions import Kind
from research.private.variables import Described

EVERYBODY = "everybody"


class QuestionForm(forms.Form):
    """What is asked. Whoever asks chooses variable and people; bounds and groups are the data dictionary's."""

    kind = forms.ChoiceField(
        label=gettext_lazy("What do you ask?"),
        widget=forms.RadioSelect,
        initial=Kind.COUNT,
        error_messages={"required": gettext_lazy("Choose what you ask.")},
    )
    variable = forms.ChoiceField(
        label=gettext_lazy("Of what"), help_text=gettext_lazy("Not needed for how many."), required=False
    )
    percent = forms.IntegerField(
        label=gettext_lazy("So many of 100 people are below"),
        help_text=gettext_lazy("For a value that people are below. 50 is the middle."),
        required=False,
        min_value=1,
        max_value=99,
        initial=50,
        error_messages={
            "invalid": gettext_lazy("Write a whole number from 1 to 99."),
            "min_value": gettext_lazy("Write a whole number from 1 to 99."),
            "max_value": gettext_lazy("Write a whole number from 1 to 99."),
        },
    )
    people = forms.ChoiceField(
        label=gettext_lazy("Of whom"),
        help_text=gettext_lazy("Groups that you counted in this study can be asked about."),
        widget=forms.RadioSelect,
        initial=EVERYBODY,
        error_messages={"required": gettext_lazy("Choose of whom you ask.")},
    )
    precision = forms.ChoiceField(
        label=gettext_lazy("How finely"),
        widget=forms.RadioSelect,
        initial=Precision.USUAL,
        error_messages={"required": gettext_lazy("Choose how finely you ask.")},
    )

    def __init__(
        self, *args, variables: Iterable[Described], cohorts: Iterable[tuple[str, str]], budget: Budget, **more
    ):
        super().__init__(*args, **more)
        self.variables = {one.variable.name: one for one in variables}
        kinds = _kinds() if self.variables else _kinds()[:1]
        self.fields["kind"].choices = kinds
        named = [(name, _(one.called)) for name, one in self.variables.items()]
        self.fields["variable"].choices = [("", _("Nothing")), *named]
        self.fields["people"].choices = [(EVERYBODY, _("Everybody who takes part")), *cohorts]
        self.fields["precision"].choices = [(one, _fineness(one, budget)) for one in PRICES]
        if not self.variables:
            del self.fields["variable"], self.fields["percent"]

    def clean(self) -> dict[str, object]:
        told = super().clean()
        kind, name = told.get("kind"), told.get("variable")
        if kind in {Kind.GROUPS, Kind.MEAN, Kind.QUANTILE} and "variable" not in self.errors:
            if not name:
                self.add_error("variable", _("Choose of what."))
            elif kind != Kind.GROUPS and self.variables[name].variable.choices:
                self.add_error("variable", _("This is no number. Ask for its groups, or choose another."))
        return told

    def asked(self) -> dict[str, object]:
        """Return what was chosen, as `research.private.asking.ask` takes it, without the people."""
        told = self.cleaned_data
        kind = Kind(told["kind"])
        return {
            "kind": kind,
            "name": "" if kind is Kind.COUNT else told["variable"],
            "percent": told.get("percent") or 50,
            "price": PRICES[Precision(told["precision"])],
        }


def _kinds() -> list[tuple[str, Option]]:
    return [
        (Kind.COUNT, Option(_("How many people there are"))),
        (Kind.GROUPS, Option(_("How many there are in each group"), _("For example by age, or by HbA1c"))),
        (Kind.MEAN, Option(_("The mean"))),
        (Kind.QUANTILE, Option(_("The value that so many people are below"), _("For example the middle one"))),
    ]


def _fineness(one: Precision, budget: Budget) -> Option:
    price = PRICES[one]
    name = {
        Precision.ROUGH: _("Roughly"),
        Precision.USUAL: _("As usual"),
        Precision.FINE: _("Finely"),
    }[one]
    words = _(
        "A count is within ±%(far)s in 95 of 100 cases. It costs %(cost)s of what the study may spend (ρ = %(rho)s, "
        "ε = %(epsilon)s at δ = 10⁻⁶)."
    )
    rho = format((Decimal(price) / NANO).normalize(), "f")
    told = {"far": within(scale(1, price)), "cost": budget.words(price), "rho": rho, "epsilon": epsilon(price)}
    return Option(name, words % told)
