"""Runs the expression: looks up what needs a key or a code system, then everything else in one statement."""

from collections.abc import Mapping

import duckdb
import ibis
import pyarrow as pa
from ibis.backends import BaseBackend

from . import codes
from .declaring import Column, Kind, declared
from .problems import Refused
from .pseudonyms import Pseudonyms
from .rules import Rules
from .transforms import OWNER, Lookups, expression

_TEXT, _NUMBER, _TRUTH = "text", "a number", "true or false"
_HELD = {Kind.NUMBER: _NUMBER, Kind.TRUTH: _TRUTH}


def table(definition: Mapping, flattened: pa.Table, rules: Rules, names: Pseudonyms) -> pa.Table:
    """Return what may leave of a flattened view: `person` and its columns as they are declared.

    `flattened` has the view's columns and `_owner`. Raises Refused. Nothing touches a disk.
    """
    columns = declared(definition)
    check(columns, flattened.schema)
    with closed_connection() as connection:
        try:
            return by(ibis.duckdb.from_connection(connection), columns, flattened, rules, names)
        except duckdb.Error:
            # Its own words may hold a record's value, and go no further.
            raise Refused("of this view", "its values do not fit. Try the columns one by one.") from None


def by(
    engine: BaseBackend, columns: Mapping[str, Column], flattened: pa.Table, rules: Rules, names: Pseudonyms
) -> pa.Table:
    """Return the same by the engine that is given, DuckDB or Spark."""
    if isinstance(engine, ibis.backends.duckdb.Backend):
        engine.raw_sql("SET enable_external_access = false; SET lock_configuration = true")
    source = ibis.memtable(flattened)
    owners = sorted(set(flattened[OWNER].to_pylist()))
    people = pa.table(
        {
            "owner": pa.array(owners, pa.string()),
            "pseudonym": pa.array(map(names.person, owners), pa.string()),
            "days": pa.array(map(names.days, owners), pa.int64()),
        }
    )
    values = {
        name: ibis.memtable(_looked_up(flattened, column, rules, names))
        for name, column in columns.items()
        if column.kind in (Kind.CODE, Kind.ID)
    }
    return engine.to_pyarrow(expression(source, columns, rules, Lookups(ibis.memtable(people), values)))


def closed_connection() -> duckdb.DuckDBPyConnection:
    """Return a DuckDB in memory that spills to no disk. It is closed to files once Ibis has set it up."""
    return duckdb.connect(config={"temp_directory": "", "threads": 2})


def check(columns: Mapping[str, Column], schema: pa.Schema) -> None:
    """Refuse a column that nobody declared, or that holds what its kind cannot."""
    for field in schema:
        if field.name == OWNER:
            continue
        if field.name not in columns:
            raise Refused(field.name, "say of which kind it is. What nobody declared does not leave.")
        wanted = _HELD.get(columns[field.name].kind, _TEXT)
        if _holds(field.type) not in (wanted, None):
            raise Refused(field.name, f"its kind holds {wanted}. Declare another kind, or another type.")


def _holds(kind: pa.DataType) -> str | None:
    if pa.types.is_null(kind):
        return None
    if pa.types.is_boolean(kind):
        return _TRUTH
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return _NUMBER
    return _TEXT if pa.types.is_string(kind) else "something else"


def _looked_up(flattened: pa.Table, column: Column, rules: Rules, names: Pseudonyms) -> pa.Table:
    """Return each distinct value that may leave, and what it becomes."""
    seen = flattened.select([column.name, OWNER]).group_by(column.name).aggregate([(OWNER, "count_distinct")])
    pairs = zip(seen[column.name].to_pylist(), seen[f"{OWNER}_count_distinct"].to_pylist(), strict=True)
    if column.kind == Kind.ID:
        becomes = {value: names.record(value) for value, _people in pairs if value is not None}
    else:
        becomes = {value: value for value, people in pairs if people >= rules.fewest and _is_code(column, value)}
    return pa.table(
        {"value": pa.array(becomes.keys(), pa.string()), "becomes": pa.array(becomes.values(), pa.string())}
    )


def _is_code(column: Column, value: str | None) -> bool:
    if value is None:
        return False
    return value in column.values if column.values else codes.SYSTEMS[column.system](value)
