"""What a study's views may read at all: nothing that says who somebody is, and nothing that picks one out.

Kinds of columns say what may leave; they cannot see what a value was worked out from. Whether a name is Costa is a
truth, the digits of a number are a number, and twenty truths about a birthday are the birthday. So paths are read, too:
by an allow-list of types, elements and functions. Nothing heavy is loaded here.
"""

import re
from collections.abc import Mapping

from ehr.r4 import definitions
from research.deidentify.declaring import Column, Kind
from research.flatten.expressions import Node
from research.flatten.problems import ViewProblem
from research.flatten.views import Path, Select, View

_PLAIN = frozenset(
    {"code", "boolean", "integer", "positiveInt", "unsignedInt", "decimal", "date", "dateTime", "instant"}
)
_QUANTITIES = frozenset({"Quantity", "Age", "Count", "Distance", "Duration", "Money", "Range", "Ratio"})
_GROUPS = _QUANTITIES | {"CodeableConcept", "Coding", "Period", "Timing", "Dosage", "Reference", "Extension", "Address"}
# What is text, or says where something lives, and may be read all the same.
_NAMED = frozenset({("Coding", "system"), ("Extension", "url"), ("Address", "postalCode"), ("Address", "state")}) | {
    (kind, name) for kind in _QUANTITIES for name in ("system", "unit")
}
_PLACES = frozenset({"latitude", "longitude", "altitude"})
_OF_ADDRESS = frozenset({"use", "type", "period", "postalCode", "state"})
# By these people are grouped, so they are read as what they are, by a column of their own kind, and asked nothing.
_GROUPING = {"birthDate": Kind.BIRTH, "postalCode": Kind.ZIP, "state": Kind.STATE, "gender": Kind.SEX}
_CHOOSING = frozenset({"where", "first", "last", "single", "skip", "take", "tail", "lowBoundary", "highBoundary"})
_TELLING = frozenset({"exists", "empty", "not", "count", "all", "hasValue", "allTrue", "anyTrue"})
_KEYS = frozenset({"getResourceKey", "getReferenceKey"})
FUNCTIONS = _CHOOSING | _TELLING | _KEYS | {"ofType", "extension"}
# Years leave, so years may be asked for.
_YEAR = re.compile(r"[0-9]{4}(-01-01|-12-31)?(T00:00(:00(\.0+)?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?")
_MOMENTS = frozenset({"date", "dateTime", "instant", "time"})
_KEY = "a key"
Types = frozenset[str]


def check(view: View, columns: Mapping[str, Column]) -> None:
    """Raise ViewProblem, with the place and what to do, for a view that reads what no study's view may."""
    for name, (kind, value) in view.constants.items():
        if kind in _MOMENTS and not _YEAR.fullmatch(str(value)):
            raise ViewProblem(f"constant {name}", _WHOLE_YEARS)
    root = frozenset({view.resource})
    for path in view.where:
        _Look(path, root).types(path.tree, root, aside=True)
    for select in view.select:
        _select(select, root, root, columns)


def _select(select: Select, focus: Types, root: Types, columns: Mapping[str, Column]) -> None:
    for path in select.over:
        look = _Look(path, root)
        inner = look.types(path.tree, focus)
        if look.needs:
            raise ViewProblem(path.at, "walk over a group of elements, and read this one in a column.")
        focus = inner
    for column in select.columns:
        look, kind = _Look(column.path, root), columns[column.name].kind
        look.types(column.path.tree, focus)
        wanted = {kind} if kind in {*_GROUPING.values(), Kind.ID} else set()
        if look.needs != wanted:
            told = ", ".join(sorted(look.needs | wanted))
            raise ViewProblem(column.path.at, f"an element of this kind has a column of this kind, alone: {told}.")
    for part in (*select.parts, *select.union):
        _select(part, focus, root, columns)


_WHOLE_YEARS = "ask for whole years here: a day, with others, would tell somebody's own days."
_ASIDE = "nobody is chosen by this. Give it a column of its own kind, and choose in the table that you get."
_TELLS = "this could tell who somebody is, or is free text. Read a code, a number, a truth or a date."


class _Look:
    """One path, and the kinds of columns that it needs. `aside` is what a value is only asked about."""

    def __init__(self, path: Path, root: Types) -> None:
        self.at, self.root = path.at, root
        self.needs: set[Kind] = set()

    def types(self, node: Node, focus: Types, *, aside: bool = False) -> Types:
        """Return the types of what an expression gives; none for what is worked out."""
        if node.form == "literal" and node.kind in _MOMENTS and not _YEAR.fullmatch(node.text):
            raise ViewProblem(self.at, _WHOLE_YEARS)
        if node.form == "constant":
            return self.root if node.text in ("resource", "rootResource", "context") else frozenset()
        if node.form in ("operator", "sign"):
            sides = [self.types(side, focus, aside=True) for side in node.inner]
            return frozenset().union(*sides) if node.text == "|" else frozenset()
        base = self.types(node.base, focus, aside=aside) if node.base and node.form != "call" else focus
        if node.form == "index":
            self.types(node.inner[0], focus, aside=True)
        if node.form == "name":
            return self._step(node, base, aside)
        if node.form == "call":
            return self._call(node, focus, aside)
        return base if node.form == "index" or node.text == "$this" else frozenset()

    def _call(self, node: Node, focus: Types, aside: bool) -> Types:
        before = node.base
        if node.text == "ofType" and before and before.form == "name":
            inner = self.types(before.base, focus, aside=aside) if before.base else focus
            return self._step(before, inner, aside, only=node.inner[0].text)
        base = self.types(before, focus, aside=aside or node.text in _TELLING) if before else focus
        if node.text in _KEYS:
            self._require(Kind.ID, aside)
            return frozenset({_KEY})
        if node.text == "extension":
            return self._step(Node("name", "extension"), base, aside)
        if node.text not in _CHOOSING | _TELLING:
            raise ViewProblem(self.at, f"{node.text}() is not for a study's views. {_TELLS.capitalize()}")
        for argument in node.inner:
            self.types(argument, base, aside=True)
        return base if node.text in _CHOOSING else frozenset()

    def _step(self, node: Node, base: Types, aside: bool, only: str = "") -> Types:
        if node.base is None and node.text in base:
            return base
        found: set[str] = set()
        for of in base:
            for name, field in definitions.parts().get(of, {}).items():
                if node.text in (name, field.choice) and only in ("", field.type):
                    self._require_readable(of, name, field.type)
                    found.add(field.type)
        if not found:
            raise ViewProblem(self.at, f"{node.text}: {_TELLS}")
        if needed := _GROUPING.get(node.text):
            self._require(needed, aside)
        return frozenset(found)

    def _require(self, kind: Kind, aside: bool) -> None:
        if aside:
            raise ViewProblem(self.at, _ASIDE)
        self.needs.add(kind)

    def _require_readable(self, of: str, name: str, kind: str) -> None:
        if name in _PLACES or (of == "Address" and name not in _OF_ADDRESS):
            raise ViewProblem(self.at, f"{name}: {_TELLS}")
        if kind not in _PLAIN | _GROUPS and "." not in kind and (of, name) not in _NAMED:
            raise ViewProblem(self.at, f"{name}: {_TELLS}")
