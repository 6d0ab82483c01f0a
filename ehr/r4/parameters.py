"""Which search parameters each type has, and which are left out, with the reason.

Definitions: data/search-parameters.json.gz. A parameter is supported where its expression compiles (paths.py) and R4
says what its elements mean as that type of parameter (indexed.py).
"""

import gzip
import json
from functools import cache
from importlib import resources
from typing import NamedTuple

from . import paths
from .indexed import CONVERTERS

# Parameters of every type that are looked at here and left out.
LEFT_OUT = {
    "_text": "the index holds values of named elements, not the words of narratives",
    "_content": "the index holds values of named elements, not all words of a resource",
    "_query": "no named queries are defined",
}
PHONETIC = "systems agree on no way to compare sounds; `name` ignores case and accents"
_COMMON = ("Resource", "DomainResource")


class Part(NamedTuple):
    """One part of a composite: the parameter it is compared as, and the ways to it from the composite's focus."""

    code: str
    type: str
    branches: tuple[paths.Branch, ...]
    of_resource: bool  # the ways begin at the resource instead


class Focus(NamedTuple):
    """Where the parts of a composite stand together: the resource itself, or one of its groups."""

    at: paths.Branch
    parts: tuple[Part, ...]


class Parameter(NamedTuple):
    """One search parameter of one type."""

    code: str
    type: str
    expression: str
    targets: tuple[str, ...] = ()  # of a reference; () where it may point at anything
    systems: tuple[str, ...] = ()  # the code systems that its `code` elements imply
    branches: tuple[paths.Branch, ...] = ()
    focuses: tuple[Focus, ...] = ()
    passed_over: tuple[str, ...] = ()  # FHIR types it may meet that R4 gives no meaning as its type

    @property
    def kinds(self) -> frozenset[str]:
        """Return the FHIR types of the elements it looks at."""
        return frozenset(branch.type for branch in self.branches)


@cache
def _definitions() -> dict[str, dict[str, dict]]:
    packed = resources.files(__package__).joinpath("data", "search-parameters.json.gz").read_bytes()
    return json.loads(gzip.decompress(packed))


def kinds() -> list[str]:
    """Return the types that can be searched, sorted."""
    return sorted(set(_definitions()) - set(_COMMON))


@cache
def supported(kind: str) -> dict[str, Parameter]:
    """Return {code: parameter} of a type, those of every type included; {} for a type that is not searched."""
    return _sorted_out(kind)[0]


@cache
def omitted(kind: str) -> dict[str, str]:
    """Return {code: why it is left out} of a type."""
    return _sorted_out(kind)[1]


@cache
def _sorted_out(kind: str) -> tuple[dict[str, Parameter], dict[str, str]]:
    known, left_out = {}, {}
    for code, definition in defined(kind).items():
        try:
            known[code] = _parameter(kind, code, definition)
        except paths.NotComputable as problem:
            left_out[code] = str(problem)
    return known, left_out


def defined(kind: str) -> dict[str, dict]:
    """Return {code: reduced definition} of a type, those of every type included; {} for one that is not searched."""
    if kind not in _definitions() or kind in _COMMON:
        return {}
    common = {code: definition for base in _COMMON for code, definition in _definitions()[base].items()}
    return dict(sorted((common | _definitions()[kind]).items()))


def _parameter(kind: str, code: str, definition: dict) -> Parameter:
    if code in LEFT_OUT:
        raise paths.NotComputable(LEFT_OUT[code])
    if definition.get("usage") == "phonetic":
        raise paths.NotComputable(PHONETIC)
    expression = definition["expression"]
    made = Parameter(
        code,
        definition["type"],
        expression,
        tuple(definition.get("target", ())),
        tuple(definition.get("systems", ())),
    )
    if is_truth(expression):
        return made
    if made.type == "composite":
        return _composite(kind, made, definition["component"])
    found = paths.compiled(expression, kind)
    kept = _meaningful(found, made.type)
    over = {branch.type for branch in found} - {branch.type for branch in kept}
    return made._replace(branches=kept, passed_over=tuple(sorted(over)))


def is_truth(expression: str) -> bool:
    """Tell whether an expression is a condition on the whole resource, not a way to values."""
    return " and " in expression


def _composite(kind: str, made: Parameter, components: list[dict]) -> Parameter:
    focuses = [
        Focus(at, tuple(_part(kind, component, at.type) for component in components))
        for at in paths.compiled(made.expression, kind)
    ]
    return made._replace(focuses=tuple(focuses))


def _part(kind: str, component: dict, focus: str) -> Part:
    as_type = defined(kind)[component["code"]]["type"]
    expression = component["expression"]
    from_resource = "%resource" in expression
    found = paths.compiled(expression, kind, paths.Branch((), focus))
    return Part(component["code"], as_type, _meaningful(found, as_type), from_resource)


def _meaningful(branches: list[paths.Branch], as_type: str) -> tuple[paths.Branch, ...]:
    """Return the branches whose type R4 gives a meaning. Raises NotComputable where none has."""
    kept = tuple(dict.fromkeys(branch for branch in branches if branch.type in CONVERTERS.get(as_type, ())))
    if not kept:
        kinds_found = ", ".join(sorted({branch.type for branch in branches})) or "no element of R4"
        raise paths.NotComputable(f"R4 does not say how {kinds_found} is searched as {as_type}")
    return kept


# --- Modifiers ---------------------------------------------------------------------------------------
_MODIFIERS = {
    "string": ("exact", "contains"),
    "token": ("text", "not"),
    "reference": ("identifier",),
    "uri": ("below", "above"),
}
_LEFT_OUT_MODIFIERS = {
    "in": ", for value sets are not expanded here: list the codes, separated by commas",
    "not-in": ", for value sets are not expanded here: use :not with the codes, separated by commas",
    "above": ", for code systems' hierarchies are not held here: list the codes, separated by commas",
    "below": ", for code systems' hierarchies are not held here: list the codes, separated by commas",
    "text": ", for texts are not searched by meaning",
}


def modifiers(parameter: Parameter) -> tuple[str, ...]:
    """Return the modifiers of a parameter, without those that name a type."""
    found = ["missing"]
    if parameter.code not in {"_id", "_lastUpdated"}:
        found += _MODIFIERS.get(parameter.type, ())
    if parameter.type == "token" and "Identifier" in parameter.kinds:
        found.append("of-type")
    if parameter.type == "token" and _is_media_type(parameter):
        found.append("below")
    if parameter.type == "reference" and "Reference" not in parameter.kinds:
        found.remove("identifier")
    return tuple(found)


def targets(parameter: Parameter) -> tuple[str, ...]:
    """Return the types that a reference parameter's `:[type]` and chains may name; () for any."""
    return parameter.targets


def modifier_left_out(parameter: Parameter, modifier: str) -> str:
    """Return why a modifier that R4 knows is not offered, as the end of a sentence; "" where it has no meaning."""
    known = {"token": ("in", "not-in", "above", "below"), "string": ("text",)}.get(parameter.type, ())
    return _LEFT_OUT_MODIFIERS[modifier] if modifier in known else ""


def _is_media_type(parameter: Parameter) -> bool:
    return any(branch.steps and branch.steps[-1].name == "contentType" for branch in parameter.branches)
