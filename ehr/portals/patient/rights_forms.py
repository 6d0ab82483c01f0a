"""What is asked before something of a record leaves: which parts, for how long, and once more who it is."""

import uuid
from datetime import timedelta

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ehr.accounts.models import User
from ehr.frame.forms import Option
from ehr.frame.part_forms import PartsForm
from ehr.frame.proof_forms import ProofForm
from ehr.rights import health_links
from ehr.words import SENSITIVE, Category

LASTS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}


class CopyForm(PartsForm):
    """Which parts go into a summary, the sensitive ones apart."""

    asks = gettext_lazy("Parts of your record")
    warns = ""  # each page says in its own words what becomes of them

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.offer()

    def clean(self):
        if not self.errors and not self.categories():
            self.add_error("ordinary", _("Tick at least one part."))

    def parts(self) -> list[Category]:
        """Return the parts that were ticked."""
        return [Category(part) for part in self.categories()]


class HealthLinkForm(CopyForm):
    """A link for one visit: what is behind it, what it is for, how long it lives."""

    sure = forms.BooleanField(
        label=gettext_lazy("Yes, hand out the sensitive parts I ticked"),
        help_text=gettext_lazy("Only needed if you ticked one."),
        required=False,
    )
    purpose = forms.CharField(
        label=gettext_lazy("What is it for?"),
        help_text=gettext_lazy("For you alone, to know it again. For example: dentist in Porto."),
        max_length=health_links.LONGEST_PURPOSE,
        error_messages={"required": gettext_lazy("Say what it is for, in a word or two.")},
    )
    lasts = forms.ChoiceField(
        label=gettext_lazy("How long can it be opened?"),
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Choose how long.")},
    )
    may_keep = forms.BooleanField(
        label=gettext_lazy("They may save the file"),
        help_text=gettext_lazy("Without this the page only shows it. No page can keep somebody from taking a picture."),
        required=False,
    )
    once = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["once"].initial = uuid.uuid4()
        self.fields["lasts"].choices = [
            ("hour", Option(_("For an hour"))),
            ("day", Option(_("For a day"))),
            ("week", Option(_("For a week"))),
        ]

    def clean(self):
        super().clean()
        if SENSITIVE & set(self.categories()) and not self.cleaned_data.get("sure"):
            self.add_error("sure", _("Confirm that the sensitive parts go along, or untick them."))

    def asked(self) -> dict[str, object]:
        """Return what `health_links.make` takes."""
        told = self.cleaned_data
        return {
            "categories": self.parts(),
            "lasts": LASTS[told["lasts"]],
            "purpose": told["purpose"],
            "may_keep": told["may_keep"],
            "once": told["once"],
        }


class WholeForm(ProofForm):
    """Who asks for the whole record: the passphrase again, and the second step where there is one."""

    once = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, user: User, *args, **kwargs):
        super().__init__(user, *args, **kwargs)
        self.fields["once"].initial = uuid.uuid4()
