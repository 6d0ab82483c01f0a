"""A view as one SQL statement over rows of (owner, document).

A union within a product is the union of the products, so each choice of branches becomes a plain chain of `unnest`s:
nothing is correlated, which DuckDB would pay for with a join over whole structures.
"""

from dataclasses import dataclass, replace
from itertools import product

from .compiling import Compiler, single
from .problems import NotCompilable, ViewProblem
from .shapes import KINDS, TRUTH, Shape, Value, name, sql_type, structure_text, text
from .views import Column, Path, Select, View

MOST_BRANCHES = 64
OWNER = "_owner"  # no column can be called so: a view's names begin with a letter


@dataclass(frozen=True)
class Plan:
    """The statement, which reads a relation `documents`, and the FHIR type of each column."""

    sql: str
    types: dict[str, str]


@dataclass(frozen=True)
class _Step:
    """Where a chain stands: what is in focus, the row's number, the steps so far, and what makes a row a null row."""

    focus: Value
    row: str = "0"
    null_rows: tuple[str, ...] = ()


def plan(view: View) -> Plan:
    """Return how a view is run. Raises NotCompilable, or ViewProblem where no engine could run it."""
    return _Planner(view).plan()


class _Planner:
    def __init__(self, view: View):
        self._view = view
        self._shape = Shape(view.resource, children={"resourceType": Shape("code")})
        self._compiler = Compiler(view.constants)
        self._root = Value("r", view.resource, False, self._shape)
        self._types: dict[str, str] = {}
        self._steps: list[str] = []
        self._made: dict[str, str] = {}

    def plan(self) -> Plan:
        conditions = [self._condition(path) for path in self._view.where]
        chosen = _choices(self._view.select)
        if len(chosen) > MOST_BRANCHES:
            raise NotCompilable("more branches than are unrolled")
        queries = [self._query(selects) for selects in chosen]
        kept = "".join(f" AND {condition}" for condition in conditions)
        sql = (
            f"WITH parsed AS MATERIALIZED (SELECT owner, from_json(document, {structure_text(self._shape)}) AS r "
            f"FROM documents), kept AS (SELECT owner, r FROM parsed "
            f'WHERE r."resourceType" = {text(self._view.resource)}{kept}) ' + " UNION ALL ".join(queries)
        )
        return Plan(sql, self._types)

    def _condition(self, path: Path) -> str:
        value = self._compiled(path, _Step(self._root))
        if value.many or value.kind != TRUTH:
            if value.kind != TRUTH:
                raise ViewProblem(path.at, "a condition must be true or false. Compare, or add .exists().")
            raise NotCompilable("a condition over many values")
        return f"coalesce({value.sql}, false)"

    def _compiled(self, path: Path, step: _Step) -> Value:
        return self._compiler.expression(path.tree, step.focus, row=step.row, at=path.at)

    def _query(self, selects: tuple[Select, ...]) -> str:
        self._steps, self._made = [], {}
        start = _Step(self._root)
        for select in selects:
            self._walk(select, start)
        source = "kept"
        for unnested in self._steps:
            source = f"(SELECT *, {unnested} FROM {source})"
        listed = ", ".join(f"{self._made[one.name]} AS {name(one.name)}" for one in self._view.columns)
        return f"SELECT owner AS {name(OWNER)}, {listed} FROM {source}"

    def _walk(self, select: Select, step: _Step) -> None:
        if select.walks == "repeat":
            raise NotCompilable("repeat")
        if select.walks:
            step = self._unnested(select, step)
        for column in select.columns:
            self._made[column.name] = self._column(column, step)
        for part in (*select.parts, *select.union):
            self._walk(part, step)

    def _unnested(self, select: Select, step: _Step) -> _Step:
        value = self._compiled(select.over[0], step)
        many = value.sql if value.many else f"(CASE WHEN {value.sql} IS NOT NULL THEN [{value.sql}] END)"
        number = len(self._steps) + 1
        element, row = f"e{number}", f"i{number}"
        places = f"range(len({many}))"
        if select.walks == "forEachOrNull":
            many, places = (f"CASE WHEN len({many}) > 0 THEN {one} ELSE [NULL] END" for one in (many, places))
        self._steps.append(f"unnest({many}) AS {element}, unnest({places}) AS {row}")
        focus = Value(element, value.type, False, value.shape)
        if select.walks == "forEachOrNull":
            return _Step(focus, f"coalesce({row}, 0)", (*step.null_rows, row))
        return _Step(focus, row, ())

    def _column(self, column: Column, step: _Step) -> str:
        value = self._compiled(column.path, step)
        if value.type not in KINDS:
            raise ViewProblem(column.path.at, f"{value.type} is a group of elements. Choose one below it.")
        declared = column.type if column.type in KINDS else value.type
        self._types.setdefault(column.name, declared)
        kind = sql_type(declared)
        if column.collection:
            many = value.sql if value.many else f"list_filter([{value.sql}], lambda p: p IS NOT NULL)"
            return self._guarded(f"CAST(coalesce({many}, []) AS {kind}[])", column, step)
        return self._guarded(f"CAST({single(value, column.path.at).sql} AS {kind})", column, step)

    def _guarded(self, sql: str, column: Column, step: _Step) -> str:
        """A null row has no values, not even literals; its number is 0."""
        if not step.null_rows or column.path.text.strip() == "%rowIndex":
            return sql
        rows = " AND ".join(f"{row} IS NOT NULL" for row in step.null_rows)
        return f"CASE WHEN {rows} THEN {sql} END"


def _choices(selects: tuple[Select, ...]) -> list[tuple[Select, ...]]:
    """Return every way to take one branch of each union."""
    return [tuple(chosen) for chosen in product(*(_branches(one) for one in selects))]


def _branches(select: Select) -> list[Select]:
    parts = _choices(select.parts)
    branches = [branch for one in select.union for branch in _branches(one)]
    union: list[tuple[Select, ...]] = [(one,) for one in branches] or [()]
    return [replace(select, parts=some, union=taken) for some, taken in product(parts, union)]
