"""Asking one resource one thing, as a search does."""

from datetime import UTC, datetime

from ehr.r4 import search
from ehr.r4.matching import Context, parse

HERE = Context(base="https://chart.example/fhir/", now=datetime(2026, 11, 21, tzinfo=UTC))


def matches(resource: dict, name: str, *raws: str) -> bool:
    """Tell whether a resource is found by one parameter."""
    return parse(resource["resourceType"], name, raws, HERE).matches(search.values(resource))


def observed(**elements) -> dict:
    """Return a final Observation with some elements."""
    return {"resourceType": "Observation", "status": "final", **elements}
