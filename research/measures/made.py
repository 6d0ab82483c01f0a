"""The measures of a population, from its tables: who is left out of each, and then each by its own arithmetic."""

from collections.abc import Callable, Hashable, Mapping

import polars as pl

from research.measures.chronic import blood_pressure, diabetes
from research.measures.codes import codes
from research.measures.definitions import DEFINITIONS
from research.measures.immunisations import immunisation
from research.measures.measured import Measured, Period, coded, people_of, years
from research.measures.readmissions import readmission
from research.measures.records import Records

# These count however long ago they were, as in CMS165; all others only in the period.
_FOR_GOOD = ("kidney-transplant", "dialysis")
# Ages in whole years on the last day of the period. The last goes on.
BANDS = ((0, "0-17"), (18, "18-44"), (45, "45-64"), (65, "65+"))
SEXES = ("female", "male", "other")


def measure(name: str, period: Period, records: Records) -> Measured:
    """Return what a measure found in a population. Raises KeyError for a name of none."""
    return _MEASURES[name](period, records, _left_out(name, period, records))


def groups(period: Period, records: Records) -> Mapping[Hashable, str]:
    """Return everybody's group, as "45-64 female". Whose birth is not known is in none, and in no measure."""
    aged = records.people.with_columns(age=years("born", pl.lit(period.last))).drop_nulls("age")
    return {
        person: f"{[name for least, name in BANDS if age >= least][-1]} {sex}"
        for person, sex, age in aged.select("person", "sex", "age").iter_rows()
        if age >= 0
    }


def _diabetes(period: Period, records: Records, excluded: frozenset[Hashable]) -> Measured:
    return diabetes(
        period,
        people=records.people,
        conditions=records.conditions,
        visits=records.visits,
        results=records.results,
        excluded=excluded,
    )


def _blood_pressure(period: Period, records: Records, excluded: frozenset[Hashable]) -> Measured:
    return blood_pressure(
        period,
        people=records.people,
        conditions=records.conditions,
        visits=records.visits,
        results=records.results.filter(~pl.col("hospital")),
        excluded=excluded,
    )


def _immunisation(period: Period, records: Records, excluded: frozenset[Hashable]) -> Measured:
    return immunisation(
        period,
        people=records.people,
        visits=records.visits,
        vaccinations=records.vaccinations,
        conditions=records.conditions,
        excluded=excluded,
    )


def _readmission(period: Period, records: Records, excluded: frozenset[Hashable]) -> Measured:
    return readmission(period, people=records.people, stays=records.stays, excluded=excluded)


_MEASURES: Mapping[str, Callable[[Period, Records, frozenset[Hashable]], Measured]] = {
    "diabetes": _diabetes,
    "blood-pressure": _blood_pressure,
    "immunisation": _immunisation,
    "readmission": _readmission,
}


def _left_out(name: str, period: Period, records: Records) -> frozenset[Hashable]:
    """Return who is not counted: by a condition that lasts in the period, or by what was done in it."""
    lists = [one for one in DEFINITIONS[name].leaves_out if one not in _FOR_GOOD]
    wanted, ever = codes(*lists), codes(*(one for one in DEFINITIONS[name].leaves_out if one in _FOR_GOOD))
    begun = pl.col("onset") <= period.last
    # A child's first two years decide about vaccinations, not the period alone.
    since = pl.lit(value=True) if name == "immunisation" else pl.col("ended") >= period.first
    ill = coded(records.conditions, wanted).filter(begun, pl.col("ended").is_null() | since)
    during = (pl.col("first") <= period.last) & (pl.col("last") >= period.first)
    cared = coded(records.care, wanted).filter(during)
    done = coded(records.care, ever).filter(pl.col("last") <= period.last)
    return people_of(ill) | people_of(cared) | people_of(done)
