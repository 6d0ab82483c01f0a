"""Turning records into tables: a view over public observations, compiled and interpreted."""

import gzip
import itertools
import json
import time
from pathlib import Path

import pyarrow as pa

from research.flatten import running
from tests.bench.measuring import Row

SYNTHEA = Path(__file__).resolve().parents[3] / "shared" / "data" / "synthea"
RECORDS, INTERPRETED = 100_000, 3_000
VIEW = {
    "resource": "Observation",
    "where": [{"path": "status = 'final'"}],
    "select": [
        {
            "column": [
                {"name": "id", "path": "getResourceKey()"},
                {"name": "at", "path": "effective.ofType(dateTime)"},
                {"name": "value", "path": "value.ofType(Quantity).value"},
                {"name": "unit", "path": "value.ofType(Quantity).code"},
            ]
        },
        {
            "forEach": "code.coding.where(system = 'http://loinc.org')",
            "column": [{"name": "code", "path": "code"}, {"name": "row", "path": "%rowIndex"}],
        },
    ],
}


def measure() -> list[Row]:
    """Run the view; no row without the public records."""
    observations = _observations()
    if not observations:
        return []
    many = list(itertools.islice(itertools.cycle(observations), RECORDS))
    records = running.documents(("one", document) for document in many)
    size = sum(map(len, many)) / RECORDS
    compiled = max(_speed(records, "compiled") for _ in range(3))
    interpreted = _speed(records.slice(0, INTERPRETED), "interpreted")
    return [
        Row(
            "SQL on FHIR, a view that is compiled",
            f"{compiled:,.0f} resources/s",
            "≥ 25,000 resources/s",
            compiled >= 25_000,
            f"{RECORDS:,} Synthea observations of {size:,.0f} bytes, six columns and a forEach, JSON to Arrow",
        ),
        Row("The same view, interpreted by fhirpathpy", f"{interpreted:,.0f} resources/s"),
    ]


def _observations() -> list[str]:
    found = sorted(SYNTHEA.glob("*.json.gz"), key=lambda path: path.stat().st_size)[:6]
    entries = [entry for path in found for entry in json.loads(gzip.decompress(path.read_bytes()))["entry"]]
    return [json.dumps(one["resource"]) for one in entries if one["resource"]["resourceType"] == "Observation"]


def _speed(records: pa.Table, by: running.Engine) -> float:
    begun = time.perf_counter()
    assert running.table(VIEW, records, by=by).num_rows
    return records.num_rows / (time.perf_counter() - begun)
