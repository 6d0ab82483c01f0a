"""How an answer gets its noise: OpenDP measures, and proves of each measurement what it costs.

One person adds one value or none; neighbours are data with and without one person. Counts and sums are whole numbers
with discrete Gaussian noise; a quantile is chosen from the dictionary's steps. OpenDP draws from the operating system's
randomness and cannot be seeded: nobody can draw the same noise again, and nothing here offers to.
Source: Canonne, Kamath, Steinke, The Discrete Gaussian for Differential Privacy (2020); opendp.org.
"""

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import opendp.prelude as dp

from research.private.dictionary import plain
from research.private.prices import NANO, scale, within
from research.private.questions import Answer, Kind, Question

dp.enable_features("contrib")

# A quantile is chosen among so many candidates at most; finer steps are thinned out evenly.
MOST_CANDIDATES = 1000
_WHOLE = dp.vector_domain(dp.atom_domain(T="i64"))
_ONE_PERSON = 1
# A mean tells how far it is from the truth where people are so many times their noise.
_SURE = 5


class Costly(RuntimeError):
    """A measurement would cost more than its price. Never to be caught: nothing was answered."""


def answer(question: Question, values: Sequence[object], price: int) -> Answer:
    """Return an answer made of one value of each person, at a price in nano-rho."""
    return _MAKERS[question.kind](question, values, price)


def _count(_question: Question, values: Sequence[object], price: int) -> Answer:
    """Count those for whom the value is true."""
    number = _counted(sum(value is True for value in values), price)
    return Answer({"": str(number)}, str(within(scale(1, price))))


def _groups(question: Question, values: Sequence[object], price: int) -> Answer:
    """Count each group of a variable; a person is in one group at most, so that one price pays for all of them."""
    variable = question.variable
    assert variable is not None  # noqa: S101 - `question` sees to it
    names = variable.groups()
    placed = [at for value in values if (at := variable.group(value)) is not None]
    counting = (_WHOLE, dp.symmetric_distance()) >> dp.t.then_count_by_categories(
        categories=list(range(len(names))), null_category=False, MO="L2Distance<i64>", TOA="i64"
    )
    deviation = scale(1, price)
    numbers = _measured(counting >> dp.m.then_gaussian(scale=deviation), placed, price)
    return Answer(dict(zip(names, map(str, numbers), strict=True)), str(within(deviation)))


def _mean(question: Question, values: Sequence[object], price: int) -> Answer:
    """Divide a noisy sum by a noisy count. Values are taken from the middle of the bounds, where they weigh least."""
    variable = question.variable
    assert variable is not None  # noqa: S101 - `question` sees to it
    least, most = int(variable.least / variable.step), int(variable.most / variable.step)
    middle = (least + most) // 2
    apart = [at - middle for value in values if (at := variable.steps(value)) is not None]
    farthest = max(most - middle, middle - least)
    half, rest = price // 2, price - price // 2
    people = _counted(len(apart), half)
    adding = (_WHOLE, dp.symmetric_distance()) >> dp.t.then_clamp((least - middle, most - middle)) >> dp.t.then_sum()
    deviation = scale(farthest, rest)
    off = Decimal(_measured(adding >> dp.m.then_gaussian(scale=deviation), apart, rest)) / max(people, 1)
    bounded = min(max((middle + off) * variable.step, variable.least), variable.most)
    told = plain(bounded.quantize(variable.step / 100))
    if people < _SURE * scale(1, half):
        return Answer({"": told}, None, people)
    # By the first terms of a quotient of two noisy numbers; both are told anyway, so this costs nothing.
    spread = math.hypot(deviation, float(off) * scale(1, half)) / people
    return Answer({"": told}, plain(within(spread * 100) * variable.step / 100), people)


def _quantile(question: Question, values: Sequence[object], price: int) -> Answer:
    """Choose the step below which so many percent of people are, the better the likelier."""
    variable = question.variable
    assert variable is not None  # noqa: S101 - `question` sees to it
    least, most = int(variable.least / variable.step), int(variable.most / variable.step)
    candidates = list(range(least, most + 1, -(-(most - least) // MOST_CANDIDATES)))
    placed = [at for value in values if (at := variable.steps(value)) is not None]

    def choosing(deviation: float) -> dp.Measurement:
        return (_WHOLE, dp.symmetric_distance()) >> dp.m.then_private_quantile(
            dp.zero_concentrated_divergence(), candidates=candidates, alpha=question.percent / 100, scale=deviation
        )

    chosen = _measured(choosing(dp.binary_search_param(choosing, d_in=_ONE_PERSON, d_out=price / NANO)), placed, price)
    # A choice by ranks, of which one person moves the scores apart by one: McSherry and Talwar (2007), theorem 6.
    between = math.ceil(math.sqrt(NANO / (8 * price)) * math.log(20 * len(candidates)))
    return Answer({"": plain(chosen * variable.step)}, None, between=between)


_MAKERS = {Kind.COUNT: _count, Kind.GROUPS: _groups, Kind.MEAN: _mean, Kind.QUANTILE: _quantile}


def _counted(count: int, price: int) -> int:
    """Return a count with noise."""
    counting = (_WHOLE, dp.symmetric_distance()) >> dp.t.then_count(TO="i64")
    return _measured(counting >> dp.m.then_gaussian(scale=scale(1, price)), [0] * count, price)


def _measured(measurement: dp.Measurement, values: list[int], price: int) -> Any:
    """Return what a measurement says. Raises Costly, before anything is measured, where its proof names more."""
    if measurement.map(_ONE_PERSON) > price / NANO:
        raise Costly
    return measurement(values)
