"""The page of benchmarks: rows as a table, and a part of its own for what another command measures."""

from collections.abc import Sequence
from pathlib import Path

from tests.bench.measuring import Row

# Parts that have a command of their own, in their order. What is before the first is `make bench`'s.
PARTS = ("Research",)


def table(rows: Sequence[Row]) -> list[str]:
    """Return each measurement with its goal, what was found, whether the goal is met, and the notes."""
    lines = ["| what | found | goal | met |", "| --- | --- | --- | --- |"]
    lines += [f"| {row.what} | {row.found} | {row.goal or '—'} | {row.verdict} |" for row in rows]
    notes = [row for row in rows if row.note]
    if notes:
        lines += ["", "### Notes", ""] + [f"- **{row.what}**: {row.note}" for row in notes]
    return lines


def write(path: Path, part: str, lines: Sequence[str]) -> None:
    """Replace one part of the page, or its beginning where `part` is empty, and leave the others as they are."""
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    parts = {"": before}
    for name in reversed(PARTS):
        parts[""], _, parts[name] = parts[""].partition(f"\n## {name}\n")
    parts[part] = "\n" * bool(part) + "\n".join(lines) + "\n"
    texts = [parts[""]] + [f"\n## {name}\n{parts[name]}" for name in PARTS if parts[name]]
    path.write_text("".join(texts), encoding="utf-8")
