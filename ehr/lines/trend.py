"""A small picture of how a value went, as accessible SVG: title and description say what the line shows.

No script, no style, no colours of its own: it takes the colour of the text around it.
"""

import hashlib
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

WIDTH, HEIGHT, EDGE = 220, 56, 6
FEWEST, MOST = 2, 60


class Point(NamedTuple):
    """One value on one day."""

    on: date
    value: Decimal
    text: str  # the value as it stands in the table
    day: str  # the day as it stands in the table
    at: str = ""  # what puts several of one day in order: an ISO text


def svg(
    points: Sequence[Point],
    *,
    name: str,
    unit: str = "",
    low: Decimal | None = None,
    high: Decimal | None = None,
    second: Sequence[Point] = (),
) -> SafeString:
    """Return the picture, "" for fewer than two values. `second` is drawn beside the first (blood pressure).

    `low` and `high` draw the usual range as a band. Points may come in any order; the 60 latest are drawn.
    """
    shown, beside = _latest(points), _latest(second)
    if len(shown) < FEWEST:
        return mark_safe("")
    title, description = _words(shown, name, unit, low, high)
    key = hashlib.sha256(f"{title}|{description}".encode()).hexdigest()[:10]
    scale = _Scale([*shown, *beside], [edge for edge in (low, high) if edge is not None])
    return format_html(
        '<svg class="trend" viewBox="0 0 {} {}" role="img" aria-labelledby="trend-{} trend-{}-text" focusable="false">'
        '<title id="trend-{}">{}</title><desc id="trend-{}-text">{}</desc>{}{}{}</svg>',
        WIDTH, HEIGHT, key, key, key, title, key, description,
        _band(scale, low, high), _line(scale, shown), _line(scale, beside) if beside else "",
    )  # fmt: skip


def _latest(points: Sequence[Point]) -> list[Point]:
    return sorted(points, key=lambda point: (point.on, point.at))[-MOST:]


class _Scale:
    """Turns days and values into places on the picture."""

    def __init__(self, points: list[Point], edges: list[Decimal]) -> None:
        days = [point.on.toordinal() for point in points]
        amounts = [float(point.value) for point in points]
        low, high = min(amounts), max(amounts)
        room = (high - low) or abs(high) or 1.0
        # The usual range is shown as far as it lies near the values, or it would flatten them.
        near = [float(edge) for edge in edges if low - room <= float(edge) <= high + room]
        self.first, self.days = min(days), max(max(days) - min(days), 1)
        self.low, self.high = min([low, *near]), max([high, *near])
        if self.low == self.high:
            self.low, self.high = self.low - room / 2, self.high + room / 2

    def x(self, on: date) -> float:
        return round(EDGE + (on.toordinal() - self.first) / self.days * (WIDTH - 2 * EDGE), 1)

    def y(self, value: Decimal | float) -> float:
        share = (float(value) - self.low) / (self.high - self.low)
        return round(HEIGHT - EDGE - min(max(share, 0.0), 1.0) * (HEIGHT - 2 * EDGE), 1)


def _band(scale: _Scale, low: Decimal | None, high: Decimal | None) -> SafeString:
    """Return the usual range as a pale band."""
    if low is None and high is None:
        return mark_safe("")
    top = scale.y(high) if high is not None else EDGE
    bottom = scale.y(low) if low is not None else HEIGHT - EDGE
    return format_html(
        '<rect class="trend-usual" x="0" y="{}" width="{}" height="{}" fill="currentColor" fill-opacity="0.1"/>',
        top, WIDTH, round(max(bottom - top, 1), 1),
    )  # fmt: skip


def _line(scale: _Scale, points: list[Point]) -> SafeString:
    """Return the values as a line that ends in a dot."""
    places = [(scale.x(point.on), scale.y(point.value)) for point in points]
    return format_html(
        '<polyline class="trend-line" points="{}" fill="none" stroke="currentColor" stroke-width="2"'
        ' stroke-linejoin="round" stroke-linecap="round"/><circle class="trend-last" cx="{}" cy="{}" r="3.5"'
        ' fill="currentColor"/>',
        format_html_join(" ", "{},{}", places), *places[-1],
    )  # fmt: skip


def _words(points: list[Point], name: str, unit: str, low: Decimal | None, high: Decimal | None) -> tuple[str, str]:
    """Return title and description: what is drawn, from when to when, between what, and where it ended."""
    count = len(points)
    title = ngettext(
        "%(name)s: %(count)s value, %(start)s to %(end)s", "%(name)s: %(count)s values, %(start)s to %(end)s", count
    )
    least, most = min(points, key=lambda point: point.value), max(points, key=lambda point: point.value)
    said = _("Between %(least)s and %(most)s %(unit)s. The latest is %(latest)s %(unit)s.") % {
        "least": least.text,
        "most": most.text,
        "latest": points[-1].text,
        "unit": unit,
    }
    if low is not None and high is not None:
        said += " " + _("Usual is %(low)s to %(high)s.") % {"low": f"{low:f}", "high": f"{high:f}"}
    words = {"name": name, "count": count, "start": points[0].day, "end": points[-1].day}
    return title % words, " ".join(said.replace(" .", ".").split())
