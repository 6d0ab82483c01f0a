"""Between which moments what is asked for can lie: so that no more is looked at than a question is about."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from ehr.r4 import ranges

_FROM = frozenset({"eq", "ge", "gt", "sa"})
_UNTIL = frozenset({"eq", "le", "lt", "eb"})
_NEITHER = frozenset({"ne", "ap"})


class Between(NamedTuple):
    """From a moment on and before another; None where it is open."""

    since: datetime | None = None
    until: datetime | None = None


def between(raws: Iterable[str]) -> Between:
    """Return the time that the values of a date parameter leave, each narrowing it. It is never too narrow."""
    since, until = None, None
    for raw in raws:
        prefix, text = (raw[:2], raw[2:]) if raw[:2] in _FROM | _UNTIL | _NEITHER else ("eq", raw)
        span = ranges.span(text)
        if span is None:  # several values, or none that is a date
            continue
        first, last = ranges.read_moment(span.start), ranges.read_moment(span.end) if span.end else None
        if prefix in _FROM:
            since = first if since is None else max(since, first)
        if prefix in _UNTIL and last is not None:
            until = last if until is None else min(until, last)
    return Between(since, until)
