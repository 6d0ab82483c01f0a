"""The questions on the way to a grant. Nothing is ticked before a person ticks it."""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from hashlib import sha256

from django import forms
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from consent.models import AccessRequest
from consent.sentences import PARTS
from consent.sharing import answering, proposing
from ehr import clock
from ehr.frame.categories import About, about, all_six
from ehr.frame.forms import Day, Option
from ehr.words import Action

# Days from today, each to the end of its last day in the reader's zone.
SPANS = {"day": 1, "week": 7, "month": 30, "quarter": 90, "year": 365}


def _options(parts: Iterable[About]) -> list[tuple[str, Option]]:
    return [(part.slug, Option(part.name, f"{part.holds}. {part.example}")) for part in parts]


class WhatForm(forms.Form):
    """Which parts, the sensitive ones apart, and whether the reader may also add to them."""

    ordinary = forms.MultipleChoiceField(
        label=gettext_lazy("Parts of your record"), widget=forms.CheckboxSelectMultiple, required=False
    )
    sensitive = forms.MultipleChoiceField(
        label=gettext_lazy("Sensitive parts"),
        help_text=gettext_lazy("They stay closed unless you open them here. We ask you again before they open."),
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    write = forms.BooleanField(
        label=gettext_lazy("They may also add to these parts"),
        help_text=gettext_lazy("New results, medicines, notes. Nobody can take away or overwrite what is there."),
        required=False,
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        parts = all_six()
        self.fields["ordinary"].choices = _options(part for part in parts if not part.sensitive)
        self.fields["sensitive"].choices = _options(part for part in parts if part.sensitive)

    def clean(self):
        if not self.errors and not self.categories():
            self.add_error("ordinary", _("Tick at least one part, or share nothing."))

    def categories(self) -> list[str]:
        """Return the parts that were ticked."""
        return [*self.cleaned_data.get("ordinary", []), *self.cleaned_data.get("sensitive", [])]


class UntilForm(forms.Form):
    """For how long. Every answer names its last day."""

    span = forms.ChoiceField(
        label=gettext_lazy("How long?"),
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Choose how long.")},
    )
    until = forms.DateField(
        label=gettext_lazy("The last day, if you choose your own"),
        widget=Day,
        required=False,
        error_messages={"invalid": gettext_lazy("Write a day, for example 20 February 2027.")},
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        names = {"day": _("Until tomorrow"), "week": _("A week"), "month": _("A month")}
        names |= {"quarter": _("Three months"), "year": _("A year")}
        self.today = timezone.localtime(clock.now()).date()
        choices = [
            (span, Option(name, _("Until %(day)s") % {"day": date_format(self._last(span), "j F Y")}))
            for span, name in names.items()
        ]
        self.fields["span"].choices = [*choices, ("own", Option(_("Until a day I choose")))]

    def _last(self, span: str) -> date:
        return self.today + timedelta(days=SPANS[span])

    def clean(self):
        if self.cleaned_data.get("span") != "own" or "until" in self.errors:
            return
        until = self.cleaned_data.get("until")
        if until is None:
            self.add_error("until", _("Write the last day on which they may see it."))
        elif until <= self.today:
            self.add_error("until", _("Choose a day after today."))
        elif self.ends() - clock.now() > proposing.LONGEST:
            self.add_error("until", _("Choose a day within the next two years. You can always extend it."))

    def ends(self) -> datetime:
        """Return the last minute of the last day, in the reader's zone."""
        span = self.cleaned_data["span"]
        last = self.cleaned_data["until"] if span == "own" else self._last(span)
        return timezone.make_aware(datetime.combine(last, time(23, 59)))


class AnswerForm(forms.Form):
    """What of a request a patient gives: never more than was asked for, and nothing ticked beforehand."""

    def __init__(self, asked: AccessRequest, *args, **kwargs):
        super().__init__(*args, **kwargs)
        parts = [about(part) for part in asked.categories]
        for name, label, sensitive in (
            ("ordinary", _("Which of these may they see?"), False),
            ("sensitive", _("Sensitive parts they ask for"), True),
        ):
            options = _options(part for part in parts if part.sensitive is sensitive)
            if options:
                self.fields[name] = forms.MultipleChoiceField(
                    label=label, choices=options, widget=forms.CheckboxSelectMultiple, required=False
                )
        if "sensitive" in self.fields:
            self.fields["sensitive"].help_text = _("We ask you again before they open.")
        if Action.WRITE in asked.actions:
            self.fields["write"] = forms.BooleanField(
                label=_("They may also add to these parts"),
                help_text=_("New results, medicines, notes. Nobody can take away or overwrite what is there."),
                required=False,
            )
        self.fields["days"] = forms.TypedChoiceField(
            label=_("For how long?"),
            coerce=int,
            choices=[(days, _lasting(asked, days)) for days in _shorter(asked.days)],
            widget=forms.RadioSelect,
            error_messages={"required": _("Choose how long.")},
        )

    def clean(self):
        if not self.errors and not self._chosen():
            self.add_error(next(iter(self.fields)), _("Tick at least one part, or say no."))

    def _chosen(self) -> list[str]:
        return [*self.cleaned_data.get("ordinary", []), *self.cleaned_data.get("sensitive", [])]

    def answers(self) -> dict[str, object]:
        """Return what was given, as plain values a session keeps."""
        actions = [Action.READ, Action.WRITE] if self.cleaned_data.get("write") else [Action.READ]
        return {
            "categories": self._chosen(),
            "actions": [str(action) for action in actions],
            "days": self.cleaned_data["days"],
        }


def _shorter(days: int) -> list[int]:
    """Return the lengths a patient may choose from: some shorter ones, then what was asked."""
    return [*(fewer for fewer in SPANS.values() if fewer < days), days]


def _lasting(asked: AccessRequest, days: int) -> Option:
    last = timezone.localtime(answering.ends(asked, days)).date()
    name = ngettext("One day", "%(days)s days", days) % {"days": days}
    tag = _("As they asked") if days == asked.days else ""
    return Option(name, _("Until %(day)s") % {"day": date_format(last, "j F Y")}, tag)


class ConfirmForm(forms.Form):
    """One tick for each sensitive part, on its own: choosing it once is not enough.

    The page sends back which sentence it showed: another tab may have changed the answers since.
    """

    read = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, sensitive: Iterable[str], *args, name: str, sentence: str, **kwargs):
        super().__init__(*args, **kwargs)
        self.shown = sha256(sentence.encode()).hexdigest()
        self.fields["read"].initial = self.shown
        self.sensitive = list(sensitive)
        for part in self.sensitive:
            words = {"name": name, "part": PARTS[part]}
            self.fields[f"also-{part}"] = forms.BooleanField(
                label=_("Yes, %(name)s may also see my %(part)s") % words,
                error_messages={
                    "required": _("Tick that %(name)s may see your %(part)s, or go back and leave it out.") % words
                },
            )

    def clean_read(self) -> str:
        read = self.cleaned_data["read"]
        if read and read != self.shown:
            # The page that says so shows the new sentence, and sends that one back.
            self.data = self.data.copy()
            self.data["read"] = self.shown
            raise forms.ValidationError(
                _("Something changed since you read the sentence. Read it again, then confirm.")
            )
        return read
