"""Additive shares: any but all of them are random numbers, and all of them together are the number.

Numbers are taken modulo 2¹²⁸, and the upper half stands for what is below zero. Adding shares adds what they are of.
"""

import secrets
from collections.abc import Iterable, Sequence

BITS = 128
_MODULUS = 1 << BITS


def split(values: Sequence[int], parts: int) -> list[list[int]]:
    """Return shares of a list of numbers, one list for each part. Raises ValueError for fewer than two parts."""
    if parts < 2:
        raise ValueError("What is shared with one is known to one.")
    random = [[secrets.randbits(BITS) for _ in values] for _ in range(parts - 1)]
    last = [(value - sum(each)) % _MODULUS for value, *each in zip(values, *random, strict=True)]
    return [*random, last]


def added(shares: Iterable[Sequence[int]]) -> list[int]:
    """Return the sum of shares, number by number: a share of the sum."""
    return [sum(each) % _MODULUS for each in zip(*shares, strict=True)]


def joined(shares: Iterable[Sequence[int]]) -> list[int]:
    """Return what all shares together are of."""
    return [number - _MODULUS if number >> (BITS - 1) else number for number in added(shares)]
