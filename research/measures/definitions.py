"""What each measure is: by name and version, so that a number is never without its meaning.

What it counts stands in words where it is shown, in `research.figures.words`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from ehr.words import Category

BASIC, HISTORY, LABS = Category.BASIC, Category.HISTORY, Category.LABS
_HOSPICE = ("hospice-diagnosis", "hospice-encounter", "hospice-care", "discharged-to-hospice")
_PALLIATIVE = ("palliative-diagnosis", "palliative-encounter", "palliative-care")


@dataclass(frozen=True)
class Definition:
    """A measure: which parts of a record it needs, after what it is made, and by which code lists it goes.

    A new version is due whenever the same records would give another number, for a code list as for a rule.
    """

    name: str
    version: int
    needs: frozenset[Category]
    after: str
    more_is_better: bool
    goes_by: tuple[str, ...]  # names of code lists
    leaves_out: tuple[str, ...]  # the same, of people who are not counted


DEFINITIONS = {
    one.name: one
    for one in (
        Definition(
            "diabetes", 2, frozenset({BASIC, HISTORY, LABS}), "CMS122, of which it is the complement", True,
            ("diabetes", "diabetes-of-no-type", "hba1c", "hba1c-ifcc", "glucose-management-indicator"),
            (*_HOSPICE, *_PALLIATIVE),
        ),
        Definition(
            "blood-pressure", 2, frozenset({BASIC, HISTORY, LABS}), "CMS165", True,
            ("hypertension", "hypertension-of-no-type", "systolic", "diastolic"),
            (*_HOSPICE, *_PALLIATIVE, "pregnancy", "end-stage-renal-disease", "kidney-disease-stage-5",
             "kidney-transplant-recipient", "kidney-transplant", "dialysis"),
        ),
        Definition(
            "immunisation", 2, frozenset({BASIC, HISTORY}), "CMS117", True,
            ("dtap", "polio", "mmr", "hib-three", "hib-four", "hepatitis-b", "varicella", "pneumococci", "hepatitis-a",
             "rotavirus-two", "rotavirus-three", "influenza", "influenza-live",
             "reaction-dtap", "encephalitis-dtap", "reaction-polio", "reaction-mmr", "reaction-hib",
             "reaction-hepatitis-b", "reaction-varicella", "reaction-pneumococci", "reaction-hepatitis-a",
             "reaction-rotavirus", "reaction-influenza",
             "ill-measles", "ill-mumps", "ill-rubella", "ill-hepatitis-b", "ill-varicella", "ill-hepatitis-a"),
            (*_HOSPICE, "severe-immunodeficiency", "immune-disorder", "hiv", "blood-cancer", "intussusception"),
        ),
        Definition(
            "readmission", 2, frozenset({BASIC, HISTORY}),
            "HEDIS Plan All-Cause Readmissions, counted in people and not adjusted for risk", False,
            (), _HOSPICE,
        ),
    )
}  # fmt: skip


def needs(names: Iterable[str]) -> frozenset[Category]:
    """Return the parts of a record that these measures need together. Raises KeyError for a name of none."""
    return frozenset().union(*(DEFINITIONS[name].needs for name in names))
