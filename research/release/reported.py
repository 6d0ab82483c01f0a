"""What a release risks and lost, from the numbers that its row and its file hold: figures for a page, or for the file.

Nothing heavy is loaded here: the numbers were made when the release was.
"""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from research.reports import risks
from research.reports.bars import Bars, Gettext


def figures(facts: Mapping[str, Any], *, gettext: Gettext = str) -> list[Bars]:
    """Return the figures of what was done, for `tables.Made.facts`; none of a release that does not have all of it."""
    if "classes before" not in facts:
        return []
    before, after = (
        [SimpleNamespace(low=low, high=high, classes=classes, lines=lines) for low, high, classes, lines in facts[name]]
        for name in ("classes before", "classes after")
    )
    was, now = (SimpleNamespace(**facts[name]) for name in ("risks before", "risks after"))
    loss, rows = facts["loss"], sum(one.lines for one in before)
    return [
        risks.chances(was, now, gettext=gettext),
        risks.sizes(before, after, gettext=gettext),
        risks.losses(loss["certainty"], loss["entropy"], facts["suppressed"], rows, gettext=gettext),
    ]


def told(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the numbers that are told before the figures, in English, as the file has them."""
    diversity = ", ".join(f"{name}: {least}" for name, least in facts["diversity"].items())
    marked = ", ".join(f"{name}: {count:,}" for name, count in facts["left empty as a mark"].items())
    return [
        ("People who look alike, at least (k)", str(facts["k"])),
        ("Different values in each group, at least (l)", diversity or "nothing demanded"),
        ("Groups are made", "each its own way (Mondrian)" if facts["way"] == "mondrian" else "by whole columns"),
        ("Rows", f"{facts['rows']:,}"),
        ("Rows left out", f"{facts['suppressed']:,}"),
        ("Groups", f"{facts['classes']:,}"),
        ("Smallest group", f"{facts['smallest class']:,}"),
        ("Discernibility", f"{facts['loss']['discernibility']:,}"),
        ("Dates", "whole days, shifted for each person" if facts["dates"] == "shifted" else "years"),
        ("Numbers left empty at random, as the mark of this copy", marked or "none"),
        ("People who share each value, at least", str(facts["k"])),
        (
            "Columns where some cells were emptied for that",
            ", ".join(facts["emptied so that none stands alone"]) or "none",
        ),
        ("Numbers that are as they were, and not means of groups", _shares(facts["share of numbers as they were"])),
        ("Variance of numbers that is left", _shares(facts["share of variance left"])),
        ("Rows that no other equals in all columns together", f"{facts['rows alone by all columns']:,}"),
    ]


def _shares(of: Mapping[str, float]) -> str:
    return ", ".join(f"{name}: about {share:.0%}" for name, share in of.items()) or "there are no numbers"
