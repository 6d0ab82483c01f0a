"""What is unusual in what one researcher did. Pure: moments and kinds in, findings out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Deed(StrEnum):
    """What a researcher did."""

    ASKED = "asked"  # a count or a question, for the first time or again
    REFUSED = "refused"  # one that was refused: asked too often, too dear, or not allowed
    FETCHED = "fetched"  # a release


class Why(StrEnum):
    """Why it is looked at. Stored, so the words never change."""

    REFUSALS = "refusals"
    BURST = "burst"
    NIGHT = "night"


@dataclass(frozen=True)
class Seen:
    """One deed, at a moment as the researcher's own clocks showed it."""

    at: datetime
    deed: Deed


@dataclass(frozen=True)
class Limits:
    """From how many on, within which time, something is looked at; the night is from one hour to another."""

    refusals: int = 5
    refusals_within: timedelta = timedelta(days=1)
    burst: int = 30
    burst_within: timedelta = timedelta(hours=1)
    fetched_at_night: int = 2
    fetched_within: timedelta = timedelta(days=7)
    night: tuple[int, int] = (22, 6)


@dataclass(frozen=True)
class Finding:
    """What was found: from the first to the last, so many within the time of its rule at the most."""

    why: Why
    first: datetime
    last: datetime
    count: int


def unusual(seen: Sequence[Seen], limits: Limits = Limits()) -> list[Finding]:
    """Return what is unusual in what one researcher did, one finding for each rule at most: the densest."""
    found = [
        _densest(Why.REFUSALS, seen, lambda one: one.deed == Deed.REFUSED, limits.refusals, limits.refusals_within),
        _densest(Why.BURST, seen, lambda one: one.deed == Deed.ASKED, limits.burst, limits.burst_within),
        _densest(
            Why.NIGHT,
            seen,
            lambda one: one.deed == Deed.FETCHED and _at_night(one.at, limits.night),
            limits.fetched_at_night,
            limits.fetched_within,
        ),
    ]
    return [one for one in found if one is not None]


def _at_night(at: datetime, night: tuple[int, int]) -> bool:
    return at.hour >= night[0] or at.hour < night[1]


def _densest(
    why: Why, seen: Sequence[Seen], counts: Callable[[Seen], bool], enough: int, within: timedelta
) -> Finding | None:
    """Return the span of at most `within` that holds the most, if that is enough; of several the latest."""
    moments = sorted(one.at for one in seen if counts(one))
    best, start = None, 0
    for end, last in enumerate(moments):
        while last - moments[start] > within:
            start += 1
        count = end - start + 1
        if count >= enough and (best is None or count >= best.count):
            best = Finding(why, moments[start], last, count)
    return best
