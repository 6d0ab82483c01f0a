"""What can be said of a study's views before anything is opened for them. Nothing heavy is loaded here."""

from collections.abc import Mapping, Sequence
from contextlib import suppress

from research.deidentify import declaring
from research.deidentify.declaring import Column, Kind
from research.deidentify.problems import Refused
from research.flatten import views as flatten
from research.flatten.plans import plan
from research.flatten.problems import NotCompilable, ViewProblem
from research.release import reading

# By these somebody could be recognised who is known to be in the table.
QUASI = frozenset({Kind.BIRTH, Kind.DATE, Kind.ZIP, Kind.STATE, Kind.SEX})
# How coarse these become, step by step: spans of so many years, and so many digits of an area; then any.
AGES, YEARS, DIGITS = (5, 10, 30), (2, 10, 50), (2, 1)


def declared(views: Sequence[Mapping]) -> dict[str, Column]:
    """Return all columns of a study's views.

    Raises Refused for one that is in two of them, or says no kind; ViewProblem for one that reads who somebody is.
    """
    found: dict[str, Column] = {}
    for view in views:
        of_view = declaring.declared(view)
        reading.check(flatten.read(view), of_view)
        for name, column in of_view.items():
            if name in found:
                raise Refused(name, "two views have a column of this name. Rename one.")
            found[name] = column
    if not any(column.kind in QUASI for column in found.values()):
        kinds = ", ".join(sorted(QUASI))
        raise Refused("of all views", f"one at least must be of the kinds by which people are grouped: {kinds}.")
    return found


def problem(views: Sequence[Mapping]) -> str:
    """Return what stops a release of these views, with its place and what to do; "" where nothing is seen to."""
    try:
        for number, view in enumerate(views, 1):
            try:
                with suppress(NotCompilable):
                    plan(flatten.read(view))
                reading.check(flatten.read(view), declaring.declared(view))
            except ViewProblem as found:
                return f"View {number}, {found}"
        declared(views)
    except Refused as found:
        return str(found)
    return ""
