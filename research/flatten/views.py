"""A ViewDefinition, read and checked. Source: SQL on FHIR v2, hl7.org/fhir/uv/sql-on-fhir, ViewDefinition."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ehr.r4 import definitions

from .expressions import Node, Unreadable, parsed, walk
from .problems import ViewProblem

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,127}")
KNOWN = frozenset({"rowIndex", "resource", "rootResource", "context", "ucum", "sct", "loinc"})


@dataclass(frozen=True)
class Path:
    """One expression of a view: its text, its tree, and where in the view it stands."""

    text: str
    tree: Node
    at: str


@dataclass(frozen=True)
class Column:
    """One column: its name, its path, the FHIR type it declares ("" where none) and whether it holds a list."""

    name: str
    path: Path
    type: str
    collection: bool


@dataclass(frozen=True)
class Select:
    """One selection: what it walks over, its columns, its parts (a product), and its union's branches."""

    at: str
    walks: str = ""  # "", "forEach", "forEachOrNull" or "repeat"
    over: tuple[Path, ...] = ()
    columns: tuple[Column, ...] = ()
    parts: tuple["Select", ...] = ()
    union: tuple["Select", ...] = ()


@dataclass(frozen=True)
class View:
    """A view that can be run. `constants` is {name: (FHIR type, value)}."""

    resource: str
    select: tuple[Select, ...]
    where: tuple[Path, ...] = ()
    constants: dict[str, tuple[str, object]] = field(default_factory=dict)

    @property
    def columns(self) -> list[Column]:
        """The columns in their order, each with its first branch's type."""
        return [column for one in self.select for column in _columns(one)]


def read(definition: Mapping) -> View:
    """Return the view a ViewDefinition describes. Raises ViewProblem with the place and the remedy."""
    resource = definition.get("resource")
    if not isinstance(resource, str) or resource not in definitions.resource_types():
        raise ViewProblem("resource", "name one resource type of FHIR R4, like Observation.")
    reading = _Reading(_constants(definition.get("constant", [])))
    selects = reading.selects(definition.get("select"), "select")
    if not selects:
        raise ViewProblem("select", "a view needs at least one selection with columns.")
    where = tuple(
        reading.path(one.get("path"), f"where[{place}].path") for place, one in _list(definition, "where", "")
    )
    view = View(resource, selects, where, reading.constants)
    _check_names(view)
    return view


def _constants(given: list[Mapping]) -> dict[str, tuple[str, object]]:
    found: dict[str, tuple[str, object]] = {}
    for place, one in enumerate(given):
        values = [(name, value) for name, value in one.items() if name.startswith("value")]
        if not isinstance(one.get("name"), str) or len(values) != 1:
            raise ViewProblem(f"constant[{place}]", "give it a name and one value, like valueString.")
        name, value = values[0]
        kind = name.removeprefix("value")
        found[one["name"]] = (kind[:1].lower() + kind[1:], value)
    return found


@dataclass(frozen=True)
class _Reading:
    constants: dict[str, tuple[str, object]]

    def selects(self, given: object, at: str) -> tuple[Select, ...]:
        if given is not None and not isinstance(given, list):
            raise ViewProblem(at, "write a list of selections.")
        return tuple(self.select(one, f"{at}[{place}]") for place, one in enumerate(given or []))

    def select(self, given: Mapping, at: str) -> Select:
        walks = [name for name in ("forEach", "forEachOrNull", "repeat") if name in given]
        if len(walks) > 1:
            raise ViewProblem(at, f"take one of {', '.join(walks)}; put the other into a selection inside this one.")
        over: tuple[Path, ...] = ()
        if walks:
            many = given["repeat"] if walks[0] == "repeat" else [given[walks[0]]]
            places = [f"{at}.{walks[0]}" + (f"[{place}]" if len(many) > 1 else "") for place in range(len(many))]
            over = tuple(map(self.path, many, places))
        return Select(
            at,
            walks[0] if walks else "",
            over,
            tuple(self.column(one, f"{at}.column[{place}]") for place, one in _list(given, "column", at)),
            self.selects(given.get("select"), f"{at}.select"),
            self.selects(given.get("unionAll"), f"{at}.unionAll"),
        )

    def column(self, given: Mapping, at: str) -> Column:
        name = given.get("name")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ViewProblem(f"{at}.name", "use letters, digits and underscores, beginning with a letter.")
        path = self.path(given.get("path"), f"{at}.path")
        return Column(name, path, given.get("type") or "", given.get("collection") is True)

    def path(self, text: object, at: str) -> Path:
        if not isinstance(text, str):
            raise ViewProblem(at, "write a FHIRPath expression as text.")
        try:
            tree = parsed(text)
        except Unreadable as reason:
            raise ViewProblem(at, f"{reason}. Mend the FHIRPath expression.") from None
        for node in walk(tree):
            if node.form == "constant" and node.text not in self.constants and node.text not in KNOWN:
                raise ViewProblem(at, f"%{node.text} is not among the view's constants. Add it there.")
        return Path(text, tree, at)


def _list(given: Mapping, name: str, at: str) -> Iterator[tuple[int, Mapping]]:
    listed = given.get(name) or []
    if not isinstance(listed, list) or not all(isinstance(one, Mapping) for one in listed):
        raise ViewProblem(f"{at}.{name}".lstrip("."), "write a list of groups.")
    return enumerate(listed)


def _columns(select: Select) -> list[Column]:
    found = list(select.columns)
    for part in select.parts:
        found += _columns(part)
    branches = [_columns(branch) for branch in select.union]
    for place, branch in enumerate(branches):
        if [one.name for one in branch] != [one.name for one in branches[0]]:
            raise ViewProblem(
                f"{select.at}.unionAll[{place}]",
                "give each branch the same columns in the same order as the first branch.",
            )
    return found + (branches[0] if branches else [])


def _check_names(view: View) -> None:
    seen: set[str] = set()
    for column in view.columns:
        if column.name in seen:
            raise ViewProblem(column.path.at, f"there are two columns named {column.name}. Rename one.")
        seen.add(column.name)
