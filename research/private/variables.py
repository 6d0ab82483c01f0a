"""The data dictionary: what may be asked about, between which bounds, in which groups, and where a record says it.

It is the same for all studies and was written before anybody's record was looked at. A changed bound or group is
another variable to the ledger, so an answer is never given again for a question that was another one.
Sources: LOINC for codes, UCUM for units; groups as care speaks of them (WHO: body mass index, anaemia; ADA: glucose;
KDIGO: filtration rate; ACC/AHA: blood pressure; NCEP ATP III: lipids). Bounds are beyond what living people have.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from ehr.words import Category
from research.private.dictionary import DataDictionary, NotDescribed, Variable

EDITION = "2026-1"
LOINC = "http://loinc.org"


@dataclass(frozen=True)
class Described:
    """A variable, what it is called in a person's words, and by which codes of LOINC its latest result is known."""

    variable: Variable
    called: str
    part: Category
    codes: tuple[str, ...] = ()


def _number(name: str, called: str, codes: str, unit: str, step: str, edges: str, most: str) -> Described:
    """Return a result: it is asked for from the first edge up to `most`."""
    cuts = tuple(map(Decimal, edges.split()))
    variable = Variable(name, least=cuts[0], most=Decimal(most), step=Decimal(step), unit=unit, edges=cuts)
    return Described(variable, called, Category.LABS, tuple(codes.split()))


def gettext_noop(text: str) -> str:
    """Mark a text for translation; whoever shows it translates it."""
    return text


_AGE = Variable(
    "age", least=Decimal(0), most=Decimal(120), unit="a", edges=tuple(Decimal(years) for years in range(0, 100, 10))
)
_SEX = Variable("sex", choices=("female", "male", "other", "unknown"))
DESCRIBED: Mapping[str, Described] = {
    one.variable.name: one
    for one in (
        Described(_AGE, gettext_noop("Age in years"), Category.BASIC),
        Described(_SEX, gettext_noop("Sex"), Category.BASIC),
        _number("hba1c", gettext_noop("HbA1c"), "4548-4", "%", "0.1", "3 5.7 6.5 7 8 9", "20"),
        _number("glucose", gettext_noop("Glucose"), "2339-0 2345-7", "mg/dL", "1", "20 70 100 126 200", "800"),
        _number("bmi", gettext_noop("Body mass index"), "39156-5", "kg/m2", "0.1", "10 18.5 25 30 35 40", "80"),
        _number("weight", gettext_noop("Weight"), "29463-7", "kg", "0.1", "1 40 60 80 100 120", "400"),
        _number("height", gettext_noop("Height"), "8302-2", "cm", "0.1", "30 140 150 160 170 180 190", "250"),
        _number("systolic", gettext_noop("Systolic pressure"), "8480-6", "mm[Hg]", "1", "50 120 130 140 180", "300"),
        _number("diastolic", gettext_noop("Diastolic pressure"), "8462-4", "mm[Hg]", "1", "30 80 90 120", "200"),
        _number("pulse", gettext_noop("Heart rate"), "8867-4", "/min", "1", "20 60 80 100", "250"),
        _number("cholesterol", gettext_noop("Total cholesterol"), "2093-3", "mg/dL", "1", "50 200 240", "600"),
        _number("ldl", gettext_noop("LDL cholesterol"), "18262-6 13457-7 2089-1", "mg/dL", "1",
                "10 100 130 160 190", "500"),
        _number("hdl", gettext_noop("HDL cholesterol"), "2085-9", "mg/dL", "1", "10 40 60", "200"),
        _number("filtration", gettext_noop("Filtration rate of the kidneys"), "33914-3 48642-3 62238-1 98979-8",
                "mL/min/{1.73_m2}", "1", "0 15 30 45 60 90", "200"),
        _number("haemoglobin", gettext_noop("Haemoglobin"), "718-7", "g/dL", "0.1", "2 8 11 13 16", "25"),
    )
}  # fmt: skip
DICTIONARY = DataDictionary.of(*(one.variable for one in DESCRIBED.values()))


def described(variable: Variable) -> Described:
    """Return where a variable stands in a record. Raises NotDescribed for one that is not in this edition as it is."""
    found = DESCRIBED.get(variable.name)
    if found is None or found.variable != variable:
        raise NotDescribed(f"The data dictionary describes {variable.name!r} in another way now. Ask anew.")
    return found


def offered(parts: frozenset[str] | set[str]) -> list[Described]:
    """Return the variables that a study with these parts may ask about, in the dictionary's order."""
    return [one for one in DESCRIBED.values() if one.part in parts]
