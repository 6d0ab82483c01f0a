"""Compiles the FHIRPath of search parameters into the JSON names that lead to their values.

The official expressions use a small part of FHIRPath. With R4's own structure at hand each step has a known type, so
that `Observation.value.ofType(Quantity)` becomes `valueQuantity`, and nothing is left to interpret at run time.
Source: FHIR R4 fhirpath.html and FHIRPath 1.0 (grammar, precedence).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from . import definitions

_TOKEN = re.compile(r"\s*('[^']*'|%?[A-Za-z_][A-Za-z0-9_]*|!=|[().|=,])")
_RANKS = ({"and"}, {"=", "!="}, {"|"}, {"is", "as"})  # the loosest first


class NotComputable(ValueError):
    """An expression uses what is not compiled; the text says what."""


class Node(NamedTuple):
    """One node of an expression: a name, a literal, a call or an operator."""

    form: str  # "name", "literal", "call" or an operator
    text: str
    base: "Node | None" = None  # what stands before the dot
    inner: tuple["Node", ...] = ()  # an operator's two sides, a call's argument


class Step(NamedTuple):
    """One JSON name, and what must hold of its value: ("is", type), ("=", name, text), or () for nothing."""

    name: str
    test: tuple[str, ...] = ()


class Branch(NamedTuple):
    """One way to values: the steps from where it begins, and the FHIR type found there."""

    steps: tuple[Step, ...]
    type: str


# --- Reading -----------------------------------------------------------------------------------------
def parsed(expression: str) -> Node:
    """Return an expression's tree. Raises NotComputable on what this grammar lacks."""
    tokens = list(_tokens(expression))
    tree, left = _operators(tokens, 0)
    if left:
        raise NotComputable(f"{left[0]!r} was not expected in {expression!r}")
    return tree


def _tokens(expression: str) -> Iterator[str]:
    at = 0
    while at < len(expression.rstrip()):
        found = _TOKEN.match(expression, at)
        if not found:
            raise NotComputable(f"{expression[at:].strip()!r} is not read")
        yield found[1]
        at = found.end()


def _operators(tokens: list[str], rank: int) -> tuple[Node, list[str]]:
    if rank == len(_RANKS):
        return _invocations(tokens)
    left, rest = _operators(tokens, rank + 1)
    while rest and rest[0] in _RANKS[rank]:
        right, after = _operators(rest[1:], rank + 1)
        left, rest = Node(rest[0], "", None, (left, right)), after
    return left, rest


def _invocations(tokens: list[str]) -> tuple[Node, list[str]]:
    if tokens[:1] == ["("]:
        node, rest = _operators(tokens[1:], 0)
        rest = _without(rest, ")")
    else:
        node, rest = _named(None, tokens)
    while rest[:1] == ["."]:
        node, rest = _named(node, rest[1:])
    return node, rest


def _named(base: Node | None, tokens: list[str]) -> tuple[Node, list[str]]:
    if not tokens or not re.match(r"[%A-Za-z_']", tokens[0]):
        raise NotComputable("a name was expected")
    word, rest = tokens[0], tokens[1:]
    if word[0] == "'":
        return Node("literal", word[1:-1]), rest
    if word in {"true", "false"} and base is None:
        return Node("literal", word), rest
    if rest[:1] != ["("]:
        return Node("name", word, base), rest
    if rest[1:2] == [")"]:
        return Node("call", word, base), rest[2:]
    argument, rest = _operators(rest[1:], 0)
    return Node("call", word, base, (argument,)), _without(rest, ")")


def _without(tokens: list[str], expected: str) -> list[str]:
    if tokens[:1] != [expected]:
        raise NotComputable(f"{expected!r} is missing")
    return tokens[1:]


# --- Following the structure -------------------------------------------------------------------------
def compiled(expression: str, kind: str, focus: Branch | None = None) -> list[Branch]:
    """Return the branches of an expression on a type, or on the focus of a composite. Raises NotComputable."""
    return list(dict.fromkeys(_branches(parsed(expression), kind, focus or Branch((), kind))))


def _branches(node: Node, kind: str, focus: Branch) -> list[Branch]:
    if node.form == "|":
        return [branch for side in node.inner for branch in _branches(side, kind, focus)]
    if node.form == "as":
        return _of_type(_branches(node.inner[0], kind, focus), node.inner[1].text)
    if node.form == "name":
        return _children(node, kind, focus)
    if node.form == "call" and node.inner:
        before = _branches(node.base, kind, focus) if node.base else [focus]
        if node.text in {"as", "ofType"}:
            return _of_type(before, node.inner[0].text)
        if node.text == "where":
            return [_tested(branch, node.inner[0]) for branch in before]
    raise NotComputable(f"{node.text or node.form!r} is not compiled")


def _children(node: Node, kind: str, focus: Branch) -> list[Branch]:
    base, name = node.base, node.text
    if base is None:
        if name in {kind, "Resource", "DomainResource", "%resource"}:
            return [Branch((), kind)]
        return _children_of(focus, name)
    return [child for branch in _branches(base, kind, focus) for child in _children_of(branch, name)]


def _children_of(branch: Branch, name: str) -> list[Branch]:
    fields = definitions.parts().get(branch.type, {})
    names = [name] if name in fields else [key for key, field in fields.items() if field.choice == name]
    return [branch._replace(steps=(*branch.steps, Step(key)), type=fields[key].type) for key in names]


def _of_type(branches: list[Branch], name: str) -> list[Branch]:
    # One official expression writes DateTime for dateTime.
    return [branch for branch in branches if branch.type.lower() == name.lower()]


def _tested(branch: Branch, condition: Node) -> Branch:
    if not branch.steps:
        raise NotComputable("a condition on a whole resource is not compiled")
    test: tuple[str, ...] = ()
    if condition.form in {"is", "="}:
        left, right = condition.inner
        if condition.form == "is" and (left.form, left.text) == ("call", "resolve"):
            test = ("is", right.text)
        elif condition.form == "=" and (left.form, right.form) == ("name", "literal"):
            test = ("=", left.text, right.text)
    if not test:
        raise NotComputable(f"a condition with {condition.text or condition.form!r} is not compiled")
    return branch._replace(steps=(*branch.steps[:-1], branch.steps[-1]._replace(test=test)))


# --- Conditions on a whole resource ------------------------------------------------------------------
def truth(expression: str, kind: str) -> Callable[[Mapping], bool]:
    """Return the test that an expression with `and`, `exists()` and `!=` is. Raises NotComputable."""
    return _truth(parsed(expression), kind)


def _truth(node: Node, kind: str) -> Callable[[Mapping], bool]:
    if node.form == "and":
        left, right = (_truth(side, kind) for side in node.inner)
        return lambda resource: left(resource) and right(resource)
    if node.form == "!=" and node.inner[1].form == "literal":
        found, unwanted = _reader_of(node.inner[0], kind), node.inner[1].text
        return lambda resource: any(_word(value) != unwanted for value in found(resource))
    if node.form == "call" and node.text == "exists" and node.base:
        found = _reader_of(node.base, kind)
        return lambda resource: bool(found(resource))
    raise NotComputable(f"{node.text or node.form!r} is not compiled as a condition")


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _reader_of(node: Node, kind: str) -> Callable[[Mapping], list]:
    reads = [reader(branch.steps, _collect) for branch in _branches(node, kind, Branch((), kind))]

    def read_all(resource: Mapping) -> list:
        found: list = []
        for read in reads:
            read(resource, found)
        return found

    return read_all


def _collect(value: object, found: list) -> None:
    found.append(value)


# --- Reading values along steps ----------------------------------------------------------------------
Read = Callable[[Any, list], None]


def reader(steps: tuple[Step, ...], convert: Read) -> Read:
    """Return the function that walks steps from an object and hands what stands there to `convert(value, found)`."""
    if not steps:
        return convert
    name, then = steps[0].name, each(steps, convert)

    def read(value: Any, found: list) -> None:
        if value.__class__ is dict and name in value:
            then(value[name], found)

    return read


def each(steps: tuple[Step, ...], convert: Read) -> Read:
    """Return the function that takes the value under the first step's name, one or a list, and goes on from there."""
    then = reader(steps[1:], convert)
    holds = _test(steps[0].test) if steps[0].test else None

    def take(value: Any, found: list) -> None:
        for item in value if value.__class__ is list else (value,):
            if holds is None or holds(item):
                then(item, found)

    return take


def _test(test: tuple[str, ...]) -> Callable[[object], bool]:
    if test[0] == "is":
        return lambda value: value.__class__ is dict and type_of_reference(value) == test[1]
    return lambda value: value.__class__ is dict and value.get(test[1]) == test[2]


def type_of_reference(reference: Mapping) -> str:
    """Return the type a Reference points at, by its own text, else by `type`; "" where neither says."""
    target = reference.get("reference")
    if isinstance(target, str) and target and not target.startswith("#"):
        return _type_in(target)
    said = reference.get("type")
    return said if isinstance(said, str) else ""


@lru_cache(maxsize=1)
def _types() -> frozenset[str]:
    return definitions.resource_types()


def _type_in(target: str) -> str:
    """Return "Patient" of "Patient/1", "https://a.example/Patient/1" and "Patient/1/_history/2"."""
    parts = target.partition("/_history/")[0].rsplit("/", 2)
    return parts[-2] if len(parts) > 1 and parts[-2] in _types() else ""
