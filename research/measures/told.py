"""What may be told of a measure: by group, rounded, small groups hidden, and nothing hidden that can be worked out."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

from research.disclosure import Rules, Table, publish
from research.measures.lines import Line
from research.measures.measured import Measured, Period


@dataclass(frozen=True)
class Told:
    """A measure as anybody may see it."""

    name: str
    period: Period
    everybody: Line
    groups: tuple[Line, ...]


def told(measured: Measured, *, groups: Mapping[Hashable, str], rules: Rules | None = None) -> Told:
    """Return what may be told of a measure by groups, which share nobody. Who has no group is in one of their own, "".

    Who meets the measure, who does not and all of them are one table, so that no difference tells what is hidden.
    Publish a measure by one grouping: of two, each hides by itself, and side by side they may tell more.
    """
    names = sorted({groups.get(person, "") for person in measured.people}) or [""]
    counts = {name: [0, 0] for name in names}
    for person in measured.people:
        counts[groups.get(person, "")][person not in measured.met] += 1
    published = publish(Table(tuple(map(tuple, counts.values()))), rules or Rules())
    lines = [
        Line(name, people, cells[0])
        for name, people, cells in zip(names, published.rows, published.cells, strict=True)
    ]  # fmt: skip
    return Told(measured.name, measured.period, Line("", published.total, published.columns[0]), tuple(lines))
