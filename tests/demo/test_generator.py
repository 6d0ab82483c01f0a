"""The demo's records: plausible, valid, and the same again for the same seed."""

import hashlib
from collections import Counter
from datetime import date
from types import SimpleNamespace

import pytest

from ehr.demo import generator
from ehr.lines import chart
from ehr.r4 import bundles, labels, references, text, validate
from ehr.words import Category

# Changes with the generator; then say so in the changelog.
DIGEST_OF_SEVEN = "6c06bfa58d5b182be4f3e57f5dd0bce0493181a73402e1d24cff623532181be7"


def digest(seed: int) -> str:
    """Return the SHA-256 of three records."""
    return hashlib.sha256(b"".join(text.dumps(bundle) for bundle in generator.patients(3, seed))).hexdigest()


@pytest.fixture(scope="module")
def records() -> list[dict]:
    return list(generator.patients(20, 2026))


def resources(bundle: dict) -> list[dict]:
    return [entry["resource"] for entry in bundle["entry"]]


def test_the_same_seed_makes_the_same_records_on_any_machine():
    assert digest(7) == digest(7) == DIGEST_OF_SEVEN
    assert digest(8) != DIGEST_OF_SEVEN


def test_a_record_does_not_depend_on_how_many_are_made(records):
    assert next(generator.patients(1, 2026)) == records[0]


def test_every_resource_is_valid_in_all_three_layers(records):
    for bundle in records:
        batch = bundles.document("generated", bundle)
        assert references.rewrite(batch.entries) == []
        for entry in batch.entries:
            assert validate.check(entry.resource) == []


def test_a_record_has_about_a_hundred_resources(records):
    counts = [len(bundle["entry"]) for bundle in records]
    assert min(counts) >= 75
    assert max(counts) <= 150


def test_everybody_is_somebody_else(records):
    identifiers = [(one["system"], one["value"]) for bundle in records for one in resources(bundle)[0]["identifier"]]
    assert len(set(identifiers)) == len(identifiers)
    ids = [resource["id"] for bundle in records for resource in resources(bundle)]
    assert len(set(ids)) == len(ids)


def test_names_are_of_many_kinds(records):
    families = [resources(bundle)[0]["name"][0]["family"] for bundle in records]
    assert len(set(families)) >= 18
    assert max(map(len, families)) > 30
    assert any("֐" <= sign <= "ۿ" for family in families for sign in family)
    assert any("given" not in resources(bundle)[0]["name"][0] for bundle in records)


def test_some_have_entries_in_the_sensitive_parts(records):
    parts = Counter(
        category for bundle in records for one in resources(bundle) for category in labels.label(one).categories
    )
    assert set(parts) == set(Category)
    without = [
        bundle for bundle in records if not any(labels.label(one).categories[0].sensitive for one in resources(bundle))
    ]
    assert without


def test_tests_have_trends_and_usual_ranges(records):
    found = chart.build([SimpleNamespace(resource=one) for one in resources(records[0])])
    labs = [result for result in found.labs if len(result.items) >= 5]
    assert len(labs) >= 3
    assert all(result.range_text or result.unit == "points" for result in labs)
    assert all("<svg" in result.trend for result in labs)
    assert found.problems
    assert found.medicines
    assert found.allergies or found.no_known_allergies


def test_the_last_visit_lies_shortly_before_the_day_asked_for():
    [bundle] = generator.patients(1, 1, latest=date(2027, 6, 30))
    visits = [one["period"]["start"][:10] for one in resources(bundle) if one["resourceType"] == "Encounter"]
    assert "2027-04-25" <= max(visits) <= "2027-06-30"
