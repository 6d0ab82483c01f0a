"""Bars beside each other as accessible SVG: title and description say what they show, and a table stands beside them.

No script, no style, no colours of its own: it takes the colour of the text around it.
"""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import Truncator

WIDTH, ROW, BAR, EDGE = 360, 40, 12, 4
LABEL, MOST = 26, 40


class Bar(NamedTuple):
    """One bar: as long as `value` of the longest, or of `whole`; hollow where it stands on little."""

    name: str
    value: float
    text: str  # the value as it stands in the table
    faint: bool = False


def svg(bars: Sequence[Bar], *, title: str, description: str, whole: float = 0.0) -> SafeString:
    """Return the picture of the first 40 bars, "" for none. A bar of `whole`, or without it the longest, is full."""
    shown = list(bars)[:MOST]
    if not shown:
        return mark_safe("")
    most = whole or max(one.value for one in shown) or 1.0
    key = hashlib.sha256(f"{title}|{description}".encode()).hexdigest()[:10]
    return format_html(
        '<svg class="bars" viewBox="0 0 {} {}" role="img" aria-labelledby="bars-{} bars-{}-text" focusable="false">'
        '<title id="bars-{}">{}</title><desc id="bars-{}-text">{}</desc>{}</svg>',
        WIDTH, ROW * len(shown) + EDGE, key, key, key, title, key, description,
        format_html_join("", "{}", ((_bar(number, one, most),) for number, one in enumerate(shown))),
    )  # fmt: skip


def _bar(number: int, one: Bar, most: float) -> SafeString:
    """Return one bar with its name and value above it."""
    top = ROW * number
    length = round(min(max(one.value / most, 0.0), 1.0) * (WIDTH - 2 * EDGE), 1)
    return format_html(
        '<text x="{}" y="{}" font-size="13" fill="currentColor">{}</text>'
        '<text x="{}" y="{}" font-size="13" fill="currentColor" text-anchor="end">{}</text>'
        '<rect x="{}" y="{}" width="{}" height="{}" fill="currentColor" fill-opacity="0.1"/>'
        '<rect x="{}" y="{}" width="{}" height="{}" fill="currentColor" fill-opacity="{}" stroke="currentColor"/>',
        EDGE, top + 16, Truncator(one.name).chars(LABEL), WIDTH - EDGE, top + 16, one.text,
        EDGE, top + 22, WIDTH - 2 * EDGE, BAR, EDGE, top + 22, length, BAR, "0.15" if one.faint else "0.85",
    )  # fmt: skip
