"""What each column of a view is, as its author declares it in the view itself, so that a committee reads it there.

A column's `tag`s say it (SQL on FHIR v2, ViewDefinition.select.column.tag): `deidentify/kind` and what the kind needs.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from . import codes
from .problems import Refused

PREFIX = "deidentify/"
PERSON = "person"
FARTHEST = 1e15  # up to here a number is itself as a whole number and as a fraction


class Kind(StrEnum):
    """All that can leave. There is no kind for free text, names, addresses, numbers of people or things, or files."""

    CODE = "code"  # of a public system, or one of the values that the view lists
    NUMBER = "number"  # within the bounds that the view gives
    TRUTH = "truth"
    DATE = "date"  # as a year, or shifted
    BIRTH = "birth"  # as an age, 90 for all from 90 on
    ZIP = "zip"  # its first three digits
    STATE = "state"  # of the United States, by its two letters
    SEX = "sex"
    ID = "id"  # of a record: as a pseudonym


@dataclass(frozen=True)
class Column:
    """One column and how it leaves. `values`, `system`, `low`, `high` and `decimals` are what its kind needs.

    `diverse` is how many different values each group of people who look alike must show of it at least.
    """

    name: str
    kind: Kind
    system: str = ""
    values: tuple[str, ...] = ()
    low: float = 0
    high: float = 0
    decimals: int = 2
    diverse: int = 1


def declared(definition: Mapping) -> dict[str, Column]:
    """Return {name: column} of a view. Raises Refused for a column that says no kind, or not what its kind needs."""
    found: dict[str, Column] = {}
    for select in definition.get("select", []):
        for given in _columns(select):
            column = _column(given)
            if found.setdefault(column.name, column) != column:
                raise Refused(column.name, "the branches of a union declare it differently. Declare it alike.")
    return found


def _columns(select: Mapping) -> Iterator[Mapping]:
    yield from select.get("column", [])
    for inner in (*select.get("select", []), *select.get("unionAll", [])):
        yield from _columns(inner)


def _column(given: Mapping) -> Column:
    name = given.get("name", "")
    tags = {one.get("name", "").removeprefix(PREFIX): one.get("value", "") for one in given.get("tag", [])}
    if name.lower() == PERSON:
        raise Refused(name, "this name is taken by the pseudonym. Choose another.")
    if given.get("collection"):
        raise Refused(name, "a list does not leave. Walk over it with forEach.")
    if tags.get("kind") not in list(Kind):
        kinds = ", ".join(Kind)
        raise Refused(name, f"say of which kind it is ({PREFIX}kind: {kinds}). Free text does not leave.")
    kind = Kind(tags["kind"])
    needs = _NEEDS[kind](name, tags) if kind in _NEEDS else {}
    return Column(name, kind, diverse=_diverse(name, tags), **needs)


def _diverse(name: str, tags: Mapping[str, str]) -> int:
    told = tags.get("diverse", "1")
    if not (told.isascii() and told.isdigit() and 1 <= int(told) <= 100):
        raise Refused(name, f"say as a whole number how many values a group must show ({PREFIX}diverse).")
    return int(told)


def _code(name: str, tags: Mapping[str, str]) -> dict:
    values = tuple(one.strip() for one in tags.get("values", "").split(",") if one.strip())
    system = tags.get("system", "")
    if bool(values) == bool(system) or (system and system not in codes.SYSTEMS):
        known = ", ".join(codes.SYSTEMS)
        raise Refused(name, f"give the codes it may hold ({PREFIX}values), or one system ({PREFIX}system: {known}).")
    return {"values": values, "system": system}


def _number(name: str, tags: Mapping[str, str]) -> dict:
    try:
        low, high, decimals = float(tags["low"]), float(tags["high"]), int(tags.get("decimals", "2"))
    except (KeyError, ValueError):
        raise Refused(name, f"give its bounds as numbers ({PREFIX}low, {PREFIX}high).") from None
    if not -FARTHEST <= low < high <= FARTHEST or not 0 <= decimals <= 6:
        raise Refused(
            name, f"its low bound must be below its high one, both within {FARTHEST:g}, with 0 to 6 decimals."
        )
    return {"low": low, "high": high, "decimals": decimals}


_NEEDS: dict[Kind, Callable[[str, Mapping[str, str]], dict]] = {Kind.CODE: _code, Kind.NUMBER: _number}
