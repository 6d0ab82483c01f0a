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
from research.private.questions import Answer, Kind, Question

dp.enable_features("contrib")

NANO = 10**9
# A quantile is chosen among so many candidates at most; finer steps are thinned out evenly.
MOST_CANDIDATES = 1000
_WHOLE = dp.vector_domain(dp.atom_domain(T="i64"))
_ONE_PERSON = 1


class Costly(RuntimeError):
    """A measurement would cost more than its price. Never to be caught: nothing was answered."""


def answer(question: Question, values: Sequence[object], price: int) -> Answer:
    """Return an answer made of one value of each person, at a price in nano-rho."""
    return _MAKERS[question.kind](question, values, price)


def _count(_question: Question, values: Sequence[object], price: int) -> Answer:
    """Count those for whom the value is true."""
    number, scale = _counted(sum(value is True for value in values), price)
    return Answer({"": str(number)}, _within(scale))


def _groups(question: Question, values: Sequence[object], price: int) -> Answer:
    """Count each group of a variable; a person is in one group at most, so that one price pays for all of them."""
    variable = question.variable
    assert variable is not None  # noqa: S101 - `question` sees to it
    names = variable.groups()
    placed = [at for value in values if (at := variable.group(value)) is not None]
    counting = (_WHOLE, dp.symmetric_distance()) >> dp.t.then_count_by_categories(
        categories=list(range(len(names))), null_category=False, MO="L2Distance<i64>", TOA="i64"
    )
    scale = _scale(1, price)
    numbers = _measured(counting >> dp.m.then_gaussian(scale=scale), placed, price)
    return Answer(dict(zip(names, map(str, numbers), strict=True)), _within(scale))


def _mean(question: Question, values: Sequence[object], price: int) -> Answer:
    """Divide a noisy sum by a noisy count. Values are taken from the middle of the bounds, where they weigh least."""
    variable = question.variable
    assert variable is not None  # noqa: S101 - `question` sees to it
    least, most = int(variable.least / variable.step), int(variable.most / variable.step)
    middle = (least + most) // 2
    apart = [at - middle for value in values if (at := variable.steps(value)) is not None]
    farthest = max(most - middle, middle - least)
    people, _ = _counted(len(apart), price // 2)
    rest = price - price // 2
    adding = (_WHOLE, dp.symmetric_distance()) >> dp.t.then_clamp((least - middle, most - middle)) >> dp.t.then_sum()
    scale = _scale(farthest, rest)
    total = _measured(adding >> dp.m.then_gaussian(scale=scale), apart, rest)
    mean = (middle + Decimal(total) / max(people, 1)) * variable.step
    bounded = min(max(mean, variable.least), variable.most)
    return Answer({"": plain(bounded.quantize(variable.step / 100))}, None, people)


def _quantile(question: Question, values: Sequence[object], price: int) -> Answer:
    """Choose the step below which so many percent of people are, the better the likelier."""
    variable = question.variable
    assert variable is not None  # noqa: S101 - `question` sees to it
    least, most = int(variable.least / variable.step), int(variable.most / variable.step)
    candidates = list(range(least, most + 1, -(-(most - least) // MOST_CANDIDATES)))
    placed = [at for value in values if (at := variable.steps(value)) is not None]

    def choosing(scale: float) -> dp.Measurement:
        return (_WHOLE, dp.symmetric_distance()) >> dp.m.then_private_quantile(
            dp.zero_concentrated_divergence(), candidates=candidates, alpha=question.percent / 100, scale=scale
        )

    scale = dp.binary_search_param(choosing, d_in=_ONE_PERSON, d_out=price / NANO)
    chosen = _measured(choosing(scale), placed, price)
    return Answer({"": plain(chosen * variable.step)}, None)


_MAKERS = {Kind.COUNT: _count, Kind.GROUPS: _groups, Kind.MEAN: _mean, Kind.QUANTILE: _quantile}


def _counted(count: int, price: int) -> tuple[int, float]:
    """Return a count with noise, and the noise's standard deviation."""
    scale = _scale(1, price)
    counting = (_WHOLE, dp.symmetric_distance()) >> dp.t.then_count(TO="i64") >> dp.m.then_gaussian(scale=scale)
    return _measured(counting, [0] * count, price), scale


def _scale(farthest: int, price: int) -> float:
    """Return the standard deviation of which rho is the price, where a person moves a number by so much at most."""
    exact = farthest * math.sqrt(NANO / (2 * price))
    # OpenDP rounds what it proves upward; a hair more noise keeps that below the price.
    return exact * (1 + 1e-9)


def _measured(measurement: dp.Measurement, values: list[int], price: int) -> Any:
    """Return what a measurement says. Raises Costly, before anything is measured, where its proof names more."""
    if measurement.map(_ONE_PERSON) > price / NANO:
        raise Costly
    return measurement(values)


def _within(scale: float) -> str:
    return str(math.ceil(1.96 * scale))
