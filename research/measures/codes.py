"""The code lists that the measures go by: data, each list with its publisher's number, its version and its source."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

SNOMED, ICD, LOINC, CVX = "snomed", "icd-10-cm", "loinc", "cvx"
# By the address a code's system has in FHIR. Codes of other systems are not read.
SYSTEMS = {
    "http://snomed.info/sct": SNOMED,
    "http://hl7.org/fhir/sid/icd-10-cm": ICD,
    "http://loinc.org": LOINC,
    "http://hl7.org/fhir/sid/cvx": CVX,
}
_FILE = Path(__file__).with_name("value_sets.json")


@dataclass(frozen=True)
class ValueSet:
    """One list. `oid` is the publisher's number, empty where a measure names a code itself or the list is ours."""

    name: str
    title: str
    oid: str
    version: str
    source: str
    left_out: tuple[str, ...]  # systems of the published list that are not here
    codes: Mapping[str, frozenset[str]]  # by system


@cache
def value_sets() -> Mapping[str, ValueSet]:
    """Return all lists by name."""
    return {
        one["name"]: ValueSet(
            **one
            | {
                "left_out": tuple(one["left_out"]),
                "codes": {system: frozenset(codes.split()) for system, codes in one["codes"].items()},
            }
        )
        for one in json.loads(_FILE.read_text())["sets"]
    }


def codes(*names: str) -> frozenset[str]:
    """Return the codes of these lists together, of all systems: none of theirs are written alike in one table."""
    return frozenset(code for name in names for found in value_sets()[name].codes.values() for code in found)
