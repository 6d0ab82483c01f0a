"""Runs a view over records that are in memory: compiled to DuckDB where that is possible, interpreted where not.

Nothing touches a disk: DuckDB runs in memory, may not spill, and may open no file.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Literal

import duckdb
import pyarrow as pa

from . import interpreting
from .compiling import MACROS, MORE_THAN_ONE
from .plans import OWNER, Plan, plan
from .problems import NotCompilable, ViewProblem
from .shapes import KINDS, NUMBER, TRUTH, WHOLE
from .views import View, read

Engine = Literal["compiled", "interpreted"]
DOCUMENTS = pa.schema([("owner", pa.string()), ("document", pa.string())])
_ARROW = {TRUTH: pa.bool_(), WHOLE: pa.int64(), NUMBER: pa.float64()}


def engine(definition: Mapping) -> Engine:
    """Return how a view will be run. Raises ViewProblem where it cannot be."""
    return "compiled" if _plan(read(definition)) else "interpreted"


def documents(pairs: Iterable[tuple[str, str]]) -> pa.Table:
    """Return (owner, JSON text) pairs as the table that views are run over."""
    owners, texts = [], []
    for owner, document in pairs:
        owners.append(owner)
        texts.append(document)
    return pa.table({"owner": owners, "document": texts}, schema=DOCUMENTS)


def table(definition: Mapping, records: pa.Table, *, by: Engine | None = None) -> pa.Table:
    """Return the view's rows: its columns, and `_owner`, whose record each row is from.

    `records` has the columns owner and document (JSON text). `by` fixes the engine, for tests and comparisons.
    Raises ViewProblem, which names the place in the view and holds no value of a record.
    """
    view = read(definition)
    planned = None if by == "interpreted" else _plan(view)
    if planned:
        return _by_duckdb(planned, records)
    if by == "compiled":
        raise ViewProblem("select", "this view is not compiled.")
    return _by_interpreter(view, records)


def _plan(view: View) -> Plan | None:
    try:
        return plan(view)
    except NotCompilable:
        return None


def closed_connection() -> duckdb.DuckDBPyConnection:
    """Return a DuckDB in memory that opens no file, spills to no disk, and cannot be told otherwise."""
    connection = duckdb.connect(config={"temp_directory": "", "threads": 2})
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(MACROS)
    connection.execute("SET enable_external_access = false; SET lock_configuration = true")
    return connection


def _by_duckdb(planned: Plan, records: pa.Table) -> pa.Table:
    with closed_connection() as connection:
        connection.register("documents", records)
        try:
            return connection.sql(planned.sql).to_arrow_table()
        except duckdb.Error as reason:
            raise _explained(str(reason)) from None


def _explained(reason: str) -> ViewProblem:
    """DuckDB's own words may hold a record's value, and go no further."""
    _, found, place = reason.partition(MORE_THAN_ONE)
    if found:
        return ViewProblem(place.split()[0], interpreting.MORE_THAN_ONE)
    return ViewProblem("select", "the records do not fit this view. Try its columns one by one.")


def _by_interpreter(view: View, records: pa.Table) -> pa.Table:
    owners: list[str] = []
    cells: dict[str, list] = {column.name: [] for column in view.columns}
    pairs = zip(records["owner"].to_pylist(), records["document"].to_pylist(), strict=True)
    for owner, row in interpreting.rows(view, pairs):
        owners.append(owner)
        for name, value in row.items():
            cells[name].append(value)
    arrays = {OWNER: pa.array(owners, pa.string())}
    for column in view.columns:
        arrays[column.name] = _array(cells[column.name], column.type, column.collection, column.path.at)
    return pa.table(arrays)


def _array(values: list, fhir_type: str, collection: bool, at: str) -> pa.Array:
    kind = _ARROW.get(KINDS.get(fhir_type, ""), pa.string() if fhir_type else None)
    plain = [[_plain(one) for one in value] if isinstance(value, list) else _plain(value) for value in values]
    try:
        return pa.array(plain, pa.list_(kind) if collection and kind else kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        raise ViewProblem(at, f"the values are not of the type {fhir_type}. Declare another type.") from None


def _plain(value: object) -> object:
    if isinstance(value, Decimal | float):
        return float(value)
    return value if value is None or isinstance(value, bool | int | str) else str(value)
