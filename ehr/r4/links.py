"""From one resource to another in a search: chains, `_has`, `_include`, `_revinclude`; and the order of `_sort`.

Nothing here opens a record. Who calls gives `find(kind, criterion)`, which returns the indexes that may be seen and
match; a target that may not be seen is a target that is not there.
Source: FHIR R4 search.html#chaining, #has, #revinclude, #sort.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple, TypeVar

from . import comparing, parameters
from .comparing import BadValue, Unsupported
from .matching import NOWHERE, SELF, Context, Criterion, held, name_of, parameter_of, parse
from .parameters import Parameter

Find = Callable[[str, Criterion], Iterable[Mapping]]
Item = TypeVar("Item")
DEEPEST = 4  # links in one chain


# --- Where an index points ---------------------------------------------------------------------------
def targets(index: Mapping, code: str, context: Context = NOWHERE) -> set[str]:
    """Return each "Type/id" that an index's parameter points at on this server, without versions."""
    return {name for value in held(index, code) if (name := _local(value, context.base))}


def _local(value: str, base: str) -> str:
    """Return "Type/id" of a reference into this server, "" of any other."""
    name = value.removeprefix(base).partition("/_history/")[0]
    return name if comparing.id_in(name) else ""


# --- Chains and _has ---------------------------------------------------------------------------------
def read(kind: str, name: str, raws: Iterable[str], find: Find, context: Context = NOWHERE) -> Criterion:
    """Return the criterion of any parameter: a plain one, a chain ("patient.name"), or "_has:Observation:patient:code".

    Raises Unsupported and BadValue as matching.parse does.
    """
    if name.count(".") + name.count("_has:") > DEEPEST:
        raise Unsupported(f"A chain may have {DEEPEST} links at most. Search in two steps.")
    if name.startswith("_has:"):
        return _has(kind, name, list(raws), find, context)
    if "." in name:
        return _chain(kind, name, list(raws), find, context)
    return parse(kind, name, raws, context)


def _chain(kind: str, name: str, raws: list[str], find: Find, context: Context) -> Criterion:
    link, _, rest = name.partition(".")
    code, _, named = link.partition(":")
    parameter = reference_of(kind, code)
    reached = _reached(kind, parameter, named)
    every = []
    for raw in raws:
        names = frozenset(
            name_of(index)
            for target, criterion in _readable(reached, rest, raw, find, context)
            for index in find(target, criterion)
        )
        every.append((_leads_into(names, context.base),))
    return Criterion(code, tuple(every))


def _leads_into(names: frozenset[str], base: str) -> comparing.Test:
    return lambda value: _local(value, base) in names


def reference_of(kind: str, code: str) -> Parameter:
    """Return a reference parameter of a type. Raises Unsupported."""
    parameter = parameter_of(kind, code)
    if parameter.type != "reference":
        raise Unsupported(f"“{parameter.code}” of {kind} is no reference: nothing can be reached through it.")
    return parameter


def _reached(kind: str, parameter: Parameter, named: str) -> tuple[str, ...]:
    """Return the types that a chain goes on with: the one it names, else all that the parameter may point at."""
    possible = parameters.targets(parameter)
    if named:
        if possible and named not in possible:
            raise Unsupported(f"“{parameter.code}” of {kind} points at {', '.join(possible)} only.")
        return (named,)
    if not possible:
        raise BadValue(
            f"“{parameter.code}” of {kind} may point at anything: name the type, as in “{parameter.code}:Patient.”."
        )
    return possible


def _readable(kinds: Iterable[str], rest: str, raw: str, find: Find, context: Context) -> list[tuple[str, Criterion]]:
    """Return (type, criterion) of each type that knows what the chain ends in. Raises Unsupported where none does."""
    found, refusal = [], None
    for kind in kinds:
        try:
            found.append((kind, read(kind, rest, [raw], find, context)))
        except Unsupported as problem:
            refusal = refusal or problem
    if not found and refusal:
        raise refusal
    return found


def _has(kind: str, name: str, raws: list[str], find: Find, context: Context) -> Criterion:
    parts = name.split(":", 3)
    if len(parts) != 4:
        raise BadValue("“_has” needs a type, its reference and its parameter, as in “_has:Observation:patient:code”.")
    _, source, code, rest = parts
    possible = parameters.targets(reference_of(source, code))
    if possible and kind not in possible:
        raise Unsupported(f"“{code}” of {source} points at {', '.join(possible)}, never at {kind}.")
    every = []
    for raw in raws:
        criterion = read(source, rest, [raw], find, context)
        names = frozenset(name for index in find(source, criterion) for name in targets(index, code, context))
        every.append((names.__contains__,))
    return Criterion("_has", tuple(every), SELF)


# --- _include and _revinclude ------------------------------------------------------------------------
class Include(NamedTuple):
    """One `_include` or `_revinclude`: from the resources of a type, through one reference, to types ("" any)."""

    kind: str
    code: str
    target: str = ""

    def leads_to(self, index: Mapping, context: Context = NOWHERE) -> set[str]:
        """Return each "Type/id" that an index is linked with through it; nothing for an index of another type."""
        if index["type"] != self.kind:
            return set()
        names = targets(index, self.code, context)
        return {name for name in names if name.startswith(f"{self.target}/")} if self.target else names


def included(raw: str, kinds: Iterable[str] = ()) -> tuple[Include, ...]:
    """Return what "Observation:subject:Patient" or "Observation:*" includes; "*" stands for all links of `kinds`.

    Raises Unsupported and BadValue.
    """
    parts = raw.split(":")
    if raw == "*":
        return tuple(link for kind in kinds for link in _all_of(kind, ""))
    if not 2 <= len(parts) <= 3 or not all(parts):
        raise BadValue(
            "An include needs a type and its reference, as in “Observation:subject” or “Observation:subject:Patient”."
        )
    kind, code, target = (*parts, "")[:3]
    if code == "*":
        return tuple(_all_of(kind, target))
    possible = parameters.targets(reference_of(kind, code))
    if target and possible and target not in possible:
        raise Unsupported(f"“{code}” of {kind} points at {', '.join(possible)}, never at {target[:64]}.")
    return (Include(kind, code, target),)


def _all_of(kind: str, target: str) -> list[Include]:
    known = parameters.supported(kind)
    if not known:
        raise Unsupported(f"{kind[:64]} is not a type that is searched here.")
    return [Include(kind, code, target) for code, parameter in known.items() if parameter.type == "reference"]


# --- _sort -----------------------------------------------------------------------------------------
def ordered(kind: str, raw: str, items: Iterable[Item], index_of: Callable[[Item], Mapping]) -> list[Item]:
    """Return items in the order of "status,-date"; those without a value come last either way.

    Raises Unsupported and BadValue.
    """
    found = list(items)
    for word in reversed(raw.split(",")):
        descending, code = word.startswith("-"), word.removeprefix("-")
        parameter = _sortable(kind, code)
        best = max if descending else min
        keyed = [(_keys(parameter, held(index_of(item), code)), item) for item in found]
        having = sorted(
            [(best(keys), item) for keys, item in keyed if keys], key=lambda pair: pair[0], reverse=descending
        )
        found = [item for _key, item in having] + [item for keys, item in keyed if not keys]
    return found


def _sortable(kind: str, code: str) -> Parameter:
    if not code:
        raise BadValue("“_sort” needs parameters separated by commas, each with - before it for descending order.")
    parameter = parameter_of(kind, code)
    if parameter.type in ("composite", "special"):
        raise Unsupported(f"“{parameter.code}” of {kind} has no order. Sort by one of its parts.")
    return parameter


def _keys(parameter: Parameter, values: list) -> list:
    """Return what values are sorted by: text folded, tokens by code then words, spans by their start."""
    if parameter.type == "string":
        return [(comparing.fold(value), value) for value in values]
    if parameter.type == "token":
        return [(value[1].lower(), comparing.fold(value[2]), value[0]) for value in values]
    if parameter.type in ("number", "quantity"):
        return [Decimal(value[0] or value[1]) for value in values]
    return [tuple(value) if value.__class__ is list else value for value in values]
