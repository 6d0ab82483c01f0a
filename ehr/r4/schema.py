"""The first layer: HL7's JSON schema, one small compiled validator per resource type.

The stock schema tries 148 types for each nested resource and never finished compiling; dispatch on
`resourceType` with nested resources checked on their own compiles a type in milliseconds, when first needed.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import jsonschema_rs

from . import definitions
from .problems import SCHEMA, Problem, path_text

MOST_PROBLEMS = 20
# What HL7 writes for string and markdown lets through no space but the plain one, and a name in Japanese has another
# between its parts. Which signs no text may hold, `checks` says.
PLAIN_SPACE, ANY_SPACE = r"^[ \r\n\t\S]+$", r"^[\s\S]+$"
JSON_WORDS = {
    "number": "a number",
    "integer": "a whole number",
    "string": "text",
    "boolean": "true or false",
    "array": "a list",
    "object": "a group of elements",
    "null": "empty",
}
WRITTEN = {
    "date": "a date like 2026, 2026-05 or 2026-05-03",
    "dateTime": "a date, or a date and time with its zone, like 2026-05-03T09:30:00+02:00",
    "instant": "a date and time with its zone, like 2026-05-03T09:30:00Z",
    "time": "a time like 09:30:00",
    "id": "an id of up to 64 letters, digits, dashes and dots",
    "code": "a code without leading, trailing or double spaces",
    "decimal": "a number",
    "positiveInt": "a whole number above 0",
    "unsignedInt": "a whole number, 0 or more",
    "oid": "an OID like urn:oid:1.2.3",
    "uuid": "a UUID like urn:uuid:…",
}


def check(resource: dict) -> list[Problem]:
    """Return what the schema has against a resource, at most 20 problems. The type must be one R4 knows."""
    compiled = validator(resource["resourceType"])
    if compiled.is_valid(resource):
        return []
    found: list[Problem] = []
    for error in compiled.iter_errors(resource):
        found.extend(_explain(error, resource["resourceType"]))
        if len(found) >= MOST_PROBLEMS:
            break
    return found


@cache
def validator(resource_type: str) -> jsonschema_rs.Validator:
    """Return the compiled schema of one type with everything it refers to."""
    official = definitions.schema()
    needed = {name: _with_any_space(official[name]) for name in _reachable(resource_type)}
    return jsonschema_rs.validator_for(
        {
            "$schema": "http://json-schema.org/draft-06/schema#",
            "$ref": f"#/definitions/{resource_type}",
            "definitions": needed,
        },
        validate_formats=True,
    )


def _with_any_space(node: Any) -> Any:
    if isinstance(node, dict):
        return {name: _with_any_space(value) for name, value in node.items()}
    if isinstance(node, list):
        return [_with_any_space(value) for value in node]
    return ANY_SPACE if node == PLAIN_SPACE else node


def _reachable(name: str) -> set[str]:
    """Return the names of all definitions that one definition leads to."""
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current not in seen:
            seen.add(current)
            waiting.extend(_references(definitions.schema()[current]))
    return seen


def _references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"].rsplit("/", 1)[-1]
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def _explain(error: jsonschema_rs.ValidationError, resource_type: str) -> Iterator[Problem]:
    """Yield the error in a person's words; one "additional properties" error may name several elements."""
    path = path_text([resource_type, *error.instance_path])
    kind: Any = error.kind  # each kind has attributes of its own
    name = type(kind).__name__.rsplit("_", 1)[-1]
    if name == "Required":
        yield _problem(f"{path}.{kind.property}", "is missing.")
    elif name == "AdditionalProperties":
        for unknown in kind.unexpected:
            yield _problem(f"{path}.{unknown}", "is not an element that FHIR R4 has here.")
    else:
        yield _problem(path, _expected(error, name))


def _expected(error: jsonschema_rs.ValidationError, name: str) -> str:
    kind: Any = error.kind
    if name == "Type":
        wanted = [JSON_WORDS.get(word, word) for word in kind.types]
        return f"must be {' or '.join(wanted)}."
    if name == "Enum":
        return f"must be one of: {', '.join(str(option) for option in kind.options)}."
    if name == "Pattern":
        return f"must be {_written(error)}."
    return "is not as FHIR R4 has it."


def _written(error: jsonschema_rs.ValidationError) -> str:
    """Return how the value must be written: the primitive's name stands in the schema's path, or in the pattern."""
    places = [step for step in error.schema_path if step in WRITTEN]
    if places:
        return WRITTEN[places[-1]]
    kind: Any = error.kind
    return WRITTEN.get(_primitives_by_pattern().get(kind.pattern, ""), "written as FHIR R4 writes it, and not empty")


@cache
def _primitives_by_pattern() -> dict[str, str]:
    official = definitions.schema()
    return {official[name]["pattern"]: name for name in WRITTEN if "pattern" in official.get(name, {})}


def _problem(path: str, words: str) -> Problem:
    return Problem(path, f"{path} {words}", SCHEMA)
