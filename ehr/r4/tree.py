"""Walks a resource along FHIR's own structure, so that each node is known by its type: "Period", "Claim.item".

Nodes of nested resources are left out: they are checked as resources of their own.
"""

from collections.abc import Iterator
from typing import NamedTuple

from . import definitions
from .definitions import Field
from .problems import path_text


class Node(NamedTuple):
    """One group of elements, what FHIR calls it, and the steps that lead to it."""

    part: str
    value: dict
    steps: tuple

    def path(self, name: str = "") -> str:
        """Return "Observation.component[0].code"."""
        return path_text((*self.steps, name) if name else self.steps)


def nodes(resource: dict) -> list[Node]:
    """Return every node of a resource, the resource itself first. Elements R4 does not know are passed over."""
    parts = definitions.parts()
    kind = resource["resourceType"]
    found = [Node(kind, resource, (kind,))]
    for node in found:  # grows while it is read
        fields = parts[node.part]
        for name, value in node.value.items():
            if value.__class__ is dict or value.__class__ is list:
                part = _part_of(name, fields)
                if part in parts and part != "Resource":
                    found.extend(_children(part, value, (*node.steps, name)))
    return found


def _part_of(name: str, fields: dict[str, Field]) -> str:
    if name.startswith("_"):
        return "Element"
    field = fields.get(name)
    return field.type if field else ""


def _children(part: str, value: dict | list, steps: tuple) -> Iterator[Node]:
    if isinstance(value, dict):
        yield Node(part, value, steps)
        return
    for index, item in enumerate(value):
        if isinstance(item, dict):
            yield Node(part, item, (*steps, index))


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
