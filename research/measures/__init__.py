"""Measures of a population's care, from records whose owners opted in: definitions, arithmetic, and what may be told.

Pure functions over tables in memory; no Django, no network, no clock. Definitions follow the public ones of CMS as
`definitions` names them; people who are left out for reasons that no table holds, hospice care among them, are given
by whoever asks. Every count is one of people, and leaves by `told` alone, which applies the rules of disclosure.
"""

from research.measures.chronic import blood_pressure, diabetes
from research.measures.definitions import DEFINITIONS, Definition
from research.measures.immunisations import immunisation
from research.measures.measured import Measured, Period
from research.measures.readmissions import readmission
from research.measures.told import Line, Told, told

__all__ = [
    "DEFINITIONS",
    "Definition",
    "Line",
    "Measured",
    "Period",
    "Told",
    "blood_pressure",
    "diabetes",
    "immunisation",
    "readmission",
    "told",
]
