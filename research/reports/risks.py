"""The three figures of a release: how likely somebody is recognised, and how many look alike, before and after; and
what was lost for that."""

from collections.abc import Sequence
from typing import Protocol

from research.reports.bars import Bar, Bars, Gettext


class Chances(Protocol):
    """The chances that each kind of attacker has, from 0 to 1: `research.anonymity.risks.Risks` is one."""

    @property
    def prosecutor(self) -> float: ...
    @property
    def journalist(self) -> float: ...
    @property
    def marketer(self) -> float: ...


class Sizes(Protocol):
    """How many classes have from `low` to `high` rows, and how many rows that is."""

    @property
    def low(self) -> int: ...
    @property
    def high(self) -> int | None: ...
    @property
    def classes(self) -> int: ...
    @property
    def lines(self) -> int: ...


def chances(before: Chances, after: Chances, *, gettext: Gettext = str) -> Bars:
    """Return the figure of the three attackers' chances."""
    kinds = [
        (gettext("Prosecutor"), gettext("Looks for a person who is known to be in the table; the worst case"),
         before.prosecutor, after.prosecutor),
        (gettext("Journalist"), gettext("Looks for anybody, not knowing who is in the table; the worst case"),
         before.journalist, after.journalist),
        (gettext("Marketer"), gettext("Looks for as many as possible; the average"),
         before.marketer, after.marketer),
    ]  # fmt: skip
    description = gettext(
        "The prosecutor's chance was {prosecutor} and is {then}; on average it was {all} for each row, and is {left}."
    ).format(
        prosecutor=_share(before.prosecutor), then=_share(after.prosecutor),
        all=_share(before.marketer), left=_share(after.marketer),
    )  # fmt: skip
    return Bars(
        "chances",
        gettext("How likely somebody is recognised"),
        description,
        tuple(
            bar for name, _who, was, now in kinds for bar in _pair(name, was, now, _share(was), _share(now), gettext)
        ),
        heading=(gettext("Attacker"), gettext("Before"), gettext("After"), gettext("What they do")),
        rows=tuple((name, _share(was), _share(now), who) for name, who, was, now in kinds),
        whole=1.0,
    )


def sizes(before: Sequence[Sizes], after: Sequence[Sizes], *, gettext: Gettext = str) -> Bars:
    """Return the figure of how many rows stand in classes of which size. Both are in the same bands; of those that
    are empty in both nothing is told."""
    pairs = [(old, new) for old, new in zip(before, after, strict=True) if old.classes or new.classes]
    bands = [(_band(old, gettext), old, new) for old, new in pairs]
    alone, still = before[0].lines, after[0].lines
    description = gettext(
        "Before, {alone} of {all} rows stood alone; after, {still} do, and {left} rows are left."
    ).format(alone=f"{alone:,}", all=f"{_lines(before):,}", still=f"{still:,}", left=f"{_lines(after):,}")
    return Bars(
        "sizes",
        gettext("How many rows look alike"),
        description,
        tuple(
            bar for name, old, new in bands
            for bar in _pair(name, old.lines, new.lines, f"{old.lines:,}", f"{new.lines:,}", gettext)
        ),
        heading=(
            gettext("Rows alike"), gettext("Classes before"), gettext("Rows before"), gettext("Classes after"),
            gettext("Rows after"),
        ),
        rows=tuple(
            (name, f"{old.classes:,}", f"{old.lines:,}", f"{new.classes:,}", f"{new.lines:,}")
            for name, old, new in bands
        ),
    )  # fmt: skip


def losses(certainty: float, entropy: float, suppressed: int, lines: int, *, gettext: Gettext = str) -> Bars:
    """Return the figure of what a table of so many lines lost: shares from 0 to 1, and how many lines were left out."""
    left_out = suppressed / lines if lines else 0.0
    kinds = [
        (gettext("Detail"), certainty, gettext("How wide spans are, of how wide they could be (certainty penalty)")),
        (gettext("Information"), entropy, gettext("What a reader knows less of each value (non-uniform entropy)")),
        (gettext("Rows"), left_out, gettext("Rows that were left out, so that the others need not become coarser")),
    ]
    description = gettext("{detail} of the detail is lost, and {suppressed} of {lines} rows were left out.").format(
        detail=_share(certainty), suppressed=f"{suppressed:,}", lines=f"{lines:,}"
    )
    return Bars(
        "losses",
        gettext("What was lost for that"),
        description,
        tuple(Bar(name, True, share, _share(share)) for name, share, _what in kinds),
        heading=(gettext("Loss"), gettext("Share"), gettext("What it is")),
        rows=tuple((name, _share(share), what) for name, share, what in kinds),
        whole=1.0,
    )


def _pair(row: str, before: float, after: float, was: str, is_now: str, gettext: Gettext) -> tuple[Bar, Bar]:
    return (
        Bar(row, False, before, gettext("before {number}").format(number=was)),
        Bar(row, True, after, gettext("after {number}").format(number=is_now)),
    )


def _share(chance: float) -> str:
    return f"{chance * 100:.1f}".removesuffix(".0") + "\u00a0%"


def _band(band: Sizes, gettext: Gettext) -> str:
    if band.high is None:
        return gettext("{low} or more").format(low=band.low)
    return str(band.low) if band.low == band.high else f"{band.low}–{band.high}"


def _lines(bands: Sequence[Sizes]) -> int:
    return sum(band.lines for band in bands)
