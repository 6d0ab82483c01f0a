"""How finely somebody may ask, what that costs, and how far from the truth an answer then is. Prices are nano-rho."""

import math
from decimal import Decimal
from enum import StrEnum

NANO = 10**9
DELTA = 1e-6
# 95 of 100 draws of a Gaussian lie within so many standard deviations.
_NINETEEN_OF_TWENTY = 1.96


class Precision(StrEnum):
    """How finely somebody asks."""

    ROUGH = "rough"
    USUAL = "usual"
    FINE = "fine"


# A study's whole budget pays for 500, 100 or 20 of them.
PRICES = {Precision.ROUGH: 1_000_000, Precision.USUAL: 5_000_000, Precision.FINE: 25_000_000}


def scale(farthest: int, price: int) -> float:
    """Return the standard deviation of the noise that costs a price, where a person moves a number so far at most."""
    exact = farthest * math.sqrt(NANO / (2 * price))
    # OpenDP rounds what it proves upward; a hair more noise keeps that below the price.
    return exact * (1 + 1e-9)


def within(deviation: float) -> int:
    """Return how far from the truth 95 of 100 answers are, for a standard deviation; rounded up."""
    return math.ceil(_NINETEEN_OF_TWENTY * deviation)


def epsilon(price: int) -> Decimal:
    """Return ε at δ = 10⁻⁶ of a price, to 0.01, rounded up. Source: Bun and Steinke (2016), proposition 1.3."""
    rho = price / NANO
    exact = rho + 2 * math.sqrt(rho * math.log(1 / DELTA))
    return Decimal(math.ceil(exact * 100)) / 100
