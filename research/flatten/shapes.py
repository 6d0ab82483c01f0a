"""The part of a resource that a view reads, as the structure DuckDB parses JSON into, once per resource."""

import json
from dataclasses import dataclass, field
from typing import NamedTuple

from ehr.r4 import definitions

TEXT, WHOLE, NUMBER, TRUTH, MOMENT = "VARCHAR", "BIGINT", "DOUBLE", "BOOLEAN", "MOMENT"
# What FHIR's primitive types become. Moments stay text, as FHIR writes them, and have rules of comparison.
KINDS = {
    **dict.fromkeys(("boolean",), TRUTH),
    **dict.fromkeys(("integer", "positiveInt", "unsignedInt"), WHOLE),
    "decimal": NUMBER,
    **dict.fromkeys(("date", "dateTime", "instant", "time"), MOMENT),
    **dict.fromkeys(
        ("string", "code", "id", "uri", "url", "canonical", "oid", "uuid", "markdown", "base64Binary"), TEXT
    ),
}


def sql_type(fhir_type: str) -> str:
    """Return the DuckDB type that holds a primitive FHIR type."""
    kind = KINDS[fhir_type]
    return TEXT if kind == MOMENT else kind


@dataclass
class Shape:
    """One element that is read, and what is read below it."""

    type: str
    many: bool = False
    children: dict[str, "Shape"] = field(default_factory=dict)

    def child(self, name: str) -> "Shape":
        """Return the shape of an element below, which is read from now on. Raises KeyError where R4 has none."""
        if name not in self.children:
            found = definitions.parts()[self.type][name]
            self.children[name] = Shape(found.type, found.many)
        return self.children[name]

    def structure(self) -> object:
        """Return what DuckDB's from_json takes."""
        if self.type in KINDS:
            one: object = sql_type(self.type)
        elif self.children:
            one = {name: child.structure() for name, child in sorted(self.children.items())}
        else:
            one = "JSON"
        return [one] if self.many else one


class Value(NamedTuple):
    """A compiled expression: SQL that gives one value (or NULL), or a list where `many`; and its FHIR type."""

    sql: str
    type: str
    many: bool = False
    shape: Shape | None = None

    @property
    def kind(self) -> str:
        """The kind of primitive, "" for a group of elements."""
        return KINDS.get(self.type, "")


def text(value: str) -> str:
    """Return SQL's literal of a text."""
    return "'" + value.replace("'", "''") + "'"


def name(value: str) -> str:
    """Return SQL's way to write a name."""
    return '"' + value.replace('"', '""') + '"'


def structure_text(shape: Shape) -> str:
    """Return the argument of from_json as SQL."""
    return text(json.dumps(shape.structure()))
