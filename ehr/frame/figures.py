"""Figures on a page: bars as a picture that can be heard, and the same numbers as a table beside them."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.safestring import SafeString

from ehr.lines import bars
from research.reports.bars import Bars


@dataclass(frozen=True)
class Shown:
    """A figure as a page shows it: `lines` are the rows of its table, each cell with the head above it."""

    slug: str
    title: str
    said: str
    picture: SafeString
    heads: tuple[str, ...]
    lines: list[tuple[str, list[tuple[str, str]]]]


def shown(figures: Iterable[Bars], *, of: str = "") -> list[Shown]:
    """Return figures as pages show them. What was before is drawn faint. `of` tells those of several things apart."""
    return [_shown(one, of) for one in figures]


def _shown(figure: Bars, of: str) -> Shown:
    drawn = [bars.Bar(one.row, one.length, one.words, faint=not one.after) for one in figure.bars]
    lines = [(row[0], list(zip(figure.heading[1:], row[1:], strict=True))) for row in figure.rows]
    title = f"{figure.title} ({of})" if of else figure.title
    picture = bars.svg(drawn, title=title, description=figure.description, whole=figure.whole)
    return Shown(figure.slug, figure.title, figure.description, picture, figure.heading, lines)
