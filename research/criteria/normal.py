"""One digest for one question, however it is asked: criteria as a decision diagram, which is unique for what it says.

Order, brackets, double negation, a code named twice, two ages for one range and whatever else logic does not tell apart
give the same diagram. Ages and sexes are steps along a line, where neighbours with the same outcome are one. What is
equal for a reason outside of logic (that a result above 7 is also above 5) is not found to be.
Source: Bryant, Graph-Based Algorithms for Boolean Function Manipulation (1986); multi-valued as in Kam et al. (1998).
"""

import hashlib
import json
from collections.abc import Callable, Iterable
from functools import reduce

from research.criteria.tree import SEXES, Age, All, Any, Criteria, Event, Lab, Leaf, Node, Not, Sex, When, plain

MOST_NODES = 20_000  # made while it is worked out
UNKNOWN = -1  # years, of who has no birth date
NO, YES = 0, 1

# A node's number. Its row is what is asked, and from which value on which node follows.
Branches = tuple[tuple[int, int], ...]


class TooIntricate(ValueError):
    """The criteria's parts depend on each other in too many ways for this machine's patience."""


def digest(criteria: Criteria) -> bytes:
    """Return 32 bytes that are the same for the same question. Raises TooIntricate."""
    diagram = _Diagram()
    top = diagram.of(criteria.who)
    on = criteria.on.isoformat() if criteria.on else ""
    text = json.dumps(["criteria", 1, on, diagram.listed(top)], separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).digest()


class _Diagram:
    """Nodes that are made once each: two questions that say the same end at the same number."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, Branches]] = [("", ()), ("", ())]  # NO and YES
        self.made: dict[tuple[str, Branches], int] = {}
        self.joined: dict[tuple[bool, int, int], int] = {}
        self.turned: dict[int, int] = {NO: YES, YES: NO}

    def node(self, asked: str, branches: Iterable[tuple[int, int]]) -> int:
        """Return the node that asks this; neighbours that lead to the same are one, and one alone is no question."""
        kept: list[tuple[int, int]] = []
        for start, child in branches:
            if not kept or kept[-1][1] != child:
                kept.append((start, child))
        if len(kept) == 1:
            return kept[0][1]
        row = (asked, tuple(kept))
        if row not in self.made:
            if len(self.rows) > MOST_NODES:
                raise TooIntricate
            self.made[row] = len(self.rows)
            self.rows.append(row)
        return self.made[row]

    def of(self, node: Node) -> int:
        match node:
            case All(of):
                return reduce(lambda one, other: self.join(True, one, other), map(self.of, of), YES)
            case Any(of):
                return reduce(lambda one, other: self.join(False, one, other), map(self.of, of), NO)
            case Not(of):
                return self.turn(self.of(of))
            case _:
                return self.leaf(node)

    def leaf(self, leaf: Leaf) -> int:
        match leaf:
            case Age(least, most):
                steps = [(UNKNOWN, NO), (least or 0, YES)] + ([] if most is None else [(most + 1, NO)])
                return self.node(_named("age"), steps)
            case Sex(values):
                return self.node(
                    _named("sex"), [(UNKNOWN, NO), *((SEXES.index(sex), int(sex in values)) for sex in SEXES)]
                )
            case Event(kind, codes, when):
                return self.some(_named(kind, code.system, code.code, *_when(when)) for code in codes)
            case Lab():
                return self.lab(leaf)

    def lab(self, lab: Lab) -> int:
        numbers = ["" if number is None else plain(number) for number in (lab.least, lab.most)]
        rest = (*numbers, lab.unit, *_when(lab.when))
        if not lab.latest:
            return self.some(_named("lab", code.system, code.code, *rest) for code in lab.codes)
        every = sorted({(code.system, code.code) for code in lab.codes})
        return self.some([_named("latest lab", *(part for code in every for part in code), *rest)])

    def some(self, asked: Iterable[str]) -> int:
        """Return the node for at least one of these facts."""
        facts = [self.node(one, [(0, NO), (1, YES)]) for one in asked]
        return reduce(lambda one, other: self.join(False, one, other), facts, NO)

    def turn(self, node: int) -> int:
        if node not in self.turned:
            asked, branches = self.rows[node]
            self.turned[node] = self.node(asked, [(start, self.turn(child)) for start, child in branches])
        return self.turned[node]

    def join(self, both: bool, one: int, other: int) -> int:
        """Return the node for both of two, or for either."""
        decides, leaves = (NO, YES) if both else (YES, NO)
        if decides in (one, other):
            return decides
        if one == other or other == leaves:
            return one
        if one == leaves:
            return other
        key = (both, min(one, other), max(one, other))
        if key not in self.joined:
            asked = min(self.rows[one][0], self.rows[other][0])
            first, second = self.follow(one, asked), self.follow(other, asked)
            starts = sorted({start for start, _ in (*self.steps(one, asked), *self.steps(other, asked))})
            steps = [(start, self.join(both, first(start), second(start))) for start in starts]
            self.joined[key] = self.node(asked, steps)
        return self.joined[key]

    def steps(self, node: int, asked: str) -> Branches:
        return self.rows[node][1] if self.rows[node][0] == asked else ()

    def follow(self, node: int, asked: str) -> Callable[[int], int]:
        """Return what follows a node for a value of what is asked; itself, where it asks something else."""
        steps = self.steps(node, asked)
        return lambda value: next((child for start, child in reversed(steps) if start <= value), node)

    def listed(self, top: int) -> list[object]:
        """Return the nodes below one in an order that their content alone decides."""
        order: dict[int, int] = {NO: NO, YES: YES}
        rows: list[object] = []

        def visit(node: int) -> int:
            if node not in order:
                asked, branches = self.rows[node]
                children = [[start, visit(child)] for start, child in branches]
                order[node] = len(order)
                rows.append([asked, children])
            return order[node]

        return [visit(top), rows]


def _named(*parts: str) -> str:
    return json.dumps(parts, separators=(",", ":"))


def _when(when: When) -> tuple[str, str, str]:
    return (
        when.since.isoformat() if when.since else "",
        when.until.isoformat() if when.until else "",
        str(when.days) if when.days else "",
    )
