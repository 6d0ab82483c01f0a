"""Walks a resource along FHIR's own structure, so that each node is known by its type: "Period", "Claim.item".

Nodes of nested resources are left out: they are checked as resources of their own.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from . import definitions
from .problems import path_text


class Node(NamedTuple):
    """One group of elements: its type, where it stands ("Organization.address"), and the steps that lead to it."""

    part: str
    value: dict
    steps: tuple
    place: str

    def path(self, name: str = "") -> str:
        """Return "Observation.component[0].code"."""
        return path_text((*self.steps, name) if name else self.steps)


def nodes(resource: dict) -> list[Node]:
    """Return every node of a resource, the resource itself first. Elements R4 does not know are passed over."""
    parts = definitions.parts()
    kind = resource["resourceType"]
    found = [Node(kind, resource, (kind,), kind)]
    for node in found:  # grows while it is read
        for name, value in node.value.items():
            if value.__class__ is dict or value.__class__ is list:
                part, place = _named(node.part, name)
                if part in parts and part != "Resource":
                    found.extend(_children(part, value, (*node.steps, name), place))
    return found


@lru_cache(maxsize=20_000)  # names come from senders
def _named(parent: str, name: str) -> tuple[str, str]:
    """Return the type of an element and its place; "" for one that R4 does not know."""
    if name.startswith("_"):
        return "Element", ""
    field = definitions.parts()[parent].get(name)
    if field is None:
        return "", ""
    return field.type, f"{parent}.{field.choice}[x]" if field.choice else f"{parent}.{name}"


def _children(part: str, value: dict | list, steps: tuple, place: str) -> Iterator[Node]:
    if isinstance(value, dict):
        yield Node(part, value, steps, place)
        return
    for index, item in enumerate(value):
        if isinstance(item, dict):
            yield Node(part, item, (*steps, index), place)


def nested(resource: dict) -> Iterator[tuple[tuple, dict]]:
    """Yield (steps, resource) of the resources inside a resource: contained ones, and those of a Bundle's entries."""
    kind = resource["resourceType"]
    for index, item in enumerate(_listed(resource.get("contained"))):
        yield (kind, "contained", index), item
    if kind == "Bundle":
        for index, entry in enumerate(_listed(resource.get("entry"))):
            if isinstance(entry.get("resource"), dict):
                yield (kind, "entry", index, "resource"), entry["resource"]


def _listed(value: object) -> list[dict]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
