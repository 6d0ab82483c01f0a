"""What a person is asked before an app is let in. Nothing of a record is ticked before they tick it."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import sha256

from django import forms
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from consent.queries import Reachable
from consent.sentences import PARTS
from ehr import clock
from ehr.frame.categories import About, all_six
from ehr.frame.forms import Option
from ehr.smart import allowing, bearers, words
from ehr.smart.scopes import BY_NAME, JOININGS, OFFLINE, ONLINE, TOLD, VISITS, Scopes
from ehr.words import SENSITIVE, Category

MONTH, YEAR = timedelta(days=30), timedelta(days=365)


class PagesSecret(forms.Form):
    """A secret the page brings along and sends back: the same page sent twice makes one code."""

    ticket = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["ticket"].initial = bearers.body()

    def clean_ticket(self) -> str:
        if not bearers.is_body(self.cleaned_data["ticket"]):
            raise forms.ValidationError(_("This page was changed on its way. Open it again from the app."))
        return self.cleaned_data["ticket"]


class _Asking(forms.Form):
    """What an app asks for, thing by thing, and until when."""

    works = False
    apart = BY_NAME  # what is not asked among the things
    things = forms.MultipleChoiceField(
        label=gettext_lazy("What it asks for"),
        help_text=gettext_lazy("Take away the tick from what it need not have."),
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    until = forms.ChoiceField(
        label=gettext_lazy("For how long?"),
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Choose for how long.")},
    )

    def __init__(self, *args, asked: Scopes, **kwargs):
        super().__init__(*args, **kwargs)
        self.asked = asked
        things = [words.thing(one, works=self.works) for one in asked.resources if one.kind not in self.apart]
        self.fields["things"].choices = [(str(one.scope), one.text) for one in things]
        self.fields["things"].initial = [str(one.scope) for one in things]
        self.fields["until"].choices = [(name, Option(label, hint)) for name, label, hint, _life in self.spans()]

    def spans(self) -> Iterable[tuple[str, str, str, timedelta]]:
        """Yield (value, label, hint, how long at most) of the choices that fit what the app asks for."""
        yield "hour", _("For this visit"), _("One hour, then it has to ask you again."), allowing.VISIT

    def ends(self) -> datetime:
        """Return when it is over, to the second."""
        lives = {name: life for name, _label, _hint, life in self.spans()}
        return clock.now().replace(microsecond=0) + lives[self.cleaned_data["until"]]

    def plain(self) -> set[str]:
        """Return the scopes that are not about resources; for one visit nothing is renewed."""
        return set(self.asked.plain) - ({OFFLINE, ONLINE} if self.cleaned_data["until"] == "hour" else set())


class PatientForm(_Asking):
    """Which parts of one's own record, the sensitive ones apart; what is not in the record, each by itself."""

    apart = BY_NAME | TOLD
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
        label=gettext_lazy("It may also add to these parts"),
        help_text=gettext_lazy("What it adds is marked as the app’s. Nothing that is there is taken away."),
        required=False,
    )
    log = forms.BooleanField(
        label=gettext_lazy("It may see who looked at your record"),
        help_text=gettext_lazy("The list of every opening, with names and times."),
        required=False,
    )
    permissions = forms.BooleanField(
        label=gettext_lazy("It may see whom you let in"),
        help_text=gettext_lazy("Whom you share with, what, and until when."),
        required=False,
    )
    visits = forms.BooleanField(
        label=gettext_lazy("It may see your visits"),
        help_text=gettext_lazy(
            "When, where, with whom and which kind of visit, sensitive ones too. Why you come stands in your record."
        ),
        required=False,
    )
    studies = forms.BooleanField(
        label=gettext_lazy("It may see which studies you take part in"),
        help_text=gettext_lazy("Those you left, too. What a study is about may say something about your health."),
        required=False,
    )
    field_order = ("ordinary", "sensitive", "write", "log", "permissions", "visits", "studies", "things", "until")
    _BY_NAME = {"log": "AuditEvent", "permissions": "Consent", "visits": VISITS, "studies": JOININGS}

    def __init__(self, *args, asked: Scopes, **kwargs):
        super().__init__(*args, asked=asked, **kwargs)
        wanted = frozenset[Category]().union(*(words.parts_of(one) for one in asked.resources))
        parts = all_six()
        # Who reads the list of openings, of visits or of studies knows at least whose it is.
        ordinary = (wanted - SENSITIVE) or {Category.BASIC}
        self.fields["ordinary"].choices = _options(one for one in parts if Category(one.slug) in ordinary)
        self.fields["sensitive"].choices = _options(one for one in parts if one.sensitive)
        if not asked.resources:
            del self.fields["ordinary"], self.fields["sensitive"], self.fields["things"]
        if not any(one.writes for one in asked.resources):
            del self.fields["write"]
        named = {one.kind for one in asked.resources}
        for name, kind in self._BY_NAME.items():
            if kind not in named:
                del self.fields[name]

    def spans(self):
        yield from super().spans()
        if OFFLINE in self.asked.plain:
            yield "month", _("For 30 days"), _("It also reads while you are not here."), MONTH
            yield "year", _("For a year"), _("It also reads while you are not here. A year is the longest."), YEAR
        elif ONLINE in self.asked.plain:
            yield "session", _("Until you sign out here"), _("Twelve hours at most."), timedelta(hours=12)

    def clean(self):
        if not self.errors and "ordinary" in self.fields and not self.categories():
            self.add_error("ordinary", _("Tick at least one part, or say no below."))
        elif not self.errors and "things" in self.fields and not self.granted().resources:
            self.add_error("things", _("Nothing is left that it may do. Tick something, or say no below."))

    def categories(self) -> tuple[Category, ...]:
        """Return the parts that were ticked, in their order."""
        told = {*self.cleaned_data.get("ordinary", []), *self.cleaned_data.get("sensitive", [])}
        return tuple(part for part in Category if part in told)

    def granted(self) -> Scopes:
        """Return what is left of the scopes after what was ticked."""
        data = self.cleaned_data
        named = [str(one) for one in self.asked.resources if any(
            data.get(name) and one.kind == kind for name, kind in self._BY_NAME.items()
        )]  # fmt: skip
        kept = self.asked.only([*data.get("things", []), *named], plain=self.plain())
        kept = kept if data.get("write") else kept.reading()
        return words.within(kept, frozenset(self.categories()))


class ClinicianForm(PagesSecret, _Asking):
    """Whose record, where the app works on one; which things; the sensitive parts by themselves; how long."""

    works = True
    patient = forms.ChoiceField(
        label=gettext_lazy("Whose record?"),
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Choose one of your patients.")},
    )
    sensitive = forms.MultipleChoiceField(
        label=gettext_lazy("Sensitive parts"),
        help_text=gettext_lazy("Only where the patient lets you see them. The app sees none unless you tick it."),
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    field_order = ("patient", "things", "sensitive", "until")

    def __init__(self, *args, asked: Scopes, patients: Iterable[Reachable] | None, **kwargs):
        super().__init__(*args, asked=asked, **kwargs)
        self.fields["sensitive"].choices = _options(one for one in all_six() if one.sensitive)
        if patients is None:
            del self.fields["patient"]
        else:
            self.fields["patient"].choices = [(str(one.patient.pk), _who(one)) for one in patients]

    def spans(self):
        yield from super().spans()
        longest = allowing.longest_for_clinicians()
        hours = int(longest.total_seconds()) // 3600
        most = ngettext("%(hours)d hour at most.", "%(hours)d hours at most.", hours) % {"hours": hours}
        if OFFLINE in self.asked.plain:
            yield "shift", _("For this shift"), most + " " + _("It works on after you sign out here."), longest
        elif ONLINE in self.asked.plain:
            yield "shift", _("Until you sign out here"), most, longest

    def categories(self) -> tuple[Category, ...]:
        """Return the ordinary parts, and the sensitive ones that were ticked."""
        told = set(self.cleaned_data["sensitive"])
        return tuple(part for part in Category if part not in SENSITIVE or part in told)

    def granted(self) -> Scopes:
        """Return what is left of the scopes. Log and permissions are a patient's to show."""
        return self.asked.only(self.cleaned_data["things"], plain=self.plain())


class ConfirmForm(PagesSecret):
    """One tick for each sensitive part, under the sentence; the page sends back which sentence it showed."""

    read = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args, sensitive: Iterable[str], name: str, sentence: str, **kwargs):
        super().__init__(*args, **kwargs)
        self.shown = sha256(sentence.encode()).hexdigest()
        self.fields["read"].initial = self.shown
        for part in sensitive:
            told = {"name": name, "part": PARTS[Category(part)]}
            self.fields[f"also-{part}"] = forms.BooleanField(
                label=_("Yes, %(name)s may also see my %(part)s") % told,
                error_messages={
                    "required": _("Tick that %(name)s may see your %(part)s, or go back and leave it out.") % told
                },
            )

    def clean_read(self) -> str:
        if self.cleaned_data["read"] != self.shown:
            self.data = self.data.copy()
            self.data["read"] = self.shown
            raise forms.ValidationError(
                _("Something changed since you read the sentence. Read it again, then confirm.")
            )
        return self.cleaned_data["read"]


def _options(parts: Iterable[About]) -> list[tuple[str, Option]]:
    return [(part.slug, Option(part.name, f"{part.holds}. {part.example}")) for part in parts]


def _who(one: Reachable) -> Option:
    return Option(one.patient.name, date_format(one.patient.birth_date, "j F Y"))
