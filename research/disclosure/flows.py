"""How far one number of a table can move while all that is known of the others holds: a flow through a network.

Rows and columns that sum up make a network in which each unknown is an arc; there the linear bounds are whole numbers,
and exact. Source: Ahuja, Magnanti, Orlin, Network Flows (1993), §6.
"""

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass

ANY = 1 << 60


@dataclass(frozen=True)
class Arc:
    """A number between two nodes, its true value, and within which bounds it is known; None for no most."""

    name: Hashable
    tail: Hashable
    head: Hashable
    value: int
    least: int
    most: int | None


class Flow:
    """Arcs whose values balance at each node."""

    def __init__(self) -> None:
        self._arcs: dict[Hashable, Arc] = {}
        # By node: where one gets from it, along which arc, and whether by adding to it or by taking from it.
        self._steps: dict[Hashable, list[tuple[Hashable, Hashable, int]]] = {}

    def add(self, arc: Arc) -> None:
        """Add an arc."""
        self._arcs[arc.name] = arc
        self._steps.setdefault(arc.tail, []).append((arc.head, arc.name, 1))
        self._steps.setdefault(arc.head, []).append((arc.tail, arc.name, -1))

    def give(self, name: Hashable, wanted: int) -> int:
        """Return by how much an arc can move at most, up to what is wanted: above 0 upward, below 0 downward."""
        arc, moved = self._arcs[name], dict.fromkeys(self._arcs, 0)
        if wanted >= 0:
            wanted, start, end = min(wanted, ANY if arc.most is None else arc.most - arc.value), arc.head, arc.tail
        else:
            wanted, start, end = min(-wanted, arc.value - arc.least), arc.tail, arc.head
        given = 0
        while given < wanted:
            path = self._path(start, end, without=name, moved=moved)
            if path is None:
                break
            step = min(wanted - given, *(self._room(each, sign, moved) for each, sign in path))
            for each, sign in path:
                moved[each] += sign * step
            given += step
        return given

    def _room(self, name: Hashable, sign: int, moved: dict[Hashable, int]) -> int:
        arc, now = self._arcs[name], self._arcs[name].value + moved[name]
        if sign < 0:
            return now - arc.least
        return ANY if arc.most is None else arc.most - now

    def _path(
        self, start: Hashable, end: Hashable, *, without: Hashable, moved: dict[Hashable, int]
    ) -> list[tuple[Hashable, int]] | None:
        """Return a shortest way along arcs that have room, or None."""
        came: dict[Hashable, tuple[Hashable, Hashable, int] | None] = {start: None}
        queue = deque([start])
        while queue and end not in came:
            node = queue.popleft()
            for to, name, sign in self._steps.get(node, ()):
                if to not in came and name != without and self._room(name, sign, moved) > 0:
                    came[to] = (node, name, sign)
                    queue.append(to)
        if end not in came:
            return None
        path, node = [], end
        while (step := came[node]) is not None:
            node = step[0]
            path.append(step[1:])
        return path
