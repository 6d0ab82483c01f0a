"""The seal: a picture drawn from the log's head, so that a person sees at a glance that something changed.

Decoration that carries no fact of its own: the number and the time beside it are the words for it.
"""

from hashlib import sha256
from math import cos, pi, sin

_SIZE = 48
_GRID = 480  # Whole numbers in a finer grid, each from the last: half the bytes of a drawing in tenths.
_RINGS = ((5.0, 1.9), (11.4, 3.2), (18.2, 4.0))  # radius and greatest swing of each ring, in units of the picture
_POINTS = 48


def svg(root: bytes) -> str:
    """Return an SVG of three woven rings drawn from `root` (32 bytes in use). The same root, the same picture.

    The markup holds numbers only, no text from outside, so it is safe to print into a page.
    Stroke is `currentColor`; the picture is hidden from assistive technology.
    """
    source = sha256(b"chartseal seal picture\x00" + root).digest()
    paths = "".join(_ring(source[8 * ring : 8 * ring + 8], *_RINGS[ring]) for ring in range(len(_RINGS)))
    return (
        f'<svg class="seal-picture" viewBox="0 0 {_GRID} {_GRID}" width="{_SIZE}" height="{_SIZE}" '
        f'aria-hidden="true" focusable="false" fill="none" stroke="currentColor" stroke-width="7">{paths}</svg>'
    )


def _ring(source: bytes, radius: float, swing: float) -> str:
    """Return two strands that cross each other, as on a banknote: lobes, phase and depth are the source's."""
    lobes = 3 + source[0] % 7 + int(radius // 9)
    phase = 2 * pi * source[1] / 256
    depth = swing * (0.55 + 0.45 * source[2] / 255)
    ripple = 2 + source[3] % 3
    ripple_depth = 0.3 * swing * source[4] / 255
    ripple_phase = 2 * pi * source[5] / 256
    strands = []
    for shift in (0.0, pi):
        points = []
        for step in range(_POINTS):
            angle = 2 * pi * step / _POINTS
            at = radius + depth * sin(lobes * angle + phase + shift)
            at += ripple_depth * sin(ripple * angle + ripple_phase)
            points.append((24 + at * cos(angle), 24 + at * sin(angle)))
        strands.append(_smooth(points))
    return "".join(f'<path d="{strand}"/>' for strand in strands)


def _smooth(points: list[tuple[float, float]]) -> str:
    """Return a closed path through the middles of neighbours, each point pulling its curve: no corners."""
    scale = _GRID / _SIZE
    pulls = [(round(x * scale), round(y * scale)) for x, y in points]
    middles = [((x + u) // 2, (y + v) // 2) for (x, y), (u, v) in zip(pulls, pulls[1:] + pulls[:1], strict=True)]
    x, y = middles[-1]
    path = f"M{x} {y}"
    for (u, v), (to_x, to_y) in zip(pulls, middles, strict=True):
        path += f"q{u - x} {v - y} {to_x - x} {to_y - y}"
        x, y = to_x, to_y
    # A minus sign parts two numbers by itself.
    return path.replace(" -", "-") + "z"
