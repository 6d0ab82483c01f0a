"""The questions on the way to naming somebody, and to letting somebody in for another. Nothing is ticked beforehand."""

import uuid
from datetime import datetime, time, timedelta

from django import forms
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from consent.access.acting import Acting
from consent.access.safety import ADDRESS, APPOINTMENTS, LOG
from consent.acting import ABOUT_PARTS, Right
from consent.sentences import AS_YOUR
from ehr import clock
from ehr.frame.forms import DayField, Option, SignsInWith
from ehr.frame.part_forms import PartsForm

_RIGHTS = {
    Right.READ: (gettext_lazy("See the parts you tick below"), ""),
    Right.ADD: (
        gettext_lazy("Add to these parts"),
        gettext_lazy("Readings and notes, with their own name under them."),
    ),
    Right.SHARE: (
        gettext_lazy("Let clinicians see these parts"),
        gettext_lazy("You are told each time, and can stop it. It ends when they no longer act for you."),
    ),
    Right.LOG: (
        gettext_lazy("See who looked at your record"),
        gettext_lazy("Only as far as it is about parts that they may see themselves."),
    ),
    Right.APPOINTMENTS: (
        gettext_lazy("See your appointments"),
        gettext_lazy("When, where, with whom and for which kind of visit. They are reminded of them, too."),
    ),
    Right.BOOK: (
        gettext_lazy("Book, move and cancel visits for you"),
        gettext_lazy("You are told each time. What a visit costs stands on your bill."),
    ),
}
_HIDES = {
    ADDRESS: gettext_lazy("Your address, telephone numbers and e-mail, and those of the places where you are treated"),
    APPOINTMENTS: gettext_lazy("Your appointments, but for visits that they booked themselves"),
    LOG: gettext_lazy("Who else looked at your record, and whom you let in"),
}


def _last_day(label) -> DayField:
    return DayField(
        label=label,
        error_messages={
            "required": gettext_lazy("Write the last day."),
            "invalid": gettext_lazy("Write a day, for example 20 February 2027."),
        },
    )


class NameForm(PartsForm):
    """Whom a patient asks to act for them, as what, in which matters, and until when."""

    email = SignsInWith(
        label=gettext_lazy("Their e-mail address or sign-in name"),
        help_text=gettext_lazy("Exactly what they sign in with here. If nobody signs in with it, nobody is asked."),
        missing=gettext_lazy("Write what they sign in with."),
        odd=gettext_lazy("Write a whole address, for example rui@example.org, or a sign-in name, like mona-4729."),
    )
    basis = forms.ChoiceField(
        label=gettext_lazy("As what do they act for you?"),
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Choose as what they act for you.")},
    )
    rights = forms.MultipleChoiceField(
        label=gettext_lazy("What may they do?"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": gettext_lazy("Tick at least one thing they may do.")},
    )
    until = _last_day(gettext_lazy("Until which day?"))
    once = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4, required=False)
    field_order = ["once", "email", "basis", "rights", "ordinary", "sensitive", "until"]

    def __init__(self, *args, bases, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["basis"].choices = [(str(basis), capfirst(str(AS_YOUR[basis]))) for basis in bases]
        self.fields["rights"].choices = [
            (right.value, Option(str(name), str(hint))) for right, (name, hint) in _RIGHTS.items()
        ]
        self.offer()

    def clean(self):
        about_parts = {right.value for right in ABOUT_PARTS} & set(self.cleaned_data.get("rights", ()))
        if about_parts and not self.errors and not self.categories():
            self.add_error("ordinary", _("Tick at least one part that it is about."))

    def ends(self) -> datetime:
        """Return the last minute of the last day, in the reader's zone."""
        return timezone.make_aware(datetime.combine(self.cleaned_data["until"], time(23, 59)))


class LetInForm(PartsForm):
    """Which parts a delegate lets somebody see, and for how long: never more than they act for themselves."""

    write = forms.BooleanField(
        label=gettext_lazy("They may also add to these parts"),
        help_text=gettext_lazy("New results, medicines, notes. Nobody can take away or overwrite what is there."),
        required=False,
    )
    days = forms.TypedChoiceField(
        label=gettext_lazy("For how long?"),
        coerce=int,
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Choose how long.")},
    )

    def __init__(self, acting: Acting, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.acting = acting
        self.offer(set(map(str, acting.categories)))
        names = {1: _("One day"), 7: _("A week"), 30: _("A month"), 90: _("Three months")}
        self.fields["days"].choices = [(days, Option(name, self._until(days))) for days, name in names.items()]

    def _until(self, days: int) -> str:
        return _("Until %(day)s") % {"day": date_format(timezone.localtime(self._ends(days)), "j F Y")}

    def _ends(self, days: int) -> datetime:
        return min(clock.now() + timedelta(days=days), self.acting.ends)

    def clean(self):
        if not self.errors and not self.categories():
            self.add_error(next(iter(self.fields)), _("Tick at least one part."))

    def ends(self) -> datetime:
        """Return when it is over: never later than one acts for them."""
        return self._ends(self.cleaned_data["days"])


class SafetyForm(forms.Form):
    """What is kept from somebody who acts for the patient. Nothing ticked is an answer; nothing sent is none."""

    chosen = forms.CharField(widget=forms.HiddenInput, initial="yes")
    what = forms.MultipleChoiceField(
        label=gettext_lazy("What are they not to see?"), widget=forms.CheckboxSelectMultiple, required=False
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["what"].choices = [(word, str(label)) for word, label in _HIDES.items()]
