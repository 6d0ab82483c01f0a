"""One number of people: hidden when it is small, rounded when it is not."""

from dataclasses import dataclass

SMALL = 11  # people; CMS's cell size suppression policy: 1 to 10 are never shown
BASE = 5


@dataclass(frozen=True)
class Rules:
    """From how many people on a number is shown, and to multiples of what it is rounded.

    Raises ValueError for a base that is even or larger than the smallest number shown: a half has no nearest
    multiple, and a small group must not be shown as none.
    """

    small: int = SMALL
    base: int = BASE

    def __post_init__(self) -> None:
        if self.base < 1 or self.base % 2 == 0 or self.small < self.base:
            raise ValueError("Set an odd base that is not larger than the smallest number shown.")


def rounded(count: int, base: int = BASE) -> int:
    """Return the multiple of an odd base that is nearest."""
    return (count + base // 2) // base * base


def shown(count: int, rules: Rules = Rules()) -> int | None:
    """Return what may be said of a group of this many people; None for "fewer than 11", none among them.

    Raises ValueError below 0. None at all is hidden, too: that nobody has something is said of each one of them.
    """
    if count < 0:
        raise ValueError("A group has no fewer than no people.")
    return rounded(count, rules.base) if count >= rules.small else None
