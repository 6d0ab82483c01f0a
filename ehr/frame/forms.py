"""Forms in the site's own dress: a choice with an example under it, days and times as the browser knows them."""

from collections.abc import Iterable
from datetime import date

from django import forms
from django.core import validators
from django.forms.boundfield import BoundField
from django.utils.translation import gettext as _

from ehr.accounts import full_names, names
from ehr.r4 import checks

FIRST_YEAR, LAST_YEAR = 1850, 2999


class Option(str):
    """The label of a choice, with a line under it that shows what it means.

    A str, so that Django's fields take it as any label. Pass translated text, not lazy text: make
    options when the form is made.
    """

    hint: str
    tag: str

    def __new__(cls, label: str, hint: str = "", tag: str = ""):
        option = super().__new__(cls, label)
        option.hint = hint
        option.tag = tag
        return option


class Day(forms.DateInput):
    """A day, chosen with the browser's own calendar."""

    input_type = "date"

    def __init__(self, attrs=None):
        super().__init__(attrs, format="%Y-%m-%d")


class Moment(forms.DateTimeInput):
    """A day and a time of day, in the reader's own zone."""

    input_type = "datetime-local"

    def __init__(self, attrs=None):
        super().__init__(attrs, format="%Y-%m-%dT%H:%M")


class Words(forms.CharField):
    """Something in somebody's own words that becomes part of a record: any writing, no control signs."""

    def to_python(self, value):
        words = super().to_python(value)
        if checks.CONTROLS.search(words):
            raise forms.ValidationError(
                _("There is an unseen sign in this, as comes with pasted text. Type these words here instead.")
            )
        return words


def known_year(at: date) -> None:
    """Refuse a day, or a moment, of a year that nobody means: the calendar's ends have no day before or after them."""
    if not FIRST_YEAR <= at.year <= LAST_YEAR:
        told = {"first": FIRST_YEAR, "last": LAST_YEAR}
        raise forms.ValidationError(_("Look at the year again. Write one from %(first)d to %(last)d.") % told)


class DayField(forms.DateField):
    """A day of a year that people mean."""

    widget = Day
    default_validators = [known_year]


def readable(name: str) -> None:
    """Refuse a name that hides something from whoever reads it."""
    if wanting := full_names.objection(name):
        raise forms.ValidationError(wanting)


class NameField(forms.CharField):
    """What somebody or some place is called: it stands in sentences that others read and sign."""

    default_validators = [readable]


class SignsInWith(forms.CharField):
    """What somebody signs in with: their e-mail address, or the sign-in name of who was invited on paper."""

    def __init__(self, **more):
        missing, odd = more.pop("missing"), more.pop("odd")
        more.setdefault("widget", forms.TextInput(attrs={"autocomplete": "off"}))
        super().__init__(max_length=254, error_messages={"required": missing, "invalid": odd}, **more)
        self.widget.attrs |= {"inputmode": "email", "autocapitalize": "none", "spellcheck": "false"}

    def validate(self, value):
        super().validate(value)
        if "@" in value:
            validators.EmailValidator(message=self.error_messages["invalid"])(value)
        elif not names.is_one(value):
            raise forms.ValidationError(self.error_messages["invalid"])


def tick_all(form: forms.BaseForm, name: str) -> None:
    """Turn a sent form back into an open question: as it was filled in, with every box of one field ticked."""
    typed = {
        each: field.widget.value_from_datadict(form.data, form.files, form.add_prefix(each))
        for each, field in form.fields.items()
    }
    form.initial = typed | {name: [value for value, _label in form.fields[name].choices]}
    form.is_bound = False


def kind(bound: BoundField) -> str:
    """Return how a field is laid out: hidden, choices (radio or tick boxes), tick (one box), file or line."""
    widget = bound.field.widget
    if widget.is_hidden:
        return "hidden"
    if isinstance(widget, forms.RadioSelect | forms.CheckboxSelectMultiple):
        return "choices"
    if isinstance(widget, forms.CheckboxInput):
        return "tick"
    return "line"


def target(bound: BoundField) -> str:
    """Return the id of the element a person must go to in order to correct this field."""
    return bound.id_for_label or f"{bound.auto_id}_0"


def to_correct(shown: Iterable[forms.BaseForm]) -> list[tuple[str, str]]:
    """Return (id of the field or "", message) for all that must be corrected, in the order of the page."""
    found: list[tuple[str, str]] = []
    for form in shown:
        if not form.is_bound:
            continue
        found += [("", message) for message in form.non_field_errors()]
        for bound in form:
            found += [("" if bound.is_hidden else target(bound), message) for message in bound.errors]
    return found
