"""Runs the importer as an operator does, and reads what it says."""

import json
from io import StringIO

from django.core.management import CommandError, call_command


def run(*paths, **options) -> tuple[str, str]:
    """Run the command; return what it said on stdout and on stderr, its last word included."""
    out, err = StringIO(), StringIO()
    try:
        call_command("import_fhir", *map(str, paths), stdout=out, stderr=err, **options)
    except CommandError as problem:
        err.write(f"EXIT {problem.returncode}: {problem}")
    return out.getvalue(), err.getvalue()


def summary(out: str) -> dict[str, int]:
    """Return the counts of a run."""
    return {line[:24].strip(): int(line[24:].replace(",", "")) for line in out.splitlines()}


def lines(*resources: dict) -> bytes:
    """Return resources as NDJSON."""
    return b"\n".join(json.dumps(one).encode() for one in resources)
