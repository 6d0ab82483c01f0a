"""One Ibis expression from a table with people in it to one without. DuckDB runs it, or Spark, with the same result.

What needs a key or a code system is looked up: distinct values are few, and both engines join alike.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import ibis
import ibis.expr.types as ir

from . import codes
from .declaring import PERSON, Column, Kind
from .rules import OLDEST, Rules

OWNER = "_owner"
_DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(T.*)?$"
_MOMENT = r"^[0-9]{4}(-[0-9]{2}){0,2}(T.*)?$"
_ZIP = r"^[0-9]{5}(-[0-9]{4})?$"
SPARSE = "000"


class Lookups(NamedTuple):
    """`people` has owner, pseudonym and days; `values` has each code's or id's value and becomes."""

    people: ir.Table
    values: Mapping[str, ir.Table]


def expression(table: ir.Table, columns: Mapping[str, Column], rules: Rules, found: Lookups) -> ir.Table:
    """Return the table that may leave: `person` and the columns, in no order but that of their own values."""
    joined = table.join(found.people, table[OWNER] == found.people["owner"])
    for number, (name, lookup) in enumerate(found.values.items()):
        seen = lookup.rename({f"value_{number}": "value", f"becomes_{number}": "becomes"})
        joined = joined.left_join(seen, joined[name] == seen[f"value_{number}"])
    places = {name: f"becomes_{number}" for number, name in enumerate(found.values)}
    made: dict[str, Any] = {PERSON: joined["pseudonym"]}
    for name, column in columns.items():
        made[name] = joined[places[name]] if name in places else _MADE[column.kind](joined, column, rules)
    left = joined.select(**made)
    return left.order_by(list(left.columns))


def _number(table: Any, column: Column, _rules: Rules) -> ir.Value:
    value = table[column.name].cast("float64")
    told = value.between(column.low, column.high).ifelse(value, ibis.null()).round(column.decimals)
    return told.cast("float64" if column.decimals else "int64")


def _truth(table: Any, column: Column, _rules: Rules) -> ir.Value:
    return table[column.name].cast("boolean")


def _date(table: Any, column: Column, rules: Rules) -> ir.Value:
    """No year from which somebody's age could be 90 or more."""
    text = table[column.name]
    earliest = rules.today.year - OLDEST + 1
    year = text.substr(0, 4).try_cast("int64")
    told = text.re_search(_MOMENT if rules.dates == "years" else _DAY) & (year >= earliest)
    if rules.dates == "years":
        return told.ifelse(year, ibis.null())
    shifted = text.substr(0, 10).try_cast("date") + table["days"].as_interval("D")
    return (told & (shifted.cast("date").year() >= earliest)).ifelse(shifted, ibis.null()).cast("date")


def _birth(table: Any, column: Column, rules: Rules) -> ir.Value:
    text = table[column.name]
    year, month, day = (text.substr(start, size).try_cast("int64") for start, size in ((0, 4), (5, 2), (8, 2)))
    month, day = ibis.coalesce(month, 1), ibis.coalesce(day, 1)
    later = (month > rules.today.month) | ((month == rules.today.month) & (day > rules.today.day))
    age = rules.today.year - year - later.ifelse(1, 0)
    told = text.re_search(_MOMENT) & (age >= 0) & (age < 130)
    return told.ifelse((age >= OLDEST).ifelse(OLDEST, age), ibis.null()).cast("int64")


def _zip(table: Any, column: Column, rules: Rules) -> ir.Value:
    area = table[column.name].substr(0, 3)
    told = area.isin(sorted(rules.areas.sparse)).ifelse(SPARSE, area)
    return table[column.name].re_search(_ZIP).ifelse(told, ibis.null())


def _one_of(values: tuple[str, ...]) -> Callable[[Any, Column, Rules], ir.Value]:
    def one(table: Any, column: Column, _rules: Rules) -> ir.Value:
        return table[column.name].isin(values).ifelse(table[column.name], ibis.null())

    return one


_MADE: dict[Kind, Callable[[Any, Column, Rules], ir.Value]] = {
    Kind.NUMBER: _number,
    Kind.TRUTH: _truth,
    Kind.DATE: _date,
    Kind.BIRTH: _birth,
    Kind.ZIP: _zip,
    Kind.STATE: _one_of(codes.STATES),
    Kind.SEX: _one_of(codes.SEXES),
}
