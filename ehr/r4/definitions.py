"""What FHIR R4 (4.0.1) says, reduced: schema, parts, rules and displays. Source and licence: data/README.md."""

import gzip
import json
from functools import cache
from importlib import resources
from typing import NamedTuple


class Field(NamedTuple):
    """One element: how many, of which type, and what a reference may point at ([] = anything)."""

    least: int
    many: bool
    type: str
    targets: list[str]
    choice: str


@cache
def _read(name: str) -> dict:
    packed = resources.files(__package__).joinpath("data", name).read_bytes()
    return json.loads(gzip.decompress(packed))


@cache
def schema() -> dict[str, dict]:
    """Return the official JSON schema's definitions, by name."""
    return _read("definitions.json.gz")["schema"]


@cache
def parts() -> dict[str, dict[str, Field]]:
    """Return {"Observation", "Period", "Claim.item", …: {JSON name: Field}}."""
    kept = _read("definitions.json.gz")["parts"]
    return {part: {name: Field(*field) for name, field in fields.items()} for part, fields in kept.items()}


@cache
def rules() -> dict[str, list[tuple[str, str, str]]]:
    """Return {part: [(key, words, FHIRPath)]}: the rules whose breach is an error."""
    kept = _read("definitions.json.gz")["rules"]
    return {part: [tuple(rule) for rule in found] for part, found in kept.items()}


@cache
def resource_types() -> frozenset[str]:
    """Return the names of all resource types."""
    official = schema()
    return frozenset(name for name in official if "resourceType" in official[name].get("properties", {}))


@cache
def displays() -> dict[str, dict[str, str]]:
    """Return {code system: {code: display}} of HL7's small code systems."""
    return _read("displays.json.gz")
