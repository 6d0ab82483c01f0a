"""What schema, models and rules of FHIR R4 let through, checked here in plain Python.

Missing elements (the official schema cannot ask for a primitive), two values where one may stand, empty lists and
groups, dates no calendar has, numbers no instrument shows, references of the wrong type or to nothing contained, an
extension that both has a value and extensions (ext-1), a period that ends before it begins (per-1), a contained
resource nobody refers to (dom-3), scripts in a narrative (txt-1).
Sources: FHIR R4 JSON format (json.html), StructureDefinitions, references.html, narrative.html.
"""

import binascii
import re
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from functools import cache

from . import definitions, narrative
from .definitions import Field
from .problems import CHECKS, Problem
from .tree import Node

DATED = frozenset({"date", "dateTime", "instant"})
# FHIR sets no bounds. 1e-20000000 is eleven characters here and a page of 20 MB; nothing that is measured comes near
# these: Avogadro's number is 6e23, Planck's constant 7e-34, and a double has 17 digits.
MOST_DIGITS = 60
FURTHEST_POWER = 100
LOOKED_AT = DATED | {"Reference", "base64Binary"}
_SIGNS = "holds signs that no text has: only tab and line ends are allowed."
# What stands below the space, but tab and line ends. Source: datatypes.html#string.
CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


def check(resource: dict, nodes: list[Node], *, container: dict | None = None) -> list[Problem]:
    """Return what is wrong with a resource whose nodes were found by tree.nodes.

    In a contained resource "#name" is another one in the same container (references.html, 2.3.0.1.1).
    """
    found: list[Problem] = []
    contained = _contained_types(container or resource)
    for node in nodes:
        found.extend(_missing(node))
        found.extend(_crowded(node))
        telling = _telling(node.part)
        for name, value in node.value.items():
            if words := _unkept(value):
                found.append(_problem(node, name, words))
            elif not value and value in ("", [], {}):
                found.append(_problem(node, name, "is empty. Leave it out instead."))
            elif name in telling:
                found.extend(_leaf(node, name, telling[name], value, contained))
        if node.part in SPECIAL:
            found.extend(SPECIAL[node.part](node))
    if contained and container is None:
        found.extend(_unused(resource, nodes, contained))
    return found


def _unkept(value: object) -> str:
    """Return why a text, one of several, or a number can stand nowhere; "" where it can. Source: datatypes.html#string.

    Called for every value of every resource, so it asks for the class itself.
    """
    if value.__class__ is str:
        return _SIGNS if CONTROLS.search(value) else ""
    if value.__class__ is list:
        return _SIGNS if any(one.__class__ is str and CONTROLS.search(one) for one in value) else ""
    return _BEYOND if (value.__class__ is Decimal or value.__class__ is int) and _is_beyond(value) else ""


@cache
def _telling(part: str) -> dict[str, Field]:
    """Return the elements of a part whose values are looked at."""
    return {name: field for name, field in definitions.parts()[part].items() if field.type in LOOKED_AT}


@cache
def _required(part: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return ((name to say, JSON names of which one must be there), …) of a part."""
    wanted: dict[str, list[str]] = {}
    for name, field in definitions.parts()[part].items():
        if field.least:
            wanted.setdefault(f"{field.choice}[x]" if field.choice else name, []).append(name)
    return tuple((say, tuple(names)) for say, names in wanted.items())


@cache
def _choices(part: str) -> tuple[frozenset[str], ...]:
    """Return the groups of JSON names of which only one may be there."""
    groups: dict[str, list[str]] = {}
    for name, field in definitions.parts()[part].items():
        if field.choice:
            groups.setdefault(field.choice, []).append(name)
    return tuple(frozenset(names) for names in groups.values() if len(names) > 1)


def _missing(node: Node) -> list[Problem]:
    there = node.value
    return [
        _problem(node, say, "is missing.")
        for say, names in _required(node.part)
        if not any(name in there or f"_{name}" in there for name in names)
    ]


def _crowded(node: Node) -> list[Problem]:
    found = []
    for names in _choices(node.part):
        there = names & node.value.keys()
        if len(there) > 1:
            found.append(_problem(node, "", f"has {' and '.join(sorted(there))}. Only one of them may be given."))
    return found


def _leaf(node: Node, name: str, field: Field, value: object, contained: dict[str, str]) -> Iterator[Problem]:
    """Yield what is wrong with the values of one element."""
    if field.type in DATED:
        yield from _dates(node, name, value)
    elif field.type == "Reference":
        yield from _targets(node, name, field, value, contained)
    elif field.type == "base64Binary" and isinstance(value, str) and not _is_base64(value):
        yield _problem(node, name, "is not base64.")


_BEYOND = f"must be a number of at most {MOST_DIGITS} digits, and within ten to the power of {FURTHEST_POWER}."


def _is_beyond(number: Decimal | int) -> bool:
    if isinstance(number, int):
        return abs(number) >= 10**MOST_DIGITS
    return len(number.as_tuple().digits) > MOST_DIGITS or abs(number.adjusted()) > FURTHEST_POWER


def _dates(node: Node, name: str, value: object) -> Iterator[Problem]:
    for text in value if isinstance(value, list) else (value,):
        if isinstance(text, str) and len(text) >= 10 and not _in_calendar(text[:10]):
            yield _problem(node, name, "is a day that no calendar has.")


def _in_calendar(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _is_base64(text: str) -> bool:
    try:
        binascii.a2b_base64("".join(text.split()), strict_mode=True)
    except (ValueError, binascii.Error):
        return False
    return True


def _targets(node: Node, name: str, field: Field, value: object, contained: dict[str, str]) -> Iterator[Problem]:
    """Yield references to a type that may not stand here, and to contained resources that are not there."""
    for reference in value if isinstance(value, list) else (value,):
        if not isinstance(reference, dict):
            continue
        target = reference.get("reference")
        if isinstance(target, str) and target.startswith("#") and len(target) > 1 and target[1:] not in contained:
            yield _problem(node, name, "refers to a contained resource that is not there.")
        kind = target_type(reference, contained)
        if kind and field.targets and kind not in field.targets:
            yield _problem(node, name, f"refers to {_a(kind)}. It may refer to: {', '.join(field.targets)}.")


def target_type(reference: dict, contained: dict[str, str]) -> str:
    """Return the resource type a reference points at, "" where it does not say."""
    target = reference.get("reference")
    if isinstance(target, str) and target.startswith("#"):
        return contained.get(target[1:], "")
    if isinstance(target, str) and not target.startswith("urn:"):
        steps = target.split("/_history/", 1)[0].split("?", 1)[0].split("/")
        for kind in steps[-2:-1] or steps[:1] if "?" in target else steps[-2:-1]:
            if kind in definitions.resource_types():
                return kind
    kind = reference.get("type", "")
    return kind if isinstance(kind, str) and kind in definitions.resource_types() else ""


def _a(kind: str) -> str:
    return f"an {kind}" if kind[0] in "AEIOU" else f"a {kind}"


def _extension(node: Node) -> Iterator[Problem]:
    has_value = any(name.startswith(("value", "_value")) for name in node.value)
    if has_value == ("extension" in node.value):
        yield _problem(node, "", "must have either a value or further extensions, not both and not neither (ext-1).")


def _period(node: Node) -> Iterator[Problem]:
    if _runs_backwards(node.value):
        yield _problem(node, "", "ends before it begins (per-1).")


def _narrative(node: Node) -> Iterator[Problem]:
    if isinstance(node.value.get("div"), str):
        for words in narrative.problems(node.value["div"]):
            yield _problem(node, "div", words)


# What only some types ask for.
SPECIAL = {"Extension": _extension, "Period": _period, "Narrative": _narrative}


def _runs_backwards(period: dict) -> bool:
    """True when a period's end lies before its start; days count where one of the two has no time of day.

    Done here and not by FHIRPath, for fhirpathpy compares times of different zones as text.
    """
    start, end = period.get("start"), period.get("end")
    if not isinstance(start, str) or not isinstance(end, str):
        return False
    if "T" in start and "T" in end:
        try:
            return datetime.fromisoformat(start) > datetime.fromisoformat(end)
        except (ValueError, TypeError):
            pass  # a leap second, or a time without a zone: the day will do
    length = min(len(start), len(end), 10)
    return start[:length] > end[:length]


def _contained_types(resource: dict) -> dict[str, str]:
    """Return {id: resource type} of what a resource contains."""
    listed = resource.get("contained")
    named = [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
    return {
        item["id"]: item["resourceType"] if isinstance(item.get("resourceType"), str) else ""
        for item in named
        if isinstance(item.get("id"), str)
    }


def _unused(resource: dict, nodes: list[Node], contained: dict[str, str]) -> Iterator[Problem]:
    """Yield contained resources that nothing refers to and that refer to nothing outside themselves (dom-3)."""
    used = {str(node.value.get("reference")) for node in nodes if node.part == "Reference"}
    inside = set(_references_within(resource["contained"]))
    canonical = {
        value for node in nodes for value in node.value.values() if isinstance(value, str) and value[:1] == "#"
    }
    for index, item in enumerate(resource["contained"]):
        name = item.get("id") if isinstance(item, dict) else None
        refers_back = "#" in set(_references_within(item))
        if name in contained and f"#{name}" not in used | inside | canonical and not refers_back:
            path = f"{resource['resourceType']}.contained[{index}]"
            yield Problem(path, f"{path} is not referred to by anything (dom-3).", CHECKS)


def _references_within(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        for item in value.values():
            yield from _references_within(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references_within(item)


def _problem(node: Node, name: str, words: str) -> Problem:
    path = node.path(name)
    return Problem(path, f"{path} {words}", CHECKS)
