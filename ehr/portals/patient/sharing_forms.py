"""The questions on the way to a grant. Nothing is ticked before a person ticks it."""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from hashlib import sha256

from django import forms
from django.http import QueryDict
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from consent import sentences
from consent.models import AccessRequest, Grant, GrantTemplate
from consent.sentences import PARTS
from consent.sharing import answering, proposing
from ehr import clock
from ehr.frame.categories import About, about
from ehr.frame.forms import DayField, Option
from ehr.frame.part_forms import PartsForm
from ehr.portals.patient.picking import Pick
from ehr.words import SENSITIVE, Action

# Days from today, each to the end of its last day in the reader's zone.
SPANS = {"day": 1, "week": 7, "month": 30, "quarter": 90, "year": 365}


def _options(parts: Iterable[About]) -> list[tuple[str, Option]]:
    return [(part.slug, Option(part.name, f"{part.holds}. {part.example}")) for part in parts]


def last_minute(day: date) -> datetime:
    """Return the last minute of a day, in the reader's zone."""
    return timezone.make_aware(datetime.combine(day, time(23, 59)))


def situation(template: GrantTemplate) -> dict[str, object]:
    """Return a common situation as a patient chooses it: its name, and what it would come to."""
    days = ngettext("for one day", "for %(days)s days", template.days) % {"days": template.days}
    days = _("for a year") if template.days == SPANS["year"] else days
    verb = _("See and add to your %(parts)s") if Action.WRITE in template.actions else _("See your %(parts)s")
    comes_to = f"{verb % {'parts': sentences.parts(template.categories)}}, {days}"
    return {"id": template.pk, "name": template.name, "description": template.description, "comes_to": comes_to}


class WhatForm(PartsForm):
    """Which parts, the sensitive ones apart, and whether the reader may also add to them."""

    asks = gettext_lazy("Parts of your record")
    warns = gettext_lazy("They stay closed unless you open them here. We ask you again before they open.")

    write = forms.BooleanField(
        label=gettext_lazy("They may also add to these parts"),
        help_text=gettext_lazy("New results, medicines, notes. Nobody can take away or overwrite what is there."),
        required=False,
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.offer()

    def hint(self, part: About) -> str:
        return f"{part.holds}. {part.example}"

    def clean(self):
        if not self.errors and not self.categories():
            self.add_error("ordinary", _("Tick at least one part, or share nothing."))


class UntilForm(forms.Form):
    """For how long. Every answer names its last day."""

    span = forms.ChoiceField(
        label=gettext_lazy("How long?"),
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Choose how long.")},
    )
    until = DayField(
        label=gettext_lazy("The last day, if you choose your own"),
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
        return last_minute(last)


class ChangeForm(WhatForm, UntilForm):
    """What holds now, to be changed: parts, writing, and how long, which may stay as it is."""

    def __init__(self, ends: datetime, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.present = ends
        now = _("Until %(day)s") % {"day": date_format(timezone.localtime(ends), "j F Y, H:i")}
        self.fields["span"].choices = [("same", Option(_("As long as now"), now)), *self.fields["span"].choices]

    def clean(self):
        WhatForm.clean(self)
        if self.cleaned_data.get("span") != "same":
            UntilForm.clean(self)

    def ends(self) -> datetime:
        """Return when it ends: as now, or the last minute of the day that was chosen."""
        return self.present if self.cleaned_data["span"] == "same" else super().ends()


class AnswerForm(forms.Form):
    """What of a request a patient gives: never more than was asked for, and nothing ticked beforehand.

    Where single entries were asked for, `entries` are their lines, to be ticked in the place of parts.
    """

    def __init__(self, asked: AccessRequest, *args, entries: Iterable[Pick] = (), **kwargs):
        super().__init__(*args, **kwargs)
        self.asked = asked
        parts = [] if asked.entries else [about(part) for part in asked.categories]
        if asked.entries:
            self.fields["entry"] = forms.MultipleChoiceField(
                label=_("Which of these may they see?"),
                choices=[(one.id, Option(one.title, ", ".join(filter(None, [one.said, one.on])))) for one in entries],
                widget=forms.CheckboxSelectMultiple,
                required=False,
            )
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
        if not self.errors and not self._chosen() and not self.cleaned_data.get("entry"):
            one = (
                _("Tick at least one entry, or say no.")
                if self.asked.entries
                else _("Tick at least one part, or say no.")
            )
            self.add_error(next(iter(self.fields)), one)

    def _chosen(self) -> list[str]:
        return [*self.cleaned_data.get("ordinary", []), *self.cleaned_data.get("sensitive", [])]

    def answers(self) -> dict[str, object]:
        """Return what was given, as plain values a session keeps."""
        actions = [Action.READ, Action.WRITE] if self.cleaned_data.get("write") else [Action.READ]
        return {
            "categories": self.asked.categories if self.asked.entries else self._chosen(),
            "entries": self.cleaned_data.get("entry", []),
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


class WhyForm(forms.Form):
    """What a patient asks back."""

    question = forms.CharField(
        label=gettext_lazy("What do you want to know?"),
        help_text=gettext_lazy("For example: what has my blood to do with my knee? Only they can read it."),
        max_length=answering.MOST_WORDS,
        widget=forms.Textarea({"rows": 3}),
        error_messages={"required": gettext_lazy("Write your question in a sentence or two.")},
    )


class ConfirmForm(forms.Form):
    """One tick for each sensitive part, on its own: choosing it once is not enough.

    The page sends back which sentence it showed: another tab may have changed the answers since.
    """

    read = forms.CharField(widget=forms.HiddenInput, required=False)

    @classmethod
    def about(cls, proposed: Grant, data: QueryDict | None, *, name: str) -> "ConfirmForm":
        """Return the form under the sentence of a grant that was proposed to somebody called `name`."""
        # Of chosen entries the sentence says how many: which they are must not change behind it either.
        shown = "\n".join([proposed.sentence, *proposed.entries])
        return cls([part for part in proposed.categories if part in SENSITIVE], data, name=name, sentence=shown)

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
