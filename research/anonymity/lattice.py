"""Full-domain generalisation: the best level for each column, found by looking at few nodes of the lattice.

A node names a level for each column. What it loses is at least what its levels alone lose, and that is known for
all nodes from each column's counts, before any class is formed. Nodes are taken in the order of this bound, and once
it reaches the best loss found no later node can be better. From each node a path climbs to where demands are
surely met; a search by halves finds where they begin to be, and what fails rules out all nodes below it.
(The bound's order: A*, Hart 1968; ruling out: predictive tagging, El Emam 2009; halving: Flash, Kohlmayer 2012.)
"""

from collections.abc import Callable
from math import prod

import numpy as np

from research.anonymity import classes
from research.anonymity.classes import Classes
from research.anonymity.demands import Demands, Unreachable, Unusable
from research.anonymity.outcomes import LEFT_OUT, Outcome, at
from research.anonymity.tables import Table, combine

MOST_NODES = 4_000_000
# A bound and a loss are sums in different orders; what differs by less is equal.
ROUNDING = 1e-12

Node = tuple[int, ...]
# Called with the nodes that are settled and the nodes there are. What it raises ends the search.
Watch = Callable[[int, int], None]


def search(table: Table, demands: Demands, *, watch: Watch | None = None) -> Outcome:
    """Return the node of least loss that meets the demands, the suppressed rows counted as lost whole.

    The loss is `losses.certainty`. Raises Unreachable when no node does, Unusable for a lattice too large to hold.
    """
    shape = tuple(hierarchy.height for hierarchy in table.hierarchies)
    if prod(shape) > MOST_NODES:
        raise Unusable(f"{prod(shape):,} combinations of levels are too many. Use fewer columns, or fewer steps.")
    lattice = _Lattice(table, demands, shape)
    order = np.argsort(lattice.bounds, axis=None, kind="stable")
    for settled, flat in enumerate(order):
        node = tuple(int(level) for level in np.unravel_index(flat, shape))
        if lattice.bounds[node] >= lattice.best:
            break
        if lattice.settled[node]:
            continue
        if watch:
            watch(settled, lattice.nodes)
        lattice.settle(node)
    if lattice.chosen is None:
        raise Unreachable("Even the coarsest table does not meet the demands. Allow more rows to be left out.")
    return lattice.outcome(lattice.chosen)


class _Lattice:
    """What is known of each node while the search goes on."""

    def __init__(self, table: Table, demands: Demands, shape: Node) -> None:
        self.table, self.demands, self.shape = table, demands, shape
        self.most = demands.limit * table.lines
        # With no row to spare even entropy and closeness only get better upward.
        self.only_grows = demands.only_grows or self.most < 1
        self.settled = np.zeros(shape, dtype=bool)
        self.failed = np.zeros(shape, dtype=bool)
        self.bounds = self._bounds()
        self.best = np.inf
        self.chosen: Node | None = None
        self.checks = 0

    @property
    def nodes(self) -> int:
        return prod(self.shape)

    def _bounds(self) -> np.ndarray:
        """Return for each node the loss of its levels if nothing is left out."""
        parts = []
        for levels, codes in zip(self.table.levels, self.table.codes, strict=True):
            leaves = np.bincount(codes, weights=self.table.counts, minlength=len(levels[0].of))
            parts.append(np.array([(level.weights[level.of] * leaves).sum() for level in levels]))
        total = sum(np.ix_(*parts))
        return np.asarray(total) / (max(1, self.table.lines) * len(parts))

    def settle(self, node: Node) -> None:
        """Find out about a node, and on the way about others."""
        path = self._path(node)
        low, high = 0, len(path) - 1
        while low <= high:
            middle = (low + high) // 2
            if self.failed[path[middle]] or not self._meets(path[middle]):
                low = middle + 1
            else:
                high = middle - 1

    def _path(self, node: Node) -> list[Node]:
        """Return a way up from a node, always to the least bound, as far as it may lead to something better."""
        path = [node]
        while True:
            above = [self._raised(path[-1], column) for column in range(len(node))]
            better = [
                (self.bounds[up], up) for up in above if up and not self.failed[up] and self.bounds[up] < self.best
            ]
            if not better:
                return path
            path.append(min(better)[1])

    def _raised(self, node: Node, column: int) -> Node | None:
        if node[column] + 1 == self.shape[column]:
            return None
        return (*node[:column], node[column] + 1, *node[column + 1 :])

    def _meets(self, node: Node) -> bool:
        """Whether rows and values suffice at a node. Its loss is the best one from now on where nothing else fails."""
        if self.settled[node]:
            return True
        self.checks += 1
        self.settled[node] = True
        grouped, bad = self._judged(node)
        if int(grouped.sizes[bad].sum()) > self.most:
            self._rule_out(node)
            return False
        if any(one.looks_at_shares for one in self.demands.sensitive):
            bad = classes.too_telling(self.table, grouped, bad)
            if int(grouped.sizes[bad].sum()) > self.most:
                if self.only_grows:
                    self._rule_out(node)
                return not self.only_grows
        loss = self._loss(node, grouped, bad)
        if loss < self.best - ROUNDING:
            self.best, self.chosen = loss, node
        return True

    def _rule_out(self, node: Node) -> None:
        below = tuple(slice(0, level + 1) for level in node)
        self.failed[below] = True
        self.settled[below] = True

    def _judged(self, node: Node) -> tuple[Classes, np.ndarray]:
        levels = [steps[level] for steps, level in zip(self.table.levels, node, strict=True)]
        radices = [len(level.names) for level in levels]
        # A column on a level of one label parts nothing.
        used = [number for number, radix in enumerate(radices) if radix > 1]
        columns = [levels[number].of[self.table.codes[number]] for number in used]
        keys = combine(columns, [radices[number] for number in used]) if used else np.zeros(len(self.table.counts), int)
        width = int(keys.max(initial=0)) + 1
        grouped = classes.gather(keys, self.table.counts, width=width)
        return grouped, classes.too_plain(self.table, grouped, self.demands)

    def _loss(self, node: Node, grouped: Classes, bad: np.ndarray) -> float:
        """Return the bound, and for each line left out what it loses beyond its labels."""
        lost = bad[grouped.of]
        counts = self.table.counts[lost]
        beyond = float(counts.sum())
        for steps, level, codes in zip(self.table.levels, node, self.table.codes, strict=True):
            weights = steps[level].weights[steps[level].of]
            leaves = np.bincount(codes[lost], weights=counts, minlength=len(weights))
            beyond -= float((weights * leaves).sum()) / len(node)
        return float(self.bounds[node]) + beyond / max(1, self.table.lines)

    def outcome(self, node: Node) -> Outcome:
        grouped, bad = self._judged(node)
        bad = classes.too_telling(self.table, grouped, bad)
        of = np.where(bad[grouped.of], LEFT_OUT, grouped.of)
        # Classes are numbered in the order of their keys, without those that are empty or left out.
        stays = of != LEFT_OUT
        of[stays] = np.unique(of[stays], return_inverse=True)[1]
        return Outcome(self.table, at(self.table, node), of, node, self.checks, self.nodes)
