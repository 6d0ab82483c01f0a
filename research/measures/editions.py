"""When a measure may be told anew: only where every number of it is of many others than whenever it was told before.

A figure a month is a difference a month. Whoever knows that one person joined, withdrew or was treated in between, and
sees a number move, has that person's record. So a number is not told anew of people who differ by few from those it was
told of at any time before: fewer than 11 always are few, and how many more is drawn up to 21, by a key that nobody has
who reads figures. That nobody differs is no exception, or the day on which it is told would say so. What is small both
times is hidden both times.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from research.disclosure import Rules
from research.disclosure.differencing import margin


class Level(StrEnum):
    """By what a measure is told apart, the finest first."""

    AGE_AND_SEX = "age-and-sex"
    AGE = "age"
    ALL = "all"

    def group(self, finest: str) -> str:
        """Return the group of somebody whose finest one is given, as "45-64 female". Everybody is ""."""
        if self is Level.ALL:
            return ""
        return finest.partition(" ")[0] if self is Level.AGE else finest


# By person: the finest group, and whether they meet the measure.
Assigned = Mapping[Hashable, tuple[str, bool]]
# Of whom a number is: by what it is told apart, which group, and all or those who meet it or those who do not.
Number = tuple[Level, str, str]


@dataclass(frozen=True)
class Edition:
    """A measure as it was told once: an id that stays, and who was counted where."""

    id: bytes
    assigned: Assigned


def finest(now: Assigned, before: Sequence[Edition], *, measure: str, key: bytes, rules: Rules) -> Level | None:
    """Return the finest level at which a measure may be told anew; None where what was told stands."""
    levels = tuple(Level)
    for number, level in enumerate(levels):
        numbers = _numbers(now, levels[number:])
        if all(_far(numbers, one, levels[number:], measure=measure, key=key, rules=rules) for one in before):
            return level
    return None


def _far(
    now: Mapping[Number, set[Hashable]],
    earlier: Edition,
    levels: Iterable[Level],
    *,
    measure: str,
    key: bytes,
    rules: Rules,
) -> bool:
    """Tell whether each number is of many others than in an earlier edition, or small in both.

    Held against it are the numbers of coarser levels, too: who reads a finer table adds it up.
    """
    then = _numbers(earlier.assigned, levels)
    for number in now.keys() | then.keys():
        present, past = now.get(number, set()), then.get(number, set())
        if max(len(present), len(past)) < rules.small:
            continue
        label = "\x00".join((measure, *number)).encode()
        if len(present ^ past) < margin(key, earlier.id, label, rules):
            return False
    return True


def _numbers(assigned: Assigned, levels: Iterable[Level]) -> dict[Number, set[Hashable]]:
    """Return of whom each number is that can be read off a table, or added up from it."""
    found: dict[Number, set[Hashable]] = {}
    for person, (group, met) in assigned.items():
        for level in levels:
            for part in ("all", "met" if met else "not"):
                found.setdefault((level, level.group(group), part), set()).add(person)
    return found
