"""Importing FHIR: read, validated in three layers, labelled, sealed with no reading key at hand."""

import tempfile
import time
from pathlib import Path

from django.core.management import call_command

from ehr.demo import generator
from ehr.r4 import text
from patients.models import Entry
from tests.bench.measuring import Row

RECORDS = 24


def measure() -> list[Row]:
    """Import generated records by the command an operator uses, after one that warms the validators."""
    with tempfile.TemporaryDirectory() as folder:
        for number, bundle in enumerate(generator.patients(RECORDS + 2, seed=7)):
            Path(folder, f"{number:02}.json").write_bytes(text.dumps(bundle))
        files = sorted(Path(folder).iterdir())
        _import(files[:2])
        before, wall, cpu = Entry.objects.count(), time.perf_counter(), time.process_time()
        _import(files[2:])
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        count = Entry.objects.count() - before
    return [
        Row(
            "Importing FHIR, validated in three layers and sealed",
            f"{count / wall:,.0f} resources/s ({count / cpu:,.0f} per CPU-second)",
            "≥ 1,000/s",
            count / wall >= 1000,
        )
    ]


def _import(files: list[Path]) -> None:
    with Path("/dev/null").open("w", encoding="utf-8") as nowhere:
        call_command("import_fhir", *map(str, files), stdout=nowhere, stderr=nowhere)
