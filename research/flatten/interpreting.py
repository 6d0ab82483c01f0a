"""Runs a view on fhirpathpy, one resource at a time: for what is not compiled, and to check what is.

What fhirpathpy lacks or has differently is made up for here: it resolves no choice of types in a part of a resource,
has no boundaries and no keys, and does not know `$this` as a whole path.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache

from fhirpathpy import compile as compile_fhirpath

from ehr.r4 import definitions

from . import boundaries
from .compiling import ANY_TYPE, REFERENCE, Compiler
from .expressions import Node
from .problems import NotCompilable, ViewProblem
from .shapes import Shape, Value
from .views import Column, Path, Select, View

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
Row = dict[str, object]


def rows(view: View, documents: Iterable[tuple[str, str]]) -> Iterator[tuple[str, Row]]:
    """Yield (owner, row) for (owner, JSON text). Raises ViewProblem, which holds no value of a record."""
    prepared = _Prepared(view)
    for owner, document in documents:
        resource = json.loads(document, parse_float=boundaries.Written)
        if resource.get("resourceType") == view.resource:
            for row in prepared.rows(resource):
                yield owner, row


# --- What fhirpathpy is told -----------------------------------------------------------------------------
def _plain(node: object) -> object:
    return getattr(node, "data", node)


def _ids(nodes: list) -> list:
    return [found["id"] for found in map(_plain, nodes) if isinstance(found, Mapping) and "id" in found]


def _keys(nodes: list, kind: str = "") -> list:
    pattern = re.compile(REFERENCE.format(type=kind or ANY_TYPE))
    texts = [found.get("reference", "") for found in map(_plain, nodes) if isinstance(found, Mapping)]
    return [found[2] for found in map(pattern.search, texts) if found]


def _joined(nodes: list, separator: str = "") -> list:
    return [separator.join(str(_plain(node)) for node in nodes)]


def _bounded(boundary: Callable) -> Callable:
    def each(nodes: list, kind: str = "") -> list:
        found = [boundary(_plain(node), kind) for node in nodes]
        return [one for one in found if one is not None]

    return each


_WITH_TEXT: dict = {0: [], 1: ["String"]}
_FUNCTIONS = {
    "userInvocationTable": {
        "getResourceKey": {"fn": _ids, "arity": {0: []}},
        "getReferenceKey": {"fn": _keys, "arity": _WITH_TEXT},
        "join": {"fn": _joined, "arity": _WITH_TEXT},
        "lowBoundary": {"fn": _bounded(boundaries.low), "arity": _WITH_TEXT},
        "highBoundary": {"fn": _bounded(boundaries.high), "arity": _WITH_TEXT},
        "itself": {"fn": lambda nodes: nodes, "arity": {0: []}},
    }
}


@lru_cache(maxsize=4096)
def _compiled(text: str) -> Callable:
    return compile_fhirpath(text, options=_FUNCTIONS)


@lru_cache(maxsize=1)
def _choices() -> frozenset[str]:
    return frozenset(field.choice for fields in definitions.parts().values() for field in fields.values()) - {""}


class _Rendering:
    """Writes a tree for fhirpathpy. `focus` types what it can, or is None."""

    def __init__(self, focus: Value | None, compiler: Compiler):
        self._focus = focus
        self._compiler = compiler

    def text(self, node: Node) -> str:
        return getattr(self, f"_{node.form}")(node)

    def _before(self, node: Node) -> str:
        return f"{self.text(node.base)}." if node.base else ""

    def _name(self, node: Node) -> str:
        return self._before(node) + (node.text if _PLAIN.fullmatch(node.text) else f"`{node.text}`")

    def _special(self, node: Node) -> str:
        return self._before(node) + ("itself()" if node.text == "$this" else node.text)

    def _index(self, node: Node) -> str:
        return f"{self.text(node.base or Node('special', '$this'))}[{self.text(node.inner[0])}]"

    def _literal(self, node: Node) -> str:
        if node.kind == "string":
            escaped = node.text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
            return f"'{escaped}'"
        return {"time": "@T", "date": "@", "dateTime": "@"}.get(node.kind, "") + node.text

    def _constant(self, node: Node) -> str:
        return f"%{node.text}" if _PLAIN.fullmatch(node.text) else f"%`{node.text}`"

    def _sign(self, node: Node) -> str:
        return f"({node.text}{self.text(node.inner[0])})"

    def _operator(self, node: Node) -> str:
        left, right = (self.text(side) for side in node.inner)
        return f"({left} {node.text} {right})"

    def _call(self, node: Node) -> str:
        before = node.base
        if node.text == "ofType" and before and before.form == "name" and before.text in _choices():
            wanted = node.inner[0].text
            return self._name(before._replace(text=before.text + wanted[:1].upper() + wanted[1:]))
        inner = ", ".join(self.text(one) for one in node.inner)
        if node.text == "getReferenceKey" and node.inner:
            inner = f"'{node.inner[0].text}'"
        elif node.text in ("lowBoundary", "highBoundary"):
            inner = f"'{self._type(before)}'" if before else ""
        return f"{self._before(node)}{node.text}({inner})"

    def _type(self, node: Node) -> str:
        try:
            return self._compiler.expression(node, self._focus, row="0", at="").type if self._focus else ""
        except (NotCompilable, ViewProblem):
            return ""


# --- The view ------------------------------------------------------------------------------------------
class _Prepared:
    """A view with its paths compiled for fhirpathpy."""

    def __init__(self, view: View):
        self._view = view
        self._compiler = Compiler(view.constants)
        self._paths: dict[str, Callable] = {}
        root = Value("r", view.resource, False, Shape(view.resource))
        for path in view.where:
            self._prepare(path, root)
        for select in view.select:
            self._prepare_select(select, root)

    def _prepare(self, path: Path, focus: Value | None) -> None:
        try:
            self._paths[path.at] = _compiled(_Rendering(focus, self._compiler).text(path.tree))
        except Exception:  # noqa: BLE001 - the parser raises what it likes; the place in the view is what helps
            raise ViewProblem(path.at, "this FHIRPath expression cannot be run. Write it more simply.") from None

    def _prepare_select(self, select: Select, focus: Value | None) -> None:
        inner = focus
        for path in select.over:
            self._prepare(path, focus)
            inner = self._within(path, focus) if select.walks != "repeat" else None
        for column in select.columns:
            self._prepare(column.path, inner)
        for part in (*select.parts, *select.union):
            self._prepare_select(part, inner)

    def _within(self, path: Path, focus: Value | None) -> Value | None:
        try:
            found = self._compiler.expression(path.tree, focus, row="0", at=path.at) if focus else None
        except (NotCompilable, ViewProblem):
            return None
        return found._replace(many=False) if found else None

    def rows(self, resource: dict) -> list[Row]:
        start = {name: value for name, (_kind, value) in self._view.constants.items()}
        start |= {"rowIndex": 0, "resource": resource, "rootResource": resource}
        if not all(self._holds(path, resource, start) for path in self._view.where):
            return []
        return _product([self._select(select, resource, start, False) for select in self._view.select])

    def _values(self, path: Path, node: object, known: Row) -> list:
        try:
            return [value for value in self._paths[path.at](node, known) if value is not None]
        except Exception:  # noqa: BLE001 - its message may hold a record's value
            raise ViewProblem(path.at, "this FHIRPath expression cannot be run. Write it more simply.") from None

    def _holds(self, path: Path, resource: dict, known: Row) -> bool:
        found = self._values(path, resource, known)
        if any(not isinstance(one, bool) for one in found):
            raise ViewProblem(path.at, "a condition must be true or false. Compare, or add .exists().")
        return found == [True]

    def _select(self, select: Select, node: object, known: Row, null_row: bool) -> list[Row]:
        if not select.walks:
            return self._inner(select, node, known, null_row)
        found = [] if null_row else self._found(select, node, known)
        if not found and select.walks == "forEachOrNull":
            return self._inner(select, {}, {**known, "rowIndex": 0}, True)
        return [
            row
            for place, one in enumerate(found)
            for row in self._inner(select, one, {**known, "rowIndex": place}, False)
        ]

    def _found(self, select: Select, node: object, known: Row) -> list:
        if select.walks != "repeat":
            return self._values(select.over[0], node, known)
        return list(self._deep(select.over, node, known))

    def _deep(self, over: tuple[Path, ...], node: object, known: Row) -> Iterator[object]:
        for path in over:
            for child in self._values(path, node, known):
                if isinstance(child, Mapping):
                    yield child
                    yield from self._deep(over, child, known)

    def _inner(self, select: Select, node: object, known: Row, null_row: bool) -> list[Row]:
        parts = [[{column.name: self._cell(column, node, known, null_row) for column in select.columns}]]
        parts += [self._select(part, node, known, null_row) for part in select.parts]
        if select.union:
            parts.append([row for branch in select.union for row in self._select(branch, node, known, null_row)])
        return _product(parts)

    def _cell(self, column: Column, node: object, known: Row, null_row: bool) -> object:
        if null_row:
            return 0 if column.path.text.strip() == "%rowIndex" else None
        found = self._values(column.path, node, known)
        if any(isinstance(one, Mapping) for one in found):
            raise ViewProblem(column.path.at, "this is a group of elements. Choose one below it.")
        if column.collection:
            return found
        if len(found) > 1:
            raise ViewProblem(column.path.at, MORE_THAN_ONE)
        return found[0] if found else None


MORE_THAN_ONE = "a record has more than one value here. Add .first(), walk over it with forEach, or set collection."


def _product(parts: list[list[Row]]) -> list[Row]:
    found: list[Row] = [{}]
    for part in parts:
        found = [{**one, **other} for one in found for other in part]
    return found
