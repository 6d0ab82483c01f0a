"""Numbers that a crowd shares: each becomes the mean of a group of neighbours, of at least k, as like as they can be.

A number that k have stays as it is, and so does the mean of all. Groups are the best there are: of all ways to cut the
sorted numbers, the one with the least squared distance.
Source: Hansen and Mukherjee 2003, A polynomial algorithm for optimal univariate microaggregation.
"""

from collections.abc import Sequence
from math import inf

import numpy as np
import polars as pl


def grouped(values: pl.Series, k: int, *, decimals: int) -> pl.Series:
    """Return the numbers as means of groups of `k` at least, rounded; all empty where fewer than `k` are there.

    Equal numbers stay in one group, and empty cells stay empty.
    """
    told = values.drop_nulls()
    if len(told) < k:
        return pl.Series(values.name, [None] * len(values), dtype=values.dtype)
    numbers, counts = np.unique(told.to_numpy(), return_counts=True)
    means = [0.0] * len(numbers)
    for start, end in cuts(numbers.astype(float).tolist(), counts.tolist(), k):
        # Adding nothing makes a zero of a minus zero.
        mean = round(float(np.average(numbers[start:end], weights=counts[start:end])), decimals) + 0.0
        means[start:end] = [mean] * (end - start)
    return values.replace_strict(numbers.tolist(), means, default=None, return_dtype=pl.Float64).cast(values.dtype)


def cuts(numbers: Sequence[float], counts: Sequence[int], k: int) -> list[tuple[int, int]]:
    """Return where groups start and end, of sorted distinct numbers and how many have each; `k` have some at least."""
    middle = numbers[len(numbers) // 2]  # near zero, sums of squares lose less
    heads, sums, squares = [0], [0.0], [0.0]
    for number, count in zip(numbers, counts, strict=True):
        heads.append(heads[-1] + count)
        sums.append(sums[-1] + count * (number - middle))
        squares.append(squares[-1] + count * (number - middle) ** 2)
    # Where a group from here on has k, if it can.
    enough = np.searchsorted(heads, np.array(heads) + k).tolist()
    best, start = [0.0] + [inf] * len(numbers), [0] * (len(numbers) + 1)
    for end in range(1, len(numbers) + 1):
        for first in range(end - 1, -1, -1):
            people = heads[end] - heads[first]
            if people < k:
                continue
            if heads[end] - heads[enough[first]] >= k:
                break  # this one could be two, which are never worse, and so could all longer ones
            total = sums[end] - sums[first]
            loss = best[first] + squares[end] - squares[first] - total * total / people
            if loss < best[end]:
                best[end], start[end] = loss, first
    found, end = [], len(numbers)
    while end:
        found.append((start[end], end))
        end = start[end]
    return found[::-1]
