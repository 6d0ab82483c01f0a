"""Classes of rows that look alike, and which of them break a demand."""

from dataclasses import dataclass

import numpy as np

from research.anonymity.demands import Demands
from research.anonymity.tables import Table, Values

# Shares are sums of logarithms and quotients; the checker allows a thousand times as much.
ROUNDING = 1e-12
# A key is counted in an array as long as there are at most this many places for each row, else after sorting.
SPARSE = 8
# Running totals are held for this many values of classes at once: 32 MB.
AT_ONCE = 1 << 22


@dataclass(frozen=True)
class Classes:
    """`sizes[c]` lines of the table are in class c; `of[row]` is the class of a distinct row, `keys[c]` its key."""

    sizes: np.ndarray
    of: np.ndarray
    keys: np.ndarray


def gather(keys: np.ndarray, counts: np.ndarray, *, width: int) -> Classes:
    """Return the classes of rows with equal keys, all below `width`. Classes of size 0 may be among them."""
    if width <= SPARSE * len(keys):
        return Classes(np.bincount(keys, weights=counts, minlength=width).astype(np.int64), keys, np.arange(width))
    names, of = np.unique(keys, return_inverse=True)
    return Classes(np.bincount(of, weights=counts, minlength=len(names)).astype(np.int64), of, names)


def too_plain(table: Table, classes: Classes, demands: Demands) -> np.ndarray:
    """Return which classes have too few rows or too few distinct values. More rows never make that worse."""
    bad = classes.sizes < demands.k
    for values in table.sensitive:
        # An entropy of log(l) needs at least l values.
        least = max(values.asks.distinct, int(np.ceil(values.asks.entropy - 1e-9)))
        if least > 1:
            bad |= _distinct(values, classes) < least
    return bad & (classes.sizes > 0)


def too_telling(table: Table, classes: Classes, left_out: np.ndarray) -> np.ndarray:
    """Return which classes are left out once entropy and closeness are looked at, too; `left_out` are so already.

    Closeness is measured to what is released, which changes when a class is left out. So those that are too far are
    left out, and the rest is measured again, until none is.
    """
    bad = left_out.copy()
    for values in table.sensitive:
        if values.asks.entropy > 1:
            bad |= (classes.sizes > 0) & (_entropies(values, classes) < np.log(values.asks.entropy) - ROUNDING)
    while True:
        far = np.zeros_like(bad)
        for values in table.sensitive:
            if values.asks.closeness is not None:
                far |= _distances(values, classes, bad) > values.asks.closeness + ROUNDING
        far &= ~bad & (classes.sizes > 0)
        if not far.any():
            return bad
        bad |= far


def _distinct(values: Values, classes: Classes) -> np.ndarray:
    if values.bits is not None:
        together = np.zeros(len(classes.sizes), dtype=np.int64)
        np.bitwise_or.at(together, classes.of, values.bits)
        return np.bitwise_count(together)
    of, value, _count = _shares(values, classes)
    told = value != (-1 if values.empty is None else values.empty)
    return np.bincount(of[told], minlength=len(classes.sizes))


def _shares(values: Values, classes: Classes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return class, value and count of each value that a class holds."""
    pairs, at = np.unique(classes.of[values.row] * values.kinds + values.value, return_inverse=True)
    of, value = np.divmod(pairs, values.kinds)
    return of, value, np.bincount(at, weights=values.count)


def _entropies(values: Values, classes: Classes) -> np.ndarray:
    """Return each class's entropy in nats over the values that are not empty."""
    of, value, count = _shares(values, classes)
    if values.empty is not None:
        of, count = of[value != values.empty], count[value != values.empty]
    size = np.bincount(of, weights=count, minlength=len(classes.sizes))
    share = count / size[of]
    return np.bincount(of, weights=-share * np.log(share), minlength=len(classes.sizes))


def _distances(values: Values, classes: Classes, left_out: np.ndarray) -> np.ndarray:
    """Return how far each class's values are from those of all classes that are not left out, from 0 to 1."""
    of, value, count = _shares(values, classes)
    stays = ~left_out[of]
    overall = np.bincount(value[stays], weights=count[stays], minlength=values.kinds)
    overall = overall / max(1.0, overall.sum())
    share = count / classes.sizes[of]
    if values.asks.ordered:
        return _ordered_distances(of, value, share, overall, len(classes.sizes))
    # Values that a class lacks count with their whole share: all of them, less those that it has.
    known = np.bincount(of, weights=np.abs(share - overall[value]) - overall[value], minlength=len(classes.sizes))
    return np.asarray((known + overall.sum()) / 2)


def _ordered_distances(
    of: np.ndarray, value: np.ndarray, share: np.ndarray, overall: np.ndarray, classes: int
) -> np.ndarray:
    """Return the sum of differences of the running totals, divided by the steps there are (Li 2007, 4.2)."""
    found = np.zeros(classes)
    kinds = len(overall)
    if kinds < 2:
        return found
    totals, some = np.cumsum(overall), max(1, AT_ONCE // kinds)
    for start in range(0, classes, some):
        here = (of >= start) & (of < start + some)
        own = np.zeros((min(some, classes - start), kinds))
        own[of[here] - start, value[here]] = share[here]
        gaps = np.abs(np.cumsum(own, axis=1) - totals)[:, :-1]
        found[start : start + some] = gaps.sum(axis=1) / (kinds - 1)
    return found


def fits(values: Values, value: np.ndarray, count: np.ndarray, overall: np.ndarray) -> bool:
    """Whether one class, which holds each value so often, shows enough; `overall` counts the whole table's values."""
    asks = values.asks
    own = np.bincount(value, weights=count, minlength=values.kinds)
    told = own if values.empty is None else np.delete(own, values.empty)
    told = told[told > 0]
    if asks.distinct > 1 and len(told) < asks.distinct:
        return False
    if asks.entropy > 1:
        shares = told / max(1.0, told.sum())
        if -(shares * np.log(shares)).sum() < np.log(asks.entropy) - ROUNDING:
            return False
    if asks.closeness is None:
        return True
    gaps = own / own.sum() - overall / overall.sum()
    far = np.abs(np.cumsum(gaps))[:-1].sum() / max(1, len(gaps) - 1) if asks.ordered else np.abs(gaps).sum() / 2
    return bool(far <= asks.closeness + ROUNDING)
