"""Somebody who works out hidden numbers, by linear bounds over all tables that there can be, or by trying them."""

from collections.abc import Iterator
from itertools import product

import numpy as np

from research.disclosure import BASE, SMALL, Published


def _published_rows(published: Published):
    """Yield the weights of the cells in each published number, cells and sums alike, and that number."""
    height, width = len(published.cells), len(published.cells[0])
    places = np.eye(height * width).reshape(height, width, -1)
    for row in range(height):
        for column in range(width):
            yield places[row, column], published.cells[row][column]
        yield places[row].sum(axis=0), published.rows[row]
    for column, number in enumerate(published.columns):
        yield places[:, column].sum(axis=0), number
    yield places.sum(axis=(0, 1)), published.total


def solve(published: Published, truth, slack: int = BASE // 2) -> list[tuple[float, float, float]]:
    """Return of each hidden cell and sum the least and most it can be, and what it is.

    `slack` is how well the numbers shown are known; the truth is only where the search starts from.
    """
    at = np.array(truth, dtype=float).ravel()
    weights, limits = [-np.eye(at.size)], [at]  # nothing is below 0
    hidden = []
    for of, number in _published_rows(published):
        if number is None:
            hidden.append(of)
            continue
        assert abs(number - of @ at) <= BASE // 2, "what was published is not true of this table"
        most, least = (number + slack, max(SMALL, number - slack)) if slack else (of @ at, of @ at)
        weights += [of[None], -of[None]]
        limits += [np.array([most - of @ at]), np.array([of @ at - least])]
    moves, room = np.vstack(weights), np.concatenate(limits)
    return [(of @ at - _most(-of, moves, room), of @ at + _most(of, moves, room), of @ at) for of in hidden]


def tables(published: Published, people: int) -> Iterator[tuple[tuple[int, ...], ...]]:
    """Yield every table of whole people that adds up to the cells and sums that are shown, taken for exact.

    `people` is how many there are in all, which the attacker knows.
    """
    shown = zip(published.cells, published.rows, strict=True)
    for made in product(*(list(_rows(cells, total, people)) for cells, total in shown)):
        columns = map(sum, zip(*made, strict=True))
        fits = all(said in (None, one) for said, one in zip(published.columns, columns, strict=True))
        if fits and sum(map(sum, made)) == people:
            yield made


def _rows(cells, total: int | None, most: int) -> Iterator[tuple[int, ...]]:
    for made in product(*(range(most + 1) if said is None else [said] for said in cells)):
        if sum(made) == total if total is not None else sum(made) <= most:
            yield made


def _most(aim, moves, slack, ceiling=1e4) -> float:
    """Return the largest aim·d with moves·d <= slack, by the simplex method from d = 0 with Bland's rule."""
    size = len(slack) + 1
    tableau = np.hstack([np.vstack([moves, aim]), -np.vstack([moves, aim]), np.eye(size)[:, :-1]])
    tableau[-1] *= -1
    tableau = np.hstack([tableau, np.append(slack, 0.0)[:, None]])
    while (tableau[-1, :-1] < -1e-9).any() and tableau[-1, -1] < ceiling:
        enters = int(np.argmax(tableau[-1, :-1] < -1e-9))
        column = tableau[:-1, enters]
        if (column <= 1e-9).all():
            return ceiling
        ratios = np.where(column > 1e-9, tableau[:-1, -1] / np.where(column > 1e-9, column, 1), np.inf)
        leaves = int(np.argmin(ratios))
        tableau[leaves] /= tableau[leaves, enters]
        for other in range(size):
            if other != leaves:
                tableau[other] -= tableau[other, enters] * tableau[leaves]
    return float(tableau[-1, -1])
