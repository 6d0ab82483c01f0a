"""What each measure counts, in words and in a version, so that a number is never without its meaning; and its codes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Definition:
    """A measure in words: of whom it is, what is counted, whether more is better, and after what it is made."""

    name: str
    version: int
    title: str
    of_whom: str
    counted: str
    more_is_better: bool
    after: str


DEFINITIONS = {
    one.name: one
    for one in (
        Definition(
            "diabetes", 1, "Diabetes under control",
            "People of 18 to 75 years with diabetes who had a visit in the period",
            "Their last HbA1c of the period is 9.0 % or less; without one they count as not under control",
            True, "CMS122, of which it is the complement",
        ),
        Definition(
            "blood-pressure", 1, "Blood pressure under control",
            "People of 18 to 85 years with essential hypertension since the first half of the period or before, "
            "who had a visit in the period",
            "On the last day of the period on which it was taken, the lowest values are below 140 and below 90 mmHg",
            True, "CMS165",
        ),
        Definition(
            "immunisation", 1, "Children vaccinated by their second birthday",
            "Children whose second birthday is in the period",
            "They had all vaccinations of combination 10 on their second birthday",
            True, "CMS117",
        ),
        Definition(
            "readmission", 1, "Back in hospital within 30 days",
            "People of 18 years or more who left a hospital alive in the period",
            "They were admitted again, unplanned, 1 to 30 days after leaving; a transfer is one stay",
            False, "CMS Hospital-Wide Readmission, counted in people and not adjusted for risk",
        ),
    )
}  # fmt: skip

# Diagnoses by SNOMED CT, and by ICD-10-CM, where a code's beginning is enough.
DIABETES = frozenset({"73211009", "44054006", "46635009"})
DIABETES_ICD = ("E10", "E11", "E13", "O24.0", "O24.1", "O24.3")
HYPERTENSION = frozenset({"59621000", "38341003", "1201005", "78975002"})
HYPERTENSION_ICD = ("I10",)

# Results by LOINC.
HBA1C = frozenset({"4548-4", "4549-2", "17855-8", "17856-6", "59261-8"})
SYSTOLIC = frozenset({"8480-6"})
DIASTOLIC = frozenset({"8462-4"})


@dataclass(frozen=True)
class Series:
    """Vaccinations against one thing by CVX: how many on different days, from and to which age in days or years.

    `from_days` is the youngest age in days; `from_year` the birthday that must be reached.
    """

    against: str
    codes: frozenset[str]
    doses: int
    from_days: int = 0
    from_year: int = 0


ROTARIX, ROTATEQ = frozenset({"119"}), frozenset({"116", "122"})
COMBINATION_10 = (
    Series("diphtheria, tetanus and pertussis", frozenset({"20", "50", "106", "107", "110", "120", "146"}), 4, 42),
    Series("poliomyelitis", frozenset({"10", "89", "110", "120", "146"}), 3, 42),
    Series("measles, mumps and rubella", frozenset({"03", "94"}), 1, from_year=1),
    Series("Haemophilus influenzae b",
           frozenset({"17", "46", "47", "48", "49", "50", "51", "120", "146", "148"}), 3, 42),
    Series("hepatitis B", frozenset({"08", "44", "45", "51", "110", "146"}), 3),
    Series("varicella", frozenset({"21", "94"}), 1, from_year=1),
    Series("pneumococci", frozenset({"109", "133", "152", "215", "216"}), 4, 42),
    Series("hepatitis A", frozenset({"31", "83", "85"}), 1, from_year=1),
    Series("influenza", frozenset({"88", "135", "140", "141", "150", "153", "155", "158", "161"}), 2, 180),
)  # fmt: skip
# Two doses of the one vaccine, or three where any of the other is among them.
ROTAVIRUS = (Series("rotavirus", ROTARIX, 2, 42), Series("rotavirus", ROTARIX | ROTATEQ, 3, 42))
