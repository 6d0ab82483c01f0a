"""What each measure counts, in words: a number is never shown without them."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from research.models import Study

Text = str | Promise


@dataclass(frozen=True)
class Words:
    """A measure in words: what it is called, of whom it is, what is counted, who is left out, and how it differs."""

    title: Text
    of_whom: Text
    counted: Text
    left_out: Text
    differs: Text


_HOSPICE = _("Who was in hospice or palliative care in these twelve months.")
WORDS: Mapping[str, Words] = {
    "diabetes": Words(
        _("Diabetes under control"),
        _("People of 18 to 75 years with diabetes who had a visit in these twelve months."),
        _(
            "Their last HbA1c, or glucose management indicator, of these months is 9.0 % or less. Without one they "
            "count as not under control."
        ),
        _HOSPICE,
        _(
            "A visit is any visit in person, at home or by video. Diabetes whose type is not said counts, and so does "
            "HbA1c in mmol/mol. Frailty and nursing homes leave nobody out."
        ),
    ),
    "blood-pressure": Words(
        _("Blood pressure under control"),
        _(
            "People of 18 to 85 years with high blood pressure since the first six of these months or before, who had "
            "a visit in the twelve."
        ),
        _(
            "On the last day on which it was taken outside a hospital, the lowest values are below 140 and below 90 "
            "mmHg. Without any they count as not under control."
        ),
        _("Who was pregnant, or in hospice or palliative care, in these twelve months; who has no working kidneys."),
        _(
            "A visit is any visit in person, at home or by video. High blood pressure whose type is not said counts. "
            "Frailty and nursing homes leave nobody out."
        ),
    ),
    "immunisation": Words(
        _("Children vaccinated by their second birthday"),
        _("Children who turned two in these twelve months and had a visit in them."),
        _(
            "On their second birthday they had all vaccinations of combination 10. An illness they had, or a vaccine "
            "they must not be given, counts as had."
        ),
        _("Who was in hospice care, or whose immune system does not work."),
        _("Vaccinations are read from immunisations, not from procedures."),
    ),
    "readmission": Words(
        _("Back in hospital within 30 days"),
        _("People of 18 years or more who left a hospital alive, after a night or more, in these twelve months."),
        _("They were admitted again, unplanned, 1 to 30 days after leaving. A transfer is one stay."),
        _("Who was in hospice care in these twelve months."),
        _(
            "People are counted, not stays, and nothing is adjusted for how ill they were. Planned is what was written "
            "down as elective; stays for a birth count."
        ),
    ),
}
_BANDS = {"0-17": _("under 18"), "18-44": _("18 to 44"), "45-64": _("45 to 64"), "65+": _("65 and older")}
_SEXES = {"female": _("female"), "male": _("male"), "other": _("other")}  # or not said


def titles(study: Study) -> list[Text]:
    """Return what the figures of a study are called; none of a study that is not for figures."""
    return [WORDS[name].title for name in study.measures]


def group_words(group: str) -> str:
    """Return a group of people in words, as "45 to 64, female"."""
    band, _space, sex = group.partition(" ")
    return f"{_BANDS[band]}, {_SEXES[sex]}" if sex else str(_BANDS[band])
