"""Hold what a test run skipped against the reviewed list: `python3 .ci/skips.py RUN REPORT.xml`."""

import fnmatch
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

LIST = Path(__file__).resolve().parent.parent / "tests" / "allowed_skips.txt"


def allowed(run: str) -> list[str]:
    """Return the patterns reviewed for a run: lines `RUN pattern`, where RUN may be `both`."""
    lines = [line.split(maxsplit=1) for line in LIST.read_text(encoding="utf-8").splitlines()]
    return [words[1] for words in lines if len(words) == 2 and words[0] in {run, "both"}]


def skipped(report: Path) -> list[str]:
    """Return what a JUnit report says was skipped or expected to fail, as `file::test: reason`."""
    cases = ET.parse(report).iter("testcase")  # noqa: S314 - written by our own test run
    return [
        f"{case.get('classname')}::{case.get('name')}: {case.find('skipped').get('message')}"
        for case in cases
        if case.find("skipped") is not None
    ]


def strays(skips: list[str], patterns: list[str]) -> list[str]:
    return [skip for skip in skips if not any(fnmatch.fnmatchcase(skip, pattern) for pattern in patterns)]


def main(run: str, report: str) -> int:
    if not Path(report).exists():
        print(f"There is no report of the {run} run.")
        return 1
    found = strays(skipped(Path(report)), allowed(run))
    for skip in found:
        print(f"Skipped and not on tests/allowed_skips.txt for the {run} run: {skip}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
