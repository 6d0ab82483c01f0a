"""Takes the values of all search parameters of a resource in one pass over what it holds.

Programs are made once a type, from the compiled expressions: which top-level element feeds which parameters. Elements
that are absent cost nothing, and parameters that look at the same place share one reading.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import NamedTuple

from . import parameters, paths
from .indexed import CONVERTERS, Convert, identifier_of, of_type
from .parameters import Focus, Parameter

# What some modifiers ask for stands under names of its own.
IDENTIFIER, OF_TYPE = ":identifier", ":of-type"
# Known to whoever holds the entry, not to its text: the id has its own place, the time is that of writing.
OUTSIDE = frozenset({"_id", "_lastUpdated"})


class _Program(NamedTuple):
    """How to read one type: by top-level element, and from the resource as a whole; which codes may be the same."""

    by_element: dict[str, list[tuple[tuple[str, ...], Callable[[object, list], None]]]]
    whole: list[tuple[str, Callable[[Mapping, list], None]]]
    twins: list[tuple[str, str]]


def taken(resource: Mapping) -> dict[str, list | str]:
    """Return {code: values} of a resource's parameters; a text names the code whose values are the same."""
    program = _program(resource["resourceType"])
    found: dict[str, list | str] = {}
    for name, value in resource.items():
        for codes, take in program.by_element.get(name, ()):
            values: list = []
            take(value, values)
            if values:
                _add(found, codes, values)
    for code, read in program.whole:
        values = []
        read(resource, values)
        if values:
            found[code] = values
    for code, twin in program.twins:
        # One step leads to the values: what names another already is left as it is.
        if found.get(code).__class__ is list and found[code] == found.get(twin):
            found[code] = twin
    return found


def _add(found: dict, codes: tuple[str, ...], values: list) -> None:
    for code in codes:
        if code in found:
            found[code] = found[code] + [value for value in values if value not in found[code]]
        else:
            found[code] = values


@cache
def _program(kind: str) -> _Program:
    known = parameters.supported(kind)
    by_place: dict[tuple, list[str]] = {}
    for parameter in known.values():
        if parameter.code in OUTSIDE:
            continue
        for branch in parameter.branches:
            for suffix, convert in _conversions(parameter.type, branch.type):
                by_place.setdefault((branch.steps, convert), []).append(parameter.code + suffix)
    by_element: dict[str, list] = {}
    for (steps, convert), codes in by_place.items():
        by_element.setdefault(steps[0].name, []).append((tuple(codes), paths.each(steps, convert)))
    whole = [(code, read) for code, parameter in known.items() if (read := _whole(parameter, kind))]
    return _Program(by_element, whole, _twins(known))


def _conversions(as_type: str, fhir_type: str) -> list[tuple[str, Convert]]:
    found = [("", CONVERTERS[as_type][fhir_type])]
    if (as_type, fhir_type) == ("token", "Identifier"):
        found.append((OF_TYPE, of_type))
    if (as_type, fhir_type) == ("reference", "Reference"):
        found.append((IDENTIFIER, identifier_of))
    return found


def _whole(parameter: Parameter, kind: str) -> Callable[[Mapping, list], None] | None:
    if parameter.focuses:
        return _composite(parameter.focuses)
    if parameters.is_truth(parameter.expression):
        holds = paths.truth(parameter.expression, kind)
        return lambda resource, found: found.append(["", "true" if holds(resource) else "false", ""])
    return None


def _composite(focuses: tuple[Focus, ...]) -> Callable[[Mapping, list], None]:
    """Return what adds one list for each focus that has all parts: the values of each part."""
    readers = [
        (
            paths.reader(focus.at.steps, lambda value, found: found.append(value)),
            [
                (
                    part.of_resource,
                    [paths.reader(branch.steps, CONVERTERS[part.type][branch.type]) for branch in part.branches],
                )
                for part in focus.parts
            ],
        )
        for focus in focuses
    ]

    def read(resource: Mapping, found: list) -> None:
        for reach, parts in readers:
            places: list = []
            reach(resource, places)
            for place in places:
                together = []
                for of_resource, reads in parts:
                    values: list = []
                    for read_part in reads:
                        read_part(resource if of_resource else place, values)
                    if not values:
                        break
                    together.append(values)
                else:
                    found.append(together)

    return read


def _twins(known: dict[str, Parameter]) -> list[tuple[str, str]]:
    """Return (code, other code) where both look at one place: what they hold is often the same, and kept once.

    The other never has a twin of its own, so that one step leads to the values.
    """
    firsts: dict[tuple, str] = {}
    found = []
    for code, parameter in sorted(known.items(), key=lambda item: (len(item[1].expression), item[0])):
        at = [focus.at for focus in parameter.focuses] or parameter.branches
        places = {(parameter.type, len(parameter.focuses) > 0, _untested(branch), _shape(parameter)) for branch in at}
        others = sorted({firsts[place] for place in places if place in firsts})
        found += [(code, other) for other in others]
        for place in places:
            firsts.setdefault(place, code)
    return found


def _untested(branch: paths.Branch) -> tuple[str, ...]:
    return tuple(step.name for step in branch.steps)


def _shape(parameter: Parameter) -> tuple:
    """Return what makes two composites alike: the types and places of their parts."""
    return tuple((part.type, part.branches) for focus in parameter.focuses[:1] for part in focus.parts)
