"""A part of the record in sections, as its patient reads it: what matters most first, each newest first."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from django.urls import reverse

from ehr.lines import contents, medicines
from ehr.lines.chart import Chart, Item, Result
from ehr.lines.headings import HEADINGS, UNREADABLE

_REPEATED = frozenset({"answers"})
PAGE_WEIGHT = 60


@dataclass(frozen=True)
class Row:
    """One line of a section; for a test with several values, the latest, with the earlier ones behind it."""

    heading: str
    item: Item | None
    earlier: tuple[Item, ...] = ()
    result: Result | None = None

    @property
    def weight(self) -> int:
        return 1 + len(self.earlier)

    @property
    def own(self) -> str:
        """Somebody's own words in the entry; "" where its line says them already."""
        words = contents.own_words(self.item.resource) if self.item else ""
        return "" if self.item and " ".join(words.split()) in self.item.line.detail else words

    @property
    def struck(self) -> bool:
        return bool(self.item and self.item.line.state in {"error", "entered-in-error"})

    @property
    def pharmacy(self) -> str:
        """Where a prescription in force is shared with a pharmacist; "" for anything else."""
        found = self.item is not None and medicines.in_force(self.item.resource)
        return reverse("patient:pharmacy", args=[self.item.entry.logical_id]) if found else ""

    @property
    def file(self) -> str:
        """Where the file that lies sealed beside the entry can be opened; "" without one."""
        found = self.item is not None and contents.has_file(self.item.resource)
        return reverse("patient:file", args=[self.item.entry.logical_id]) if found else ""


def rows(chart: Chart) -> Iterator[Row]:
    """Yield all lines of a chart in the order of the page."""
    for name, heading in HEADINGS:
        for found in getattr(chart, name):
            if isinstance(found, Result):
                yield Row(str(heading), found.latest, tuple(found.items[1:]), found)
            elif name not in _REPEATED:
                yield Row(str(heading), found)
        if name in _REPEATED:
            yield from _latest(str(heading), getattr(chart, name))
    for _entry in chart.unreadable:
        yield Row(str(UNREADABLE), None)


def _latest(heading: str, items: Iterable[Item]) -> Iterator[Row]:
    """Yield each thing that is asked again and again once, with its latest answer; the earlier ones behind it."""
    found: dict[str, list[Item]] = {}
    for item in items:
        found.setdefault(item.about, []).append(item)
    for same in found.values():
        yield Row(heading, same[0], tuple(same[1:]))


def pages(found: Iterable[Row]) -> list[list[Row]]:
    """Return the rows in pages of about sixty lines; a test is never torn apart."""
    made: list[list[Row]] = [[]]
    weight = 0
    for row in found:
        if made[-1] and weight + row.weight > PAGE_WEIGHT:
            made.append([])
            weight = 0
        made[-1].append(row)
        weight += row.weight
    return made


def grouped(found: Iterable[Row]) -> list[tuple[str, list[Row]]]:
    """Return a page's rows under their headings."""
    return [(heading, list(group)) for heading, group in groupby(found, key=lambda row: row.heading)]
