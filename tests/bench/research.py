"""`make bench-research`: what research takes, written as its own part of docs/benchmarks.md."""

import argparse
import os
import platform
from pathlib import Path

from tests.bench import anonymising, pages

ROOT = Path(__file__).resolve().parents[2]
SECTIONS = {"anonymity": anonymising.measure}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="run the sections whose name contains this, and write nothing")
    options = parser.parse_args()
    rows = [row for name, section in SECTIONS.items() if not options.only or options.only in name for row in section()]
    lines = [
        "Written by `make bench-research`. One run on one machine.",
        "",
        f"Python {platform.python_version()}, {os.cpu_count()} cores.",
        "",
        *pages.table(rows),
    ]
    print("\n".join(lines))  # noqa: T201
    if not options.only:
        pages.write(ROOT / "docs" / "benchmarks.md", "Research", lines)


if __name__ == "__main__":
    main()
