"""The six parts of a record as people read about them: a name, what is in it, an example of a line."""

from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

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
        _("About you"),
        _("Your name, address, contacts and insurance"),
        _("For example: emergency contact, Rui Costa, brother"),
    ),
    Category.HISTORY: (
        _("Health history"),
        _("Allergies, conditions, vaccinations, operations, visits"),
        _("For example: allergic to penicillin, since 2009"),
    ),
    Category.LABS: (
        _("Tests and measurements"),
        _("Blood tests, blood pressure, weight, scans"),
        _("For example: blood sugar (HbA1c) 6.1 %, 12 October 2026"),
    ),
    Category.TREATMENT: (
        _("Treatment"),
        _("Medicines, care plans, referrals, goals"),
        _("For example: metformin 500 mg, twice a day"),
    ),
    Category.MENTAL_HEALTH: (
        _("Mental health"),
        _("Counselling, therapy, psychiatric care, substance use"),
        _("For example: counselling visit, 3 June 2026"),
    ),
    Category.GENETIC: (
        _("Genetics and family"),
        _("Genetic tests and illnesses that run in your family"),
        _("For example: mother had breast cancer at 48"),
    ),
}


def about(slug: str) -> About:
    """Return what to say about one part. Raises ValueError for a part there is none of."""
    category = Category(slug)
    return About(category.value, *_ABOUT[category], sensitive=category.sensitive)


def everyone() -> list[About]:
    """Return all six parts in their fixed order: all are always listed, so that a list betrays nothing."""
    return [about(category) for category in Category]
