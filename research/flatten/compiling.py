"""Compiles the FHIRPath that most views are made of into DuckDB's SQL.

With R4's own structure at hand each step has a known type and number, so that a path becomes field access on a typed
structure, and nothing is looked for in JSON at run time. What is not compiled raises NotCompilable.
Sources: FHIRPath 2.0 (N1); SQL on FHIR v2, required functions.
"""

import re
from collections.abc import Callable
from itertools import count

from ehr.r4 import definitions

from .expressions import Node
from .problems import NotCompilable, ViewProblem
from .shapes import KINDS, MOMENT, NUMBER, TEXT, TRUTH, WHOLE, Value, name, text

REFERENCE = r"(?:^|/)({type})/([A-Za-z0-9.-]{{1,64}})(?:/_history/.*)?$"
ANY_TYPE = "[A-Za-z]+"
# Equal up to the precision both have; NULL where that does not settle it. Full moments are compared as instants.
MACROS = (
    "CREATE TEMP MACRO moment_order(a, b) AS CASE"
    " WHEN a IS NULL OR b IS NULL THEN NULL"
    " WHEN contains(a, 'T') AND contains(b, 'T')"
    " THEN sign(epoch_us(CAST(a AS TIMESTAMPTZ)) - epoch_us(CAST(b AS TIMESTAMPTZ)))"
    " WHEN left(a, least(len(a), len(b))) < left(b, least(len(a), len(b))) THEN -1"
    " WHEN left(a, least(len(a), len(b))) > left(b, least(len(a), len(b))) THEN 1"
    " WHEN len(a) = len(b) THEN 0 END"
)
ABSTRACT = frozenset({"Resource", "DomainResource", "Element", "BackboneElement"})
MORE_THAN_ONE = "chartseal: more than one value at "


def single(value: Value, at: str) -> Value:
    """Return the one value; more than one at run time stops the run with the place in the view."""
    if not value.many:
        return value
    problem = text(MORE_THAN_ONE + at)
    return value._replace(
        sql=f"(CASE WHEN len({value.sql}) > 1 THEN error({problem}) ELSE ({value.sql})[1] END)", many=False
    )


class Compiler:
    """Compiles the expressions of one view. `constants` is {name: (FHIR type, value)}."""

    def __init__(self, constants: dict[str, tuple[str, object]]):
        self._constants = constants
        self._numbers = count(1)

    def expression(self, node: Node, focus: Value, *, row: str, at: str) -> Value:
        """Return an expression's SQL about a focus. `row` is the SQL of %rowIndex, `at` the place in the view."""
        return _Expression(self._constants, self._numbers, row, at).value(node, focus)


class _Expression:
    def __init__(self, constants, numbers, row: str, at: str):
        self._constants = constants
        self._numbers = numbers
        self._row = row
        self._at = at

    def value(self, node: Node, focus: Value) -> Value:
        return getattr(self, f"_{node.form}")(node, focus)

    def _name(self, node: Node, focus: Value) -> Value:
        if node.base:
            return self._member(self.value(node.base, focus), node.text)
        if node.text == focus.type and node.text in definitions.resource_types():
            return focus
        return self._member(focus, node.text)

    def _member(self, value: Value, wanted: str) -> Value:
        if value.shape is None or value.type in KINDS:
            raise NotCompilable(f"{wanted} of {value.type}")
        fields = definitions.parts().get(value.type, {})
        if value.type in ABSTRACT:
            raise NotCompilable(f"{wanted} of {value.type}")
        if wanted not in fields:
            raise self._unknown(wanted, value.type)
        if fields[wanted].type not in KINDS and fields[wanted].type not in definitions.parts():
            raise NotCompilable(f"{wanted} of {value.type}")
        shape = value.shape.child(wanted)
        if not value.many:
            return Value(f"{value.sql}.{name(wanted)}", shape.type, shape.many, shape)
        inner = self._each(value, lambda one: f"{one}.{name(wanted)}")
        sql = f"flatten({inner})" if shape.many else self._present(inner)
        return Value(sql, shape.type, True, shape)

    def _unknown(self, wanted: str, holder: str) -> ViewProblem:
        if any(field.choice == wanted for field in definitions.parts().get(holder, {}).values()):
            return ViewProblem(self._at, f"{wanted} has a choice of types. Say which: {wanted}.ofType(…).")
        return ViewProblem(self._at, f"{holder} has no element {wanted} in FHIR R4. Look its name up.")

    def _each(self, value: Value, made: Callable[[str], str]) -> str:
        one = f"p{next(self._numbers)}"
        return f"list_transform({value.sql}, lambda {one}: {made(one)})"

    def _present(self, sql: str) -> str:
        one = f"p{next(self._numbers)}"
        return f"list_filter({sql}, lambda {one}: {one} IS NOT NULL)"

    def _index(self, node: Node, focus: Value) -> Value:
        value = self.value(node.base, focus) if node.base else focus
        place = self.value(node.inner[0], focus)
        if place.kind != WHOLE or place.many:
            raise NotCompilable("an index that is no number")
        return self._at_place(value, place.sql)

    def _at_place(self, value: Value, place: str) -> Value:
        if value.many:
            return value._replace(sql=f"({value.sql})[{place} + 1]", many=False)
        return value._replace(sql=f"(CASE WHEN {place} = 0 THEN {value.sql} END)")

    def _special(self, node: Node, focus: Value) -> Value:
        if node.text != "$this" or node.base:
            raise NotCompilable(node.text)
        return focus

    def _literal(self, node: Node, _focus: Value) -> Value:
        return _written(node.kind, node.text)

    def _constant(self, node: Node, _focus: Value) -> Value:
        if node.text == "rowIndex":
            return Value(self._row, "integer")
        if node.text not in self._constants:
            raise NotCompilable(f"%{node.text}")
        kind, value = self._constants[node.text]
        if kind not in KINDS:
            raise NotCompilable(f"a constant of type {kind}")
        return _written(kind, str(value).lower() if isinstance(value, bool) else str(value))

    def _sign(self, node: Node, focus: Value) -> Value:
        value = self._single(self.value(node.inner[0], focus))
        if value.kind not in (WHOLE, NUMBER):
            raise NotCompilable("a sign before what is no number")
        return value._replace(sql=f"({node.text}{value.sql})", shape=None)

    def _single(self, value: Value) -> Value:
        return single(value, self._at)

    # --- Operators -----------------------------------------------------------------------------------
    def _operator(self, node: Node, focus: Value) -> Value:
        left, right = (self.value(side, focus) for side in node.inner)
        if node.text in ("=", "!="):
            return _truth(self._equal(left, right, node.text))
        made = _OPERATORS.get(node.text)
        if made is None:
            raise NotCompilable(f"the operator {node.text}")
        return made(node.text, self._single(left), self._single(right))

    def _equal(self, left: Value, right: Value, operator: str) -> str:
        sign = "=" if operator == "=" else "<>"
        alike = _group(left) == _group(right) and _group(left)
        if left.many or right.many:
            if not alike or MOMENT in (left.kind, right.kind):
                raise NotCompilable("lists of different types are compared")
            a, b = (
                one.sql if one.many else f"list_filter([{one.sql}], lambda p: p IS NOT NULL)" for one in (left, right)
            )
            return f"(CASE WHEN len({a}) > 0 AND len({b}) > 0 THEN {a} {sign} {b} END)"
        if not alike:
            raise NotCompilable("values of different types are compared")
        if _group(left) == MOMENT:
            return f"(moment_order({left.sql}, {right.sql}) {sign} 0)"
        return f"({left.sql} {sign} {right.sql})"

    # --- Functions -----------------------------------------------------------------------------------
    def _call(self, node: Node, focus: Value) -> Value:
        made = _FUNCTIONS.get((node.text, len(node.inner)))
        if made is None:
            raise NotCompilable(f"the function {node.text}()")
        if node.text == "ofType":
            return self._of_type(node, focus)
        value = self.value(node.base, focus) if node.base else focus
        return made(self, value, *(self._argument(node.text, one, value) for one in node.inner))

    def _argument(self, function: str, node: Node, value: Value) -> object:
        if function in ("where", "exists"):
            return node
        if function == "getReferenceKey":
            return node.text
        return self.value(node, value._replace(many=False))

    def _of_type(self, node: Node, focus: Value) -> Value:
        wanted = node.inner[0].text
        before = node.base
        if before is None or before.form != "name":
            return self._only_type(self.value(before, focus) if before else focus, wanted)
        holder = self.value(before.base, focus) if before.base else focus
        fields = definitions.parts().get(holder.type, {})
        if any(field.choice == before.text for field in fields.values()):
            return self._member(holder, before.text + wanted[:1].upper() + wanted[1:])
        return self._only_type(self.value(before, focus), wanted)

    def _only_type(self, value: Value, wanted: str) -> Value:
        if value.type != wanted:
            raise NotCompilable(f"{value.type} as {wanted}")
        return value

    def where(self, value: Value, criterion: Node) -> Value:
        one = f"p{next(self._numbers)}"
        focus = value._replace(sql=one if value.many else value.sql, many=False)
        holds = self.criterion(criterion, focus)
        if value.many:
            return value._replace(sql=f"list_filter({value.sql}, lambda {one}: {holds})")
        return value._replace(sql=f"(CASE WHEN {holds} THEN {value.sql} END)")

    def criterion(self, node: Node, focus: Value) -> str:
        """Return SQL that is true or false. Raises NotCompilable where the expression is no yes or no."""
        value = self._single(self.value(node, focus))
        if value.kind != TRUTH:
            raise NotCompilable("a condition that is not true or false")
        return f"coalesce({value.sql}, false)"

    def exists(self, value: Value, criterion: Node | None = None) -> Value:
        kept = self.where(value, criterion) if criterion else value
        return _truth(f"(coalesce(len({kept.sql}), 0) > 0)" if kept.many else f"({kept.sql} IS NOT NULL)")

    def empty(self, value: Value) -> Value:
        return _truth(f"(NOT {self.exists(value).sql})")

    def count(self, value: Value) -> Value:
        some = f"coalesce(len({value.sql}), 0)" if value.many else f"CAST({value.sql} IS NOT NULL AS BIGINT)"
        return Value(some, "integer")

    def first(self, value: Value) -> Value:
        return value._replace(sql=f"({value.sql})[1]", many=False) if value.many else value

    def last(self, value: Value) -> Value:
        return value._replace(sql=f"({value.sql})[-1]", many=False) if value.many else value

    def negated(self, value: Value) -> Value:
        one = self._single(value)
        if one.kind != TRUTH:
            raise NotCompilable("not() of what is not true or false")
        return _truth(f"(NOT {one.sql})")

    def extension(self, value: Value, url: Value) -> Value:
        found = self._member(value, "extension")
        if found.shape is None or url.kind != TEXT:
            raise NotCompilable("extension() without an address")
        found.shape.child("url")
        one = f"p{next(self._numbers)}"
        return found._replace(sql=f'list_filter({found.sql}, lambda {one}: {one}."url" = {url.sql})')

    def join(self, value: Value, separator: Value | None = None) -> Value:
        if value.kind != TEXT:
            raise NotCompilable("join() of what is no text")
        between = separator.sql if separator else "''"
        joined = f"array_to_string({value.sql}, {between})" if value.many else value.sql
        return Value(f"coalesce({joined}, '')", "string")  # of nothing it is '', as the public tests have it

    def resource_key(self, value: Value) -> Value:
        if value.type not in definitions.resource_types():
            raise NotCompilable("getResourceKey() of what is no resource")
        return self._member(value, "id")

    def reference_key(self, value: Value, kind: str = "") -> Value:
        if value.type != "Reference" or (kind and kind not in definitions.resource_types()):
            raise NotCompilable("getReferenceKey() of what is no reference")
        pattern = text(REFERENCE.format(type=kind or ANY_TYPE))
        found = self._member(value, "reference")
        if not value.many:
            return Value(f"nullif(regexp_extract({found.sql}, {pattern}, 2), '')", "string")
        keys = self._each(found, lambda one: f"nullif(regexp_extract({one}, {pattern}, 2), '')")
        return Value(self._present(keys), "string", True)

    def starts(self, value: Value, beginning: Value) -> Value:
        one = self._single(value)
        if one.kind != TEXT or beginning.kind != TEXT:
            raise NotCompilable("startsWith() of what is no text")
        return _truth(f"starts_with({one.sql}, {beginning.sql})")


_FUNCTIONS: dict[tuple[str, int], Callable[..., Value]] = {
    ("where", 1): _Expression.where,
    ("exists", 0): _Expression.exists,
    ("exists", 1): _Expression.exists,
    ("empty", 0): _Expression.empty,
    ("count", 0): _Expression.count,
    ("first", 0): _Expression.first,
    ("last", 0): _Expression.last,
    ("not", 0): _Expression.negated,
    ("ofType", 1): _Expression._of_type,
    ("extension", 1): _Expression.extension,
    ("join", 0): _Expression.join,
    ("join", 1): _Expression.join,
    ("getResourceKey", 0): _Expression.resource_key,
    ("getReferenceKey", 0): _Expression.reference_key,
    ("getReferenceKey", 1): _Expression.reference_key,
    ("startsWith", 1): _Expression.starts,
}


def _truth(sql: str) -> Value:
    return Value(sql, "boolean")


def _as_list(value: Value) -> str:
    return value.sql if value.many else f"list_filter([{value.sql}], lambda p: p IS NOT NULL)"


def _group(value: Value) -> str:
    return NUMBER if value.kind == WHOLE else value.kind


def _written(kind: str, given: str) -> Value:
    if KINDS[kind] in (TEXT, MOMENT):
        return Value(text(given), kind)
    if KINDS[kind] == TRUTH:
        if given not in ("true", "false"):
            raise NotCompilable("a truth that is neither true nor false")
        return Value(given, kind)
    if not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", given):
        raise NotCompilable("a number in another notation")
    return Value(given if KINDS[kind] == WHOLE else f"CAST({given} AS DOUBLE)", kind)


def _logic(operator: str, left: Value, right: Value) -> Value:
    if left.kind != TRUTH or right.kind != TRUTH:
        raise NotCompilable(f"{operator} between what is not true or false")
    return _truth(f"({left.sql} {operator.upper()} {right.sql})")


def _order(operator: str, left: Value, right: Value) -> Value:
    if _group(left) != _group(right) or _group(left) not in (NUMBER, TEXT, MOMENT):
        raise NotCompilable("values of different types are compared")
    if left.kind == MOMENT:
        return _truth(f"(moment_order({left.sql}, {right.sql}) {operator} 0)")
    return _truth(f"({left.sql} {operator} {right.sql})")


def _reckoned(operator: str, left: Value, right: Value) -> Value:
    """Rounded to 12 decimals, so that binary fractions do not show: 0.1 + 0.2 is 0.3, as FHIRPath has it."""
    if left.kind == right.kind == TEXT and operator == "+":
        return Value(f"({left.sql} || {right.sql})", "string")
    if {_group(left), _group(right)} != {NUMBER}:
        raise NotCompilable(f"{operator} between what are no numbers")
    if left.kind == right.kind == WHOLE and operator != "/":
        return Value(f"({left.sql} {operator} {right.sql})", "integer")
    divisor = f"nullif({right.sql}, 0)" if operator == "/" else right.sql
    return Value(f"round(CAST({left.sql} AS DOUBLE) {operator} CAST({divisor} AS DOUBLE), 12)", "decimal")


def _joined(_operator: str, left: Value, right: Value) -> Value:
    if left.kind != TEXT or right.kind != TEXT:
        raise NotCompilable("& between what are no texts")
    return Value(f"(coalesce({left.sql}, '') || coalesce({right.sql}, ''))", "string")


_OPERATORS: dict[str, Callable[[str, Value, Value], Value]] = {
    **dict.fromkeys(("and", "or"), _logic),
    **dict.fromkeys(("<", "<=", ">", ">="), _order),
    **dict.fromkeys(("+", "-", "*", "/"), _reckoned),
    "&": _joined,
}
