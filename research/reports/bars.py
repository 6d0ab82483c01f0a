"""Numbers that are shown as bars, and the same numbers as a table. Who draws the bars is not said: see `figures`."""

from collections.abc import Callable
from dataclasses import dataclass

# What translates a text. The default leaves English; the parameter's name lets translators' tools find the texts.
Gettext = Callable[[str], str]


@dataclass(frozen=True)
class Bar:
    """One bar: what it is of, whether it is of before or after, its length, and that in words."""

    row: str
    after: bool
    length: float
    words: str


@dataclass(frozen=True)
class Bars:
    """What a figure shows. `heading` and `rows` are the table beside it; the first cell of each row is its heading.

    `slug` must be its own on a page: ids are made of it. A bar of `whole` is full; without it the longest is.
    """

    slug: str
    title: str
    description: str
    bars: tuple[Bar, ...]
    heading: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    whole: float = 0.0
