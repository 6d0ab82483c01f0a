"""How much a table lost by being generalised: three measures, each 0 for nothing; a row left out is lost whole."""

from dataclasses import dataclass

import numpy as np

from research.anonymity.outcomes import LEFT_OUT, Outcome


@dataclass(frozen=True)
class Losses:
    """`certainty` and `entropy` are shares from 0 to 1, `discernibility` is a sum over lines."""

    certainty: float
    discernibility: int
    entropy: float


def of(outcome: Outcome) -> Losses:
    """Return the three measures of an outcome."""
    return Losses(certainty(outcome), discernibility(outcome), entropy(outcome))


def certainty(outcome: Outcome) -> float:
    """Return the normalised certainty penalty (Xu 2006): the mean over all cells of (values under the label - 1) /
    (all values - 1)."""
    stays = outcome.classes != LEFT_OUT
    counts, lost = outcome.table.counts[stays], 0.0
    for labels in outcome.columns:
        kept = np.bincount(labels.of[stays], weights=counts, minlength=len(labels.weights))
        lost += float((labels.weights * kept).sum())
    return (lost / len(outcome.columns) + outcome.suppressed) / max(1, outcome.table.lines)


def discernibility(outcome: Outcome) -> int:
    """Return for each line the number of lines it cannot be told from, a line left out from none (Bayardo 2005)."""
    return int((outcome.sizes**2).sum()) + outcome.suppressed * outcome.table.lines


def entropy(outcome: Outcome) -> float:
    """Return the share of the cells' information that is gone (non-uniform entropy, Gionis and Tassa 2009).

    A cell loses log2 of how many lines its label could mean for one that bears its value; all there is to lose is what
    leaving everything out would.
    """
    table, stays = outcome.table, outcome.classes != LEFT_OUT
    gone = all_there_is = 0.0
    for codes, labels in zip(table.codes, outcome.columns, strict=True):
        lines = np.bincount(codes, weights=table.counts)[codes]
        whole = np.log2(table.lines / lines)
        gone += float((np.where(stays, np.log2(labels.under[labels.of] / lines), whole) * table.counts).sum())
        all_there_is += float((whole * table.counts).sum())
    return gone / all_there_is if all_there_is else 0.0
