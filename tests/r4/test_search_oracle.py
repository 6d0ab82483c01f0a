"""Every parameter with every modifier finds what a plain scan by FHIRPath finds.

`make search-sweep` (SWEEP=all) compares all of the public data instead of a part of it.
"""

import contextlib
import io
import os
from collections import Counter

import pytest

from ehr.r4 import parameters, references, search
from ehr.r4.matching import parse
from ehr.r4.references import Entry

from . import made, oracle

SWEEP = os.environ.get("SWEEP") == "all"
OF_A_TYPE = 10_000 if SWEEP else 12  # resources of one type from one source
ASKED = 4 if SWEEP else 2  # resources whose values are asked for
KINDS = parameters.kinds()


def differences(kind: str, resources: list[dict]) -> tuple[list[str], int]:
    """Return (what the index finds otherwise than the scan, number of questions) for all parameters of a type."""
    indexes = [search.values(resource) for resource in resources]
    wrong, asked = [], 0
    known = parameters.defined(kind)
    for code, parameter in parameters.supported(kind).items():
        if code in ("_id", "_lastUpdated", "near"):
            continue  # an id, a time and a distance: test_matching
        parts = [known[part["code"]] for part in known[code].get("component", ())]
        found = [oracle.values(resource, known[code]) for resource in resources]
        for modifier, raw in questions(known[code], found, parts, parameters.modifiers(parameter)):
            asked += 1
            name = f"{code}:{modifier}" if modifier else code
            criterion = parse(kind, name, [raw])
            ours = [criterion.matches(index) for index in indexes]
            theirs = [oracle.matches(known[code], modifier, raw, items, parts) for items in found]
            if ours != theirs:
                first = resources[[one == other for one, other in zip(ours, theirs, strict=True)].index(False)]
                wrong.append(f"{kind}?{name}={raw}: {sum(ours)} found, {sum(theirs)} scanned, as {first['id']}")
    return wrong, asked


def questions(definition: dict, found: list, parts: list[dict], modifiers: tuple[str, ...]) -> list[tuple[str, str]]:
    asked = [("missing", "true"), ("missing", "false")]
    for items in [items for items in found if items][:ASKED]:
        asked += made.questions(definition, items, parts, modifiers)
    return list(dict.fromkeys(asked))


@pytest.fixture(autouse=True)
def quiet():
    """fhirpathpy prints."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_finds_what_fhirpath_finds(kind):
    wrong, asked = differences(kind, made.resources(kind))
    assert wrong == []
    assert asked > 10


def test_public_records_are_found_as_fhirpath_finds_them(synthea, us_core):
    resources = [resource for _name, resource in us_core]
    for _name, bundle in synthea if SWEEP else synthea[:4]:
        entries = [Entry(at, entry["fullUrl"], entry["resource"]) for at, entry in enumerate(bundle["entry"], 1)]
        references.rewrite(entries)
        resources += [entry.resource for entry in entries]
    taken, count = {}, Counter()
    for resource in resources:
        kind = resource["resourceType"]
        count[kind] += 1
        if kind in KINDS and count[kind] <= OF_A_TYPE:
            taken.setdefault(kind, []).append(resource)
    results = [differences(kind, held) for kind, held in taken.items()]
    assert [difference for wrong, _asked in results for difference in wrong] == []
    assert sum(asked for _wrong, asked in results) > 1000
