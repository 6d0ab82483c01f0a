"""How a permission is narrowed within its parts: to a time, to entries, to countries. The wide answer stands first."""

from datetime import date

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from consent.countries import names as country_names
from consent.sharing.proposing import WHOLE, Narrow
from ehr import clock
from ehr.frame.forms import DayField, Option

MOST_PLACES = 3
_DAY = {"invalid": gettext_lazy("Write a day, for example 20 February 2025.")}


def today() -> date:
    """Return today where the reader is."""
    return timezone.localtime(clock.now()).date()


class NarrowForm(forms.Form):
    """Which entries of the parts, of which time, and from where they may be opened. `within` is the widest there is."""

    which = forms.ChoiceField(
        label=gettext_lazy("What of these parts?"),
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Choose what of these parts they may see.")},
    )
    first = DayField(label=gettext_lazy("From this day"), required=False, error_messages=_DAY)
    last = DayField(
        label=gettext_lazy("Up to this day"),
        help_text=gettext_lazy("Leave it open to include what comes later."),
        required=False,
        error_messages=_DAY,
    )

    def __init__(self, *args, within: Narrow = WHOLE, **kwargs):
        super().__init__(*args, **kwargs)
        self.within = within
        self.fields["which"].choices = self._choices()
        if within.entries:
            del self.fields["first"], self.fields["last"]
        countries = sorted(country_names().items(), key=lambda one: one[1].casefold())
        for number in range(1, MOST_PLACES + 1):
            self.fields[f"place{number}"] = forms.ChoiceField(
                label=_("Only while they are in") if number == 1 else _("or in"),
                choices=[("", _("anywhere") if number == 1 else _("nowhere else")), *countries],
                required=False,
            )

    def _choices(self) -> list[tuple[str, Option]]:
        dated = self.within.record_from or self.within.record_until
        chosen = ("chosen", Option(_("Only entries that I tick"), _("You tick them on the next page.")))
        if self.within.entries:
            return [("all", Option(_("The entries you ticked"))), chosen]
        everything = _("Everything of the time they asked for") if dated else _("Everything, also what comes later")
        return [
            ("all", Option(everything)),
            ("past", Option(_("Only what is there until today"), _("Nothing that comes later opens for them."))),
            ("dates", Option(_("Only what was recorded between two days"))),
            chosen,
        ]

    def clean(self):
        told = self.cleaned_data
        if told.get("which") == "dates" and not {"first", "last"} & set(self.errors):
            self._check_days(told.get("first"), told.get("last"))
        elif told.get("which") == "past" and self.within.record_from and self.within.record_from > today():
            self.add_error("which", _("They asked for a time that begins later. Choose another answer."))

    def _check_days(self, first: date | None, last: date | None) -> None:
        asked_from, asked_until = self.within.record_from, self.within.record_until
        if first is None and last is None:
            self.add_error("first", _("Write at least one of the two days."))
        elif last and last > today():
            self.add_error("last", _("Choose a day that is not in the future, or leave it open."))
        elif first and last and first > last:
            self.add_error("last", _("Choose a last day that comes after the first one."))
        elif asked_from and (first is None or first < asked_from):
            self.add_error("first", _("They asked for less. Choose a later first day."))
        elif asked_until and (last is None or last > asked_until):
            self.add_error("last", _("They asked for less. Choose an earlier last day."))

    def narrow(self) -> Narrow:
        """Return what was chosen, the entries to be ticked left open."""
        told, within = self.cleaned_data, self.within
        places = frozenset(told[f"place{n}"] for n in range(1, MOST_PLACES + 1) if told.get(f"place{n}"))
        first, last = within.record_from, within.record_until
        if told["which"] == "past":
            last = min(last or today(), today())
        elif told["which"] == "dates":
            first, last = told["first"], told["last"]
        elif told["which"] == "chosen":
            first = last = None
        return Narrow(frozenset(), first, last, places)
