"""`make bench`: measure, print ratios, and write docs/benchmarks.md. One run on one machine: trust the ratios."""

import argparse
import os
import platform
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="run the sections whose name contains this, and write nothing")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DATA_DIR"] = folder
        os.environ["DJANGO_SETTINGS_MODULE"] = "ehr.settings"
        os.environ.setdefault("LOG_LEVEL", "WARNING")
        os.environ.pop("DATABASE_URL", None)
        # Settings are read when Django starts, so the sections are loaded after the folder is known.
        from tests.bench import pages, sections  # noqa: PLC0415

        rows = sections.measure(options.only)
    text = report(rows)
    print(text)  # noqa: T201
    if not options.only:
        pages.write(ROOT / "docs" / "benchmarks.md", "", text.splitlines())


def report(rows) -> str:
    """Return the page: each measurement with its goal, what was found, and whether the goal is met."""
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench`. Ratios of one run on one machine; milliseconds elsewhere will differ.",
        "",
        f"Python {platform.python_version()}, {os.cpu_count()} cores.",
        "",
        "| what | found | goal | met |",
        "| --- | --- | --- | --- |",
    ]
    lines += [f"| {row.what} | {row.found} | {row.goal or '—'} | {row.verdict} |" for row in rows]
    notes = [row for row in rows if row.note]
    if notes:
        lines += ["", "## Notes", ""] + [f"- **{row.what}**: {row.note}" for row in notes]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
