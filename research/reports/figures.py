"""A figure: a chart as SVG, and the same numbers as a table. One is never without the other."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from re import sub

import altair
import vl_convert

from research.reports.bars import Bar, Bars

BEFORE, AFTER, INK = "#9273a8", "#5b3a6e", "#1b2a2f"
# In the units of the picture, which is scaled to its place: small, so that letters stay large on a telephone.
WIDTH, STEP, LETTERS = 200, 17, 12


@dataclass(frozen=True)
class Figure:
    """`svg` has no script, no style and no size, and names itself; `heading` and `rows` are the table beside it.

    The first cell of each row is its heading.
    """

    slug: str
    title: str
    description: str
    svg: str
    heading: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def drawn(shown: Bars) -> Figure:
    """Return the figure with these bars."""
    svg = named(_drawn(shown.bars, shown.whole), slug=shown.slug, title=shown.title, description=shown.description)
    return Figure(shown.slug, shown.title, shown.description, svg, shown.heading, shown.rows)


def _drawn(bars: Sequence[Bar], whole: float) -> str:
    values = [
        {"row": bar.row, "after": int(bar.after), "length": bar.length, "words": bar.words,
         "heard": f"{bar.row}: {bar.words}"} for bar in bars
    ]  # fmt: skip
    rows = list(dict.fromkeys(bar.row for bar in bars))
    scale = altair.Scale(nice=False, domain=[0, whole]) if whole else altair.Scale(nice=False)
    base = altair.Chart(altair.Data(values=values)).encode(
        x=altair.X("length:Q", axis=None, scale=scale),
        y=altair.Y(
            "row:N",
            sort=rows,
            title=None,
            axis=altair.Axis(aria=False, domain=False, ticks=False, labelLimit=130, labelPadding=5),
        ),
        yOffset=altair.YOffset("after:O", sort=[0, 1]),
    )
    long = base.mark_bar(aria=True, ariaRoleDescription="bar").encode(
        color=altair.Color("after:O", legend=None, scale=altair.Scale(domain=[0, 1], range=[BEFORE, AFTER])),
        description=altair.Description("heard:N"),
    )
    told = base.mark_text(align="left", dx=4, aria=False, fontSize=LETTERS, color=INK).encode(text="words:N")
    chart = (long + told).properties(width=WIDTH, height=altair.Step(STEP)).configure(
        background="transparent", font="sans-serif"
    ).configure_view(stroke=None).configure_axis(labelFontSize=LETTERS, labelColor=INK)  # fmt: skip
    return vl_convert.vegalite_to_svg(chart.to_dict(), allowed_base_urls=[])


def named(svg: str, *, slug: str, title: str, description: str) -> str:
    """Return an SVG with a title and a description that its root points to, and without a size of its own.

    Ids that it had are made this figure's own, so that two can stand on one page.
    """
    start, rest = svg.split(">", 1)
    start = sub(r' (?:width|height|class|xmlns:xlink)="[^"]*"', "", start)
    own = sub(r'(id="|url\(#|href="#)([\w-]+)', lambda found: f"{found[1]}{slug}-{found[2]}", rest)
    return (
        f'{start} role="graphics-document" aria-roledescription="chart" '
        f'aria-labelledby="{slug}-title {slug}-description">'
        f'<title id="{slug}-title">{escape(title)}</title>'
        f'<desc id="{slug}-description">{escape(description)}</desc>{_rounded(own)}'
    )


def _rounded(svg: str) -> str:
    """Return an SVG whose numbers have no more than two places: a third of its length is else noise."""
    return sub(r"\d+\.\d{3,}", lambda found: f"{float(found[0]):.2f}".rstrip("0").rstrip("."), svg)
