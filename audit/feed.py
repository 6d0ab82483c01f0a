"""News for the floors above: a cursor over leaf numbers, which have no gaps, so that nobody misses an event."""

from audit.models import Leaf
from audit.queries import Line, line


def since(cursor: int, limit: int = 500) -> list[tuple[int, Line]]:
    """Return up to `limit` events in the order of their numbers, from number `cursor` on (0 for all).

    The next cursor is the last number plus one. An event appears once it has its place, within seconds.
    """
    found = Leaf.objects.filter(number__gte=cursor).order_by("number")
    rows = found.select_related("event__body", "event__erasure", "event__leaf")[:limit]
    return [(leaf.number, line(leaf.event)) for leaf in rows]
