"""Private questions, what they cost and their answers in a person's words, for researchers and patients alike."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from research.private.dictionary import Variable
from research.private.questions import Answer, Kind, Question
from research.private.variables import DESCRIBED

# UCUM, as people write it.
UNITS = {"a": "", "mm[Hg]": "mmHg", "kg/m2": "kg/m²", "mL/min/{1.73_m2}": "mL/min/1.73 m²", "/min": "1/min"}


def called(variable: Variable) -> str:
    """Return what a variable is called."""
    found = DESCRIBED.get(variable.name)
    return _(found.called) if found else variable.name


def what(asked: Question) -> str:
    """Return what is asked, without of whom: "Mean of HbA1c"."""
    if asked.variable is None:
        return _("How many people")
    name = {"name": called(asked.variable), "percent": asked.percent}
    match asked.kind:
        case Kind.GROUPS:
            return _("%(name)s, by group") % name
        case Kind.MEAN:
            return _("Mean of %(name)s") % name
        case _:
            return _("The value of %(name)s that %(percent)s of 100 people are below") % name


def of_whom(asked: Question) -> str:
    """Return of whom it is asked, without saying what they have in common."""
    return _("of some of those who take part") if asked.among else _("of everybody who takes part")


def bounds(variable: Variable) -> str:
    """Return between what a variable's values lie, and what becomes of those beyond; empty for one of some choices."""
    if variable.choices:
        return ""
    told = {"least": amount(variable.least, variable), "most": amount(variable.most, variable)}
    return _("From %(least)s to %(most)s; what is beyond counts as the bound.") % told


def amount(number: Decimal, variable: Variable) -> str:
    """Return a number with its unit."""
    unit = UNITS.get(variable.unit, variable.unit)
    return f"{_plain(number)}\u00a0{unit}" if unit else _plain(number)


@dataclass(frozen=True)
class Said:
    """An answer in words: the number, how far its noise may have moved it, and a row for each group."""

    number: str
    noise: str
    rows: tuple[tuple[str, str], ...] = ()
    below_zero: bool = False  # noise can do that, and it is told as it was drawn


def answer(asked: Question, written: Mapping[str, object]) -> Said:
    """Return a stored answer in words."""
    given = Answer(**written)  # type: ignore[arg-type]  # JSON, as `Answer.written` made it
    if asked.variable is None:
        return Said(_people(int(given.number)), _within(given.within or ""), below_zero=given.number < 0)
    if asked.kind is Kind.GROUPS:
        numbers = [int(number) for number in given.numbers.values()]
        rows = tuple(zip(_groups(asked.variable), map(_plain, map(Decimal, numbers)), strict=True))
        return Said("", _within(given.within or ""), rows, below_zero=min(numbers) < 0)
    number = amount(given.number, asked.variable)
    if given.between is not None:
        words = ngettext(
            "In 95 of 100 cases one person at most has a value between this and the true one.",
            "In 95 of 100 cases %(count)s people at most have values between this and the true one.",
            given.between,
        )
        return Said(number, words % {"count": given.between})
    if given.within is None:
        return Said(number, _("The noise is as large as what was asked about. Ask more finely, or of more people."))
    people = _("From about %(people)s people.") % {"people": given.people}
    return Said(number, f"{_within(amount(Decimal(given.within), asked.variable))} {people}")


def _people(number: int) -> str:
    return ngettext("About %(count)s person", "About %(count)s people", number) % {"count": _plain(Decimal(number))}


def _within(so_far: str) -> str:
    return _("Within ±%(far)s in 95 of 100 cases.") % {"far": so_far}


def _groups(variable: Variable) -> list[str]:
    """Return what each group is called: a choice, or from which number to which."""
    if variable.choices:
        return [_sex(one) for one in variable.choices]
    between = [
        _("%(least)s to under %(most)s") % {"least": _plain(least), "most": amount(most, variable)}
        for least, most in pairwise(variable.edges[1:])
    ]
    first = _("under %(most)s") % {"most": amount(variable.edges[1], variable)}
    return [first, *between, _("%(least)s or more") % {"least": amount(variable.edges[-1], variable)}]


def _sex(choice: str) -> str:
    named = {"female": _("female"), "male": _("male"), "other": _("another sex"), "unknown": _("not recorded")}
    return named.get(choice, choice)


def _plain(number: Decimal) -> str:
    return number_format(number.normalize(), force_grouping=True).replace("-", "−") if number else "0"
