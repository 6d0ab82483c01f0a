"""The public data that nobody here wrote, where it is at hand."""

import gzip
from pathlib import Path

import pytest

from ehr.r4 import references, text
from ehr.r4.references import Entry

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


def read(path: Path) -> dict:
    packed = path.read_bytes()
    return text.loads(gzip.decompress(packed) if path.suffix == ".gz" else packed)


@pytest.fixture(scope="session")
def records() -> list[list[dict]]:
    """Return the resources of 40 synthetic patients, references rewritten, and the examples of US Core as one more."""
    paths = sorted((SHARED / "synthea").glob("*.json.gz"))
    examples = sorted((SHARED / "us-core-7.0.0").glob("*.json"))
    if not paths or not examples:
        pytest.skip("../shared/data is not here")
    found = []
    for path in paths:
        entries = [Entry(n, one["fullUrl"], one["resource"]) for n, one in enumerate(read(path)["entry"], start=1)]
        references.rewrite(entries)
        found.append([entry.resource for entry in entries])
    return [*found, [read(path) for path in examples]]
