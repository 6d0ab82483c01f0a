"""What is asked before a record opens in an emergency: whom it is about, why, and that it is really you."""

import uuid

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from consent import emergency
from consent.models import Emergency
from ehr.accounts.models import User
from ehr.frame.forms import DayField, Option
from ehr.frame.proof_forms import ProofForm
from patients.models import Patient

_REASONS = (
    (
        Emergency.Reason.UNCONSCIOUS,
        gettext_noop("They cannot speak for themselves"),
        gettext_noop("Unconscious, confused, or too unwell to answer"),
    ),
    (
        Emergency.Reason.LIFE,
        gettext_noop("Their life or a limb is in danger"),
        gettext_noop("Something must be decided within minutes"),
    ),
    (
        Emergency.Reason.URGENT,
        gettext_noop("Waiting would harm them"),
        gettext_noop("There is no time to ask and be answered"),
    ),
    (
        Emergency.Reason.OTHERS,
        gettext_noop("Somebody else is in danger"),
        gettext_noop("And this record can keep them from harm"),
    ),
)


class FindForm(forms.Form):
    """Somebody who cannot say who they are: what a card or a relative tells."""

    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=200,
        help_text=gettext_lazy("As it is on a card, first name first. Capitals and accents do not matter."),
        widget=forms.TextInput({"autocomplete": "off", "spellcheck": "false"}),
        error_messages={"required": gettext_lazy("Type the name.")},
    )
    birth_date = DayField(
        label=gettext_lazy("Date of birth"),
        error_messages={
            "required": gettext_lazy("Type the date of birth."),
            "invalid": gettext_lazy("Write a day, for example 3 May 1984."),
        },
    )
    sex = forms.ChoiceField(
        label=gettext_lazy("Sex"),
        choices=[("", gettext_lazy("not known")), (Patient.Sex.FEMALE, Patient.Sex.FEMALE.label),
                 (Patient.Sex.MALE, Patient.Sex.MALE.label), (Patient.Sex.OTHER, Patient.Sex.OTHER.label)],
        required=False,
        help_text=gettext_lazy("Needed only where several people match."),
    )  # fmt: skip
    number = forms.CharField(
        label=gettext_lazy("A number from any card of theirs"),
        max_length=60,
        required=False,
        help_text=gettext_lazy("Needed only where several people match."),
        widget=forms.TextInput({"autocomplete": "off", "spellcheck": "false"}),
    )


class EmergencyForm(ProofForm):
    """Why it cannot wait, in a code and in words; a promise; the passphrase, and the second step where there is one.

    Secrets are typed anew each time the page is shown; everything else stays while it is corrected.
    """

    once = forms.UUIDField(widget=forms.HiddenInput, required=False)
    reason = forms.ChoiceField(
        label=gettext_lazy("Why can it not wait?"),
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Choose why it cannot wait.")},
    )
    words = forms.CharField(
        label=gettext_lazy("What do you need to find out?"),
        max_length=emergency.LONGEST,
        widget=forms.Textarea({"rows": 3}),
        help_text=gettext_lazy("The patient reads this, and so does the privacy officer. At least 20 characters."),
        error_messages={"required": gettext_lazy("Say what you need to find out, in at least 20 characters.")},
    )
    attested = forms.BooleanField(
        label=gettext_lazy("I need this record to care for this person now, and they cannot be asked in time."),
        help_text=gettext_lazy("I know that my name, this reason and everything I open are on their log for good."),
        error_messages={"required": gettext_lazy("Confirm that you need the record to care for this person now.")},
    )
    field_order = ("once", "reason", "words", "attested", "passphrase", "code")

    def __init__(self, user: User, *args, **kwargs):
        super().__init__(user, *args, **kwargs)
        self.fields["once"].initial = uuid.uuid4()
        # Options are text, so they are made when the form is, in the language of whoever reads it.
        self.fields["reason"].choices = [(code, Option(_(label), _(hint))) for code, label, hint in _REASONS]

    def clean_words(self) -> str:
        words = self.cleaned_data["words"].strip()
        if missing := max(0, emergency.SHORTEST - len(words)):
            raise forms.ValidationError(
                _("Say a little more: at least 20 characters, and %(missing)d are missing.") % {"missing": missing}
            )
        return words

    def asked(self) -> dict[str, object]:
        """Return what `emergency.break_glass` is told of the form."""
        return {name: self.cleaned_data[name] for name in ("reason", "words", "attested", "once")}

    def begin_again(self) -> None:
        """Let the same page be sent once more, as another attempt: the one before opened nothing."""
        self.data = self.data.copy()
        self.data["once"] = str(uuid.uuid4())
