"""Reads one search parameter of a query and tells which indexes match it.

    criterion = parse("Observation", "code", ["http://loinc.org|2345-7,2339-0"])
    criterion.matches(index)          # index: search.values(resource), sealed beside each entry

A name repeated narrows (each of `raws`), a comma widens. Nothing here opens or fetches anything.
Source: FHIR R4 search.html.
"""

import difflib
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from . import comparing, definitions, parameters
from .comparing import BadValue, Test, Unsupported
from .extraction import IDENTIFIER, OF_TYPE
from .parameters import Parameter

__all__ = ["BadValue", "Context", "Criterion", "Unsupported", "held", "name_of", "parse"]


class Context(NamedTuple):
    """What a query is read with: this server's base address ("https://…/fhir/"), and the time."""

    base: str = ""
    now: datetime | None = None


NOWHERE = Context()
MOST_VALUES = 1_000  # of one parameter in one query: each is compared with each entry
SELF = "_self"  # the place of an index's own "Type/id"


class Criterion(NamedTuple):
    """One parameter of a query: each of `every` must hold, by any of its tests on any of the values."""

    code: str
    every: tuple[tuple[Test, ...], ...]
    key: str = ""  # where the values stand in the index
    negated: bool = False
    missing: bool | None = None

    def matches(self, index: Mapping) -> bool:
        """Tell whether an entry's index satisfies it."""
        values = held(index, self.key or self.code)
        if self.missing is not None:
            # A reference may say no more than an identifier.
            return self.missing is (not values and not held(index, self.code + IDENTIFIER))
        return all(self._any(tests, values) is not self.negated for tests in self.every)

    @staticmethod
    def _any(tests: tuple[Test, ...], values: Iterable) -> bool:
        return any(test(value) for value in values for test in tests)


def held(index: Mapping, code: str) -> list:
    """Return an index's values of one parameter; [] where it has none."""
    if code == "_id":
        return [["", index["id"], ""]] if index.get("id") else []
    if code == SELF:
        return [name_of(index)]
    values = index.get("p", {}).get(code, [])
    return index["p"].get(values, []) if values.__class__ is str else values


def name_of(index: Mapping) -> str:
    """Return "Type/id" of what an index is of."""
    return f"{index['type']}/{index.get('id', '')}"


def parse(kind: str, name: str, raws: Iterable[str], context: Context = NOWHERE) -> Criterion:
    """Return the criterion of "code" or "code:modifier" with its values, as they stand decoded in a query.

    Raises Unsupported for what is not offered, BadValue for what cannot be read; both say what would be.
    """
    code, _, modifier = name.partition(":")
    parameter = parameter_of(kind, code)
    raws = list(raws)
    if modifier == "missing":
        return _missing(parameter, raws)
    _check_modifier(kind, parameter, modifier)
    if sum(raw.count(",") + 1 for raw in raws) > MOST_VALUES:
        raise BadValue(f"“{code}” takes {MOST_VALUES:,} values at most. Ask in several searches.")
    every = tuple(_tests(kind, parameter, modifier, raw, context) for raw in raws)
    key = code + {"identifier": IDENTIFIER, "of-type": OF_TYPE}.get(modifier, "")
    return Criterion(code, every, key, negated=modifier == "not")


def parameter_of(kind: str, code: str) -> Parameter:
    """Return the parameter of a type. Raises Unsupported."""
    known = parameters.supported(kind)
    if code in known:
        return known[code]
    if code in parameters.omitted(kind):
        raise Unsupported(f"“{code}” is not offered for {kind}: {parameters.omitted(kind)[code]}.")
    near = difflib.get_close_matches(code[:64], known, n=3)
    meant = (
        f"Did you mean {' or '.join(f'“{one}”' for one in near)}?" if near else "The capability statement lists them."
    )
    raise Unsupported(f"{kind[:64]} has no search parameter “{code[:64]}”. {meant}")


def _missing(parameter: Parameter, raws: list[str]) -> Criterion:
    if len(set(raws)) != 1 or raws[0] not in ("true", "false"):
        raise BadValue(f"“{parameter.code}:missing” needs true or false.")
    return Criterion(parameter.code, (), missing=raws[0] == "true")


def _check_modifier(kind: str, parameter: Parameter, modifier: str) -> None:
    if not modifier or modifier in parameters.modifiers(parameter):
        return
    if parameter.type == "reference" and modifier in definitions.resource_types():
        targets = parameters.targets(parameter)
        if not targets or modifier in targets:
            return
        raise Unsupported(f"“{parameter.code}” of {kind} never points at {modifier}, but at {', '.join(targets)}.")
    reason = parameters.modifier_left_out(parameter, modifier)
    offered = ", ".join(f":{one}" for one in parameters.modifiers(parameter))
    raise Unsupported(f"“{parameter.code}” of {kind} has no “:{modifier[:64]}”{reason}. It has {offered}.")


def _tests(kind: str, parameter: Parameter, modifier: str, raw: str, context: Context) -> tuple[Test, ...]:
    pieces = comparing.split(raw, ",")
    if not all(pieces):
        raise BadValue(f"“{parameter.code}” has an empty value. Leave the parameter out, or ask for “:missing=true”.")
    return tuple(_test(kind, parameter, modifier, piece, context) for piece in pieces)


def _test(kind: str, parameter: Parameter, modifier: str, piece: str, context: Context) -> Test:
    if parameter.code == "_id":
        return comparing.identity(parameter, modifier, piece)
    if parameter.type == "composite":
        return _composite(kind, parameter, piece, context)
    if modifier == "identifier" or parameter.type == "token":
        return comparing.token(parameter, "" if modifier in ("identifier", "not") else modifier, piece)
    if parameter.type == "reference":
        return comparing.reference(parameter, modifier, piece, context.base)
    if parameter.type == "date":
        return comparing.date(parameter, piece, context.now)
    if parameter.type in ("string", "uri"):
        return getattr(comparing, parameter.type)(parameter, modifier, piece)
    return {"number": comparing.number, "quantity": comparing.quantity, "special": comparing.near}[parameter.type](
        parameter, piece
    )


def _composite(kind: str, parameter: Parameter, piece: str, context: Context) -> Test:
    codes = [part.code for part in parameter.focuses[0].parts]
    pieces = comparing.split(piece, "$")
    if len(pieces) != len(codes) or not all(pieces):
        raise BadValue(f"“{parameter.code}” needs {len(codes)} values joined by $: {'$'.join(codes)}.")
    tests = [_test(kind, parameter_of(kind, code), "", one, context) for code, one in zip(codes, pieces, strict=True)]
    return lambda together: all(
        any(test(value) for value in values) for test, values in zip(tests, together, strict=True)
    )
