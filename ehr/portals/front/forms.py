"""What people type at the front door. Hints say what helps; messages say what to do."""

import zoneinfo

from django import forms
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ehr import clock
from ehr.frame.forms import Day, DayField, NameField, SignsInWith
from ehr.frame.identifiers import IDENTIFIERS

ZONE_AREAS = ("Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")
SEXES = [
    ("", _("Choose one")),
    ("female", _("female")),
    ("male", _("male")),
    ("other", _("other")),
    ("unknown", _("I would rather not say")),
]


def zones() -> list[tuple[str, object]]:
    """Return the time zones people can choose: UTC, then cities by area."""
    areas: dict[str, list[tuple[str, str]]] = {}
    for name in sorted(zoneinfo.available_timezones()):
        area, _slash, city = name.partition("/")
        if area in ZONE_AREAS and city:
            areas.setdefault(area, []).append((name, city.replace("_", " ").replace("/", ", ")))
    return [("UTC", "UTC"), *areas.items()]


def _email(**attrs: str) -> forms.EmailField:
    return forms.EmailField(
        label=_("E-mail address"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "username", **attrs}),
        error_messages={
            "required": _("Type your e-mail address."),
            "invalid": _("Type an e-mail address with an @, such as ana@example.org."),
        },
    )


def _signs_in_with(**attrs: str) -> SignsInWith:
    return SignsInWith(
        label=_("E-mail address or sign-in name"),
        widget=forms.TextInput(attrs={"autocomplete": "username", **attrs}),
        missing=_("Type your e-mail address, or the sign-in name on your paper."),
        odd=_("Type an e-mail address such as ana@example.org, or a sign-in name such as mona-4729."),
    )


def _passphrase(label, *, new: bool = False, hint: str = "") -> forms.CharField:
    return forms.CharField(
        label=label,
        strip=False,
        max_length=1000,
        help_text=hint,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password" if new else "current-password"}),
        error_messages={"required": _("Type your passphrase."), "max_length": _("Use at most 1,000 characters.")},
    )


_NEW_HINT = _("At least 12 characters. Four or five words that do not belong together are easy to remember.")


class SignUp(forms.Form):
    """The first screen: who, where, and what only they know."""

    name = NameField(
        label=_("Your full name"),
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        error_messages={"required": _("Type your name as your documents have it.")},
    )
    email = _email()
    passphrase = _passphrase(_("Choose a passphrase"), new=True, hint=_NEW_HINT)
    time_zone = forms.CharField(required=False, widget=forms.HiddenInput(attrs={"data-zone": ""}))
    door = forms.CharField(required=False, max_length=20, widget=forms.HiddenInput)

    def clean_time_zone(self) -> str:
        told = self.cleaned_data["time_zone"]
        return told if told in zoneinfo.available_timezones() else "UTC"

    def clean_door(self) -> str:
        door = self.cleaned_data["door"]
        return door if door in {"clinician", "researcher"} else ""


class SignIn(forms.Form):
    """E-mail address or sign-in name, and passphrase."""

    email = _signs_in_with()
    passphrase = _passphrase(_("Passphrase"))


class SignInHere(forms.Form):
    """Address or name, and passphrase, on somebody else's tablet, which is asked to keep neither."""

    email = _signs_in_with(autocomplete="off")
    passphrase = _passphrase(_("Passphrase"))

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["passphrase"].widget.attrs["autocomplete"] = "off"


class Passphrase(forms.Form):
    """One's present passphrase, where something needs it again."""

    passphrase = _passphrase(_("Your passphrase"))


class Code(forms.Form):
    """Six digits of an app, or a backup code."""

    code = forms.CharField(
        label=_("Code"),
        max_length=20,
        widget=forms.TextInput(
            attrs={"autocomplete": "one-time-code", "autocapitalize": "characters", "spellcheck": "false"}
        ),
        error_messages={"required": _("Type the code.")},
    )


class OtherApp(Code):
    """Six digits of the app that takes the place of another, and one's present passphrase."""

    passphrase = _passphrase(_("Your passphrase"))


def _recovery_code() -> forms.CharField:
    return forms.CharField(
        label=_("Recovery code"),
        max_length=60,
        help_text=_("The six groups of four that you wrote down. Capitals, spaces and dashes do not matter."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}),
        error_messages={"required": _("Type the code you wrote down.")},
    )


class UnlockWithOld(forms.Form):
    """The passphrase from before a reset, and the one of now."""

    prefix = "old"
    old = _passphrase(_("The passphrase you had before"))
    passphrase = _passphrase(_("The passphrase you sign in with now"))


class Finish(forms.Form):
    """The end of getting one's keys back: the share on paper, where it is used, and a new passphrase."""

    code = _recovery_code()
    passphrase = _passphrase(_("Choose a new passphrase"), new=True, hint=_NEW_HINT)

    def __init__(self, *args, needs_paper: bool, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["code"].required = needs_paper


class AskGuardian(forms.Form):
    """Whom to ask."""

    email = SignsInWith(
        label=_("Their e-mail address or sign-in name"),
        help_text=_("They need an account here. We do not tell whether they have one until they answer."),
        missing=_("Type what they sign in with."),
        odd=_("Type an e-mail address such as ana@example.org, or a sign-in name such as mona-4729."),
    )


class Spoken(forms.Form):
    """What somebody reads out from their screen."""

    spoken = forms.CharField(
        label=_("The twelve letters and numbers on their screen"),
        max_length=40,
        help_text=_("They read them to you, by telephone or face to face. Capitals, spaces and dashes do not matter."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}),
        error_messages={"required": _("Type the letters and numbers that they read to you.")},
    )


class Forgotten(forms.Form):
    """Where to send a link."""

    email = _email()


class NewPassphrase(forms.Form):
    """A new passphrase by a link."""

    passphrase = _passphrase(_("Choose a new passphrase"), new=True, hint=_NEW_HINT)


class ChangePassphrase(forms.Form):
    """From one passphrase to another."""

    current = _passphrase(_("Your passphrase now"))
    passphrase = _passphrase(_("Choose a new passphrase"), new=True, hint=_NEW_HINT)


class Groups(forms.Form):
    """Two groups of a recovery code, as proof that it was written down."""

    def __init__(self, *args, asked: list[int], **kwargs):
        super().__init__(*args, **kwargs)
        for number in asked:
            self.fields[f"group_{number}"] = forms.CharField(
                label=_("Group %(number)d") % {"number": number},
                max_length=10,
                widget=forms.TextInput(
                    attrs={
                        "autocomplete": "off",
                        "autocapitalize": "characters",
                        "spellcheck": "false",
                        "class": "code",
                    }
                ),
                error_messages={"required": _("Type group %(number)d of your code.") % {"number": number}},
            )

    def answers(self) -> dict[int, str]:
        """Return what was typed, by the group's number."""
        return {int(name.removeprefix("group_")): text for name, text in self.cleaned_data.items()}


class Details(forms.Form):
    """What one is called, and the zone and language one reads in."""

    name = NameField(
        label=_("Your full name"),
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        error_messages={"required": _("Type your name.")},
    )
    time_zone = forms.ChoiceField(label=_("Time zone"), choices=zones, help_text=_("All times are shown in this zone."))
    language = forms.ChoiceField(label=_("Language"), choices=lambda: settings.LANGUAGES)


class Identity(forms.Form):
    """Who a record is about, and a number that staff can check."""

    name = NameField(
        label=_("Your full name"),
        max_length=200,
        help_text=_("As your documents have it."),
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        error_messages={"required": _("Type your name as your documents have it.")},
    )
    birth_date = DayField(
        label=_("Date of birth"),
        widget=Day(attrs={"autocomplete": "bday"}),
        error_messages={
            "required": _("Type your date of birth."),
            "invalid": _("Write the day as year, month, day: 1980-03-25."),
        },
    )
    sex = forms.ChoiceField(
        label=_("Sex in your documents"),
        choices=SEXES,
        error_messages={"required": _("Choose what your documents have, or that you would rather not say.")},
    )
    system = forms.ChoiceField(
        label=_("Which number do you have?"),
        choices=IDENTIFIERS,
        error_messages={"required": _("Choose which number you have.")},
    )
    number = forms.CharField(
        label=_("The number"),
        max_length=60,
        help_text=_("We keep only a scrambled form, to notice when two people give the same one."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        error_messages={"required": _("Type the number as it stands in the document.")},
    )

    def clean_birth_date(self):
        born = self.cleaned_data["birth_date"]
        if born > timezone.localdate(clock.now()):
            raise forms.ValidationError(_("This day has not come yet. Look at the year again."))
        if born.year < 1890:
            raise forms.ValidationError(_("This lies too far back. Look at the year again."))
        return born

    def clean_number(self) -> str:
        number = self.cleaned_data["number"]
        if sum(sign.isalnum() for sign in number) < 6:
            raise forms.ValidationError(_("This number is too short. Look at the document again."))
        return number


def _half(label) -> forms.CharField:
    return forms.CharField(
        label=label,
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}),
        error_messages={"required": _("Type the letters and numbers on the paper.")},
    )


class OnPaper(forms.Form):
    """What two members of staff handed over on paper, and a passphrase that only its person knows."""

    name = SignsInWith(
        label=_("Sign-in name"),
        help_text=_("From the paper, such as mona-4729."),
        widget=forms.TextInput(attrs={"autocomplete": "username"}),
        missing=_("Type the sign-in name on your paper."),
        odd=_("A sign-in name has four letters, a dash and four digits, such as mona-4729."),
    )
    first = _half(_("Code 1, from the slip"))
    second = _half(_("Code 2, from the large sheet"))
    passphrase = _passphrase(_("Choose a passphrase"), new=True, hint=_NEW_HINT)


class AddEmail(forms.Form):
    """An address to add to an account that has none."""

    email = _email()


class TelephoneNumber(forms.Form):
    """Where somebody wants text messages."""

    number = forms.CharField(
        label=_("Telephone number"),
        max_length=40,
        help_text=_("With its country code, such as +1 506 555 0100."),
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "tel", "inputmode": "tel"}),
        error_messages={"required": _("Type the number.")},
    )


class TextedCode(forms.Form):
    """The six digits that came by text."""

    code = forms.CharField(
        label=_("Code"),
        max_length=12,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
        error_messages={"required": _("Type the code.")},
    )


class Invitation(forms.Form):
    """The code on an invitation letter."""

    code = forms.CharField(
        label=_("Invitation code"),
        max_length=60,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}),
        error_messages={"required": _("Type the code on your invitation.")},
    )


class Licence(forms.Form):
    """Which licence to look up."""

    issuer = forms.CharField(
        label=_("Who issued the licence?"),
        max_length=200,
        help_text=_("For example: College of Physicians and Surgeons of Ontario."),
        error_messages={"required": _("Type who issued the licence.")},
    )
    number = forms.CharField(
        label=_("Licence number"), max_length=100, error_messages={"required": _("Type the licence number.")}
    )
