"""The six parts of a record as people read about them: a name, what is in it, an example of a line."""

from dataclasses import dataclass

from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from consent.sentences import PARTS
from ehr.words import Category


@dataclass(frozen=True)
class About:
    """A part of the record: its name, what it holds, and an example of what somebody would see there."""

    slug: str
    name: str
    holds: str
    example: str
    sensitive: bool


_ABOUT = {
    Category.BASIC: (
        _("Your name, address, contacts and insurance"),
        _("For example: emergency contact, Rui Costa, brother"),
    ),
    Category.HISTORY: (
        _("Allergies, conditions, vaccinations, operations, visits"),
        _("For example: allergic to penicillin, since 2009"),
    ),
    Category.LABS: (
        _("Blood tests, blood pressure, weight, scans"),
        _("For example: blood sugar (HbA1c) 6.1\u00a0%, 12 October 2026"),
    ),
    Category.TREATMENT: (
        _("Medicines, care plans, referrals, goals"),
        _("For example: metformin 500\u00a0mg, twice a day"),
    ),
    Category.MENTAL_HEALTH: (
        _("Counselling, therapy, psychiatric care, substance use, sexual health, HIV, and what was marked private"),
        _("For example: counselling visit, 3 June 2026"),
    ),
    Category.GENETIC: (
        _("Genetic tests, and illnesses that run in your family"),
        _("For example: mother had breast cancer at 48"),
    ),
}


def about(slug: str) -> About:
    """Return what to say about one part. Raises ValueError for a part there is none of."""
    category = Category(slug)
    holds, example = (str(words) for words in _ABOUT[category])
    return About(category.value, capfirst(str(PARTS[category])), holds, example, category.sensitive)


def all_six() -> list[About]:
    """Return all six parts in their fixed order: all are always listed, so that a list betrays nothing."""
    return [about(category) for category in Category]
