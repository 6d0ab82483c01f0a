"""Tables of counts whose hidden cells cannot be worked out from what is shown beside them.

Cells below the smallest number shown are hidden, and others with them, until what is published says no more of a small
cell than that it is hidden: it may still be anything from none up to ten. Every other hidden number keeps as much room.
That holds even towards who knows each number shown as it was before it was rounded, for rounding alone would leave a
good guess. All are hidden alike: which of them are small is not told.
Source: complementary cell suppression as in Hundepool et al., Statistical Disclosure Control (2012), §4.4.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product

from research.disclosure.flows import Arc, Flow
from research.disclosure.rounding import Rules, shown

LARGEST = 400  # cells


class NotATable(ValueError):
    """The counts do not make a table: none at all, rows of different lengths, too many, or fewer than none."""


@dataclass(frozen=True)
class Table:
    """Counts by row and column, true ones. `columns_shown` is False where columns have no sums of their own."""

    cells: tuple[tuple[int, ...], ...]
    columns_shown: bool = True

    def __post_init__(self) -> None:
        widths = {len(row) for row in self.cells}
        if len(widths) != 1 or widths == {0} or any(count < 0 for row in self.cells for count in row):
            raise NotATable("Give rows of equal length, with counts from none on.")
        if len(self.cells) * len(self.cells[0]) > LARGEST:
            raise NotATable(f"A table has {LARGEST:,} cells at most. Ask for fewer rows or columns.")


@dataclass(frozen=True)
class Published:
    """A table as anybody may see it: rounded counts, None where one is hidden. Empty `columns`: not published."""

    cells: tuple[tuple[int | None, ...], ...]
    rows: tuple[int | None, ...]
    columns: tuple[int | None, ...]
    total: int | None


# A place in a table with its sums around it: the last row holds the columns' sums, the last column the rows'.
Place = tuple[int, int]


@dataclass
class _Working:
    """A table with its sums, and which of its places are hidden as yet."""

    table: Table
    rules: Rules
    counts: dict[Place, int] = field(default_factory=dict)
    hidden: set[Place] = field(default_factory=set)
    safe: set[Place] = field(default_factory=set)  # what was found protected stays so: to hide more takes nothing away

    def __post_init__(self) -> None:
        cells = self.table.cells
        self.height, self.width = len(cells), len(cells[0])
        for row, column in product(range(self.height), range(self.width)):
            self.counts[row, column] = cells[row][column]
        for row in range(self.height):
            self.counts[row, self.width] = sum(cells[row])
        for column in range(self.width):
            self.counts[self.height, column] = sum(row[column] for row in cells)
        self.counts[self.height, self.width] = sum(map(sum, cells))
        self.hidden = {place for place, count in self.counts.items() if shown(count, self.rules) is None}
        self.hidden |= {place for place in self.counts if self.unpublished(place)}

    def unpublished(self, place: Place) -> bool:
        """Tell whether a place is in no table that is shown, so that nothing is to be protected in it."""
        row, column = place
        return row == self.height and column < self.width and not self.table.columns_shown

    def sees(self, place: Place) -> int | None:
        return None if place in self.hidden else shown(self.counts[place], self.rules)

    def flow(self) -> Flow:
        """Return the table as a flow: from source to rows to columns to sink and back, each place an arc."""
        flow = Flow()
        for place, count in self.counts.items():
            least, most = (0, None) if place in self.hidden else (count, count)
            flow.add(Arc(place, *self.ends(place), count, least, most))
        return flow

    def ends(self, place: Place) -> tuple[str, str]:
        """Return between which two sums a place lies."""
        row, column = place
        if place == (self.height, self.width):
            return "all", "none"
        if column == self.width:
            return "none", f"row {row}"
        if row == self.height:
            return f"column {column}", "all"
        return f"row {row}", f"column {column}"

    def exposed(self) -> Place | None:
        """Return a hidden place of which more can be worked out than may be, the smallest first."""
        flow, room = self.flow(), self.rules.small - 1
        for place in sorted(self.hidden - self.safe, key=lambda one: (self.counts[one], one)):
            count = self.counts[place]
            if self.unpublished(place):
                continue
            down = flow.give(place, -min(count, room))
            up = flow.give(place, max(room - count, 0) if count <= room else room - down)
            if (down < count or up < room - count) if count <= room else down + up < room:
                return place
            self.safe.add(place)
        return None

    def rectangles(self, place: Place) -> Iterator[tuple[Place, Place, Place]]:
        """Yield the three places that can move with one: what it loses they share, and no sum changes."""
        row, column = place
        for other_row, other_column in product(range(self.height + 1), range(self.width + 1)):
            if other_row != row and other_column != column:
                yield (row, other_column), (other_row, column), (other_row, other_column)

    def cost(self, place: Place) -> int:
        """Return what hiding a place costs: its people; sums are dearer than all cells together."""
        if place in self.hidden:
            return 0
        is_sum = place[0] == self.height or place[1] == self.width
        return self.counts[place] + (self.counts[self.height, self.width] + 1 if is_sum else 0)

    def hide_with(self, place: Place) -> None:
        """Hide what protects a place at the least cost; where rectangles are used up, the next place of all."""
        choices = [three for three in self.rectangles(place) if not self.hidden.issuperset(three)]
        if choices:
            self.hidden.update(min(choices, key=lambda three: (sum(map(self.cost, three)), three)))
        else:
            self.hidden.add(min(set(self.counts) - self.hidden, key=lambda one: (self.cost(one), one)))


def publish(table: Table, rules: Rules = Rules()) -> Published:  # noqa: B008 - frozen
    """Return a table as it may be shown. The sums of a row, a column and all are rounded and hidden by themselves."""
    working = _Working(table, rules)
    while (place := working.exposed()) is not None:
        working.hide_with(place)
    height, width = working.height, working.width
    return Published(
        cells=tuple(tuple(working.sees((row, column)) for column in range(width)) for row in range(height)),
        rows=tuple(working.sees((row, width)) for row in range(height)),
        columns=tuple(working.sees((height, column)) for column in range(width)) if table.columns_shown else (),
        total=working.sees((height, width)),
    )


def publish_list(counts: Sequence[int], rules: Rules = Rules()) -> tuple[tuple[int | None, ...], int | None]:  # noqa: B008 - frozen
    """Return groups that share nobody, as they may be shown, and all of them together."""
    published = publish(Table((tuple(counts),), columns_shown=False), rules)
    return published.cells[0], published.total
