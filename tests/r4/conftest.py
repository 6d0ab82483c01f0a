"""The public data that nobody here wrote, where it is at hand."""

import gzip
from pathlib import Path

import pytest

from ehr.r4 import text

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


def resources_in(folder: str) -> list[tuple[str, dict]]:
    """Return (file name, resource) of every file of a folder; a test that needs it is skipped where it is absent."""
    found = []
    for path in sorted((SHARED / folder).glob("*.json*")):
        packed = path.read_bytes()
        found.append((path.name, text.loads(gzip.decompress(packed) if path.suffix == ".gz" else packed)))
    if not found:
        pytest.skip(f"../shared/data/{folder} is not here")
    return found


@pytest.fixture(scope="session")
def synthea() -> list[tuple[str, dict]]:
    """Return the bundles of 40 synthetic patients."""
    return resources_in("synthea")


@pytest.fixture(scope="session")
def us_core() -> list[tuple[str, dict]]:
    """Return the 214 examples of US Core 7.0.0."""
    return resources_in("us-core-7.0.0")
