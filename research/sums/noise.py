"""Discrete Gaussian noise without floating point: each site draws its part from the operating system's randomness.

Source: Canonne, Kamath, Steinke, The Discrete Gaussian for Differential Privacy (2020), algorithms 1 to 3. The sum of
several is a little off a discrete Gaussian, by far less than a site can tell: Kairouz, Liu, Steinke, The Distributed
Discrete Gaussian Mechanism (2021), for variances from 1 on.
"""

import random
from fractions import Fraction
from math import isqrt

# Tests draw from a seed of theirs; everything else from here.
SYSTEM = random.SystemRandom()


def discrete_gaussian(variance: Fraction, source: random.Random = SYSTEM) -> int:
    """Return a whole number n with a chance that falls as exp(-n²/2·variance). Raises ValueError for no variance."""
    if variance <= 0:
        raise ValueError("Noise has a variance above nothing.")
    scale = isqrt(variance.numerator // variance.denominator) + 1
    while True:
        drawn = _laplace(scale, source)
        if _happens_exp((abs(drawn) - variance / scale) ** 2 / (2 * variance), source):
            return drawn


def _laplace(scale: int, source: random.Random) -> int:
    while True:
        rest = source.randrange(scale)
        if not _happens_exp(Fraction(rest, scale), source):
            continue
        whole = 0
        while _happens_exp(Fraction(1), source):
            whole += 1
        size, negative = rest + scale * whole, bool(source.randrange(2))
        if not (negative and size == 0):
            return -size if negative else size


def _happens_exp(gamma: Fraction, source: random.Random) -> bool:
    """Tell true with a chance of exp(-gamma)."""
    while gamma > 1:
        if not _happens_exp(Fraction(1), source):
            return False
        gamma -= 1
    tries = 1
    while source.randrange(gamma.denominator * tries) < gamma.numerator:
        tries += 1
    return tries % 2 == 1
