"""What research may be told at most, and how it pays, from the environment: settings names all of it by one star.

An operator may be stricter than what is set here by itself, never laxer: below each floor a program does not start.
Whoever reads one of these takes it from `django.conf.settings`.
"""

import os
from datetime import date

from django.core.exceptions import ImproperlyConfigured
from eth_utils.address import is_checksum_address

from ehr.environment import PRODUCTION, count

__all__ = [
    "RESEARCH_BASE",
    "RESEARCH_PATIENT_NANO_RHO",
    "RESEARCH_PAY_WEI",
    "RESEARCH_REPEATS",
    "RESEARCH_REPEAT_DAYS",
    "RESEARCH_SMALL",
    "RESEARCH_SPONSOR",
    "RESEARCH_STUDY_NANO_RHO",
    "RESEARCH_ZIP_CENSUS",
    "RESEARCH_ZIP_SPARSE",
]


def at_least(name: str, floor: int, why: str) -> int:
    """Return a number that may be set higher. Raises ImproperlyConfigured for one below the floor."""
    told = count(name) if os.environ.get(name, "").strip() else floor
    if told < floor:
        raise ImproperlyConfigured(f"{name} is {told}. Set it to {floor} or more, or leave it out: {why}.")
    return told


def at_most(name: str, ceiling: int, why: str) -> int:
    """Return a number that may be set lower, to 1. Raises ImproperlyConfigured for 0 and for one above the ceiling."""
    told = count(name) if os.environ.get(name, "").strip() else ceiling
    if not 1 <= told <= ceiling:
        raise ImproperlyConfigured(f"{name} is {told:,}. Set it from 1 to {ceiling:,}, or leave it out: {why}.")
    return told


def base(small: int) -> int:
    """Return to multiples of what counts are rounded: odd, and no more than the smallest number that is told."""
    told = at_least("RESEARCH_BASE", 5, "what is rounded to less is a count of people one by one")
    if told % 2 == 0 or told > small:
        raise ImproperlyConfigured(
            f"RESEARCH_BASE is {told}. Set it to an odd number from 5 to {small}, which is RESEARCH_SMALL: "
            "a half has no nearest multiple, and a group that is told must not be rounded to nobody."
        )
    return told


def areas() -> tuple[int | None, frozenset[str]]:
    """Return a census's year and the three-digit ZIP areas of 20,000 people or fewer after it; None for HHS's own.

    Source: 45 CFR 164.514(b)(2)(i)(B), which speaks of the data that the Census Bureau has published now.
    """
    year = count("RESEARCH_ZIP_CENSUS")
    sparse = frozenset(os.environ.get("RESEARCH_ZIP_SPARSE", "").replace(",", " ").split())
    if not year and not sparse:
        return None, sparse
    if not (year and sparse):
        raise ImproperlyConfigured(
            "Of RESEARCH_ZIP_CENSUS and RESEARCH_ZIP_SPARSE one is set. Set both, or none: "
            "a list of areas is that of one census."
        )
    if year % 10 or not 2000 < year <= date.max.year:
        raise ImproperlyConfigured(
            f"RESEARCH_ZIP_CENSUS is {year}. Set it to the year of a census after 2000, such as 2020, "
            "or leave both out: the list of 2000 is built in."
        )
    if wrong := sorted(one for one in sparse if not (len(one) == 3 and one.isascii() and one.isdigit())):
        raise ImproperlyConfigured(
            f"RESEARCH_ZIP_SPARSE names {wrong[0]!r}. Set it to first three digits of ZIP codes, such as 036,059."
        )
    return year, sparse


# A hundred million of the largest units, ten million times over, are still a number of 128 bits.
_MOST_WEI = 10**18


def pay_units() -> dict[str, int]:
    """Return how many wei stand for one minor unit of each currency in which the contract may pay; empty for none."""
    found = {}
    for told in os.environ.get("RESEARCH_PAY_WEI", "").replace(",", " ").split():
        currency, _equals, number = told.partition("=")
        wei = int(number) if number.isascii() and number.isdigit() else 0
        if not (len(currency) == 3 and currency.isascii() and currency.isupper() and 1 <= wei <= _MOST_WEI):
            raise ImproperlyConfigured(
                f"RESEARCH_PAY_WEI says {told!r}. Write how many wei, 1 to 10^18, stand for a cent: CAD=1000000000."
            )
        found[currency] = wei
    return found


def sponsor(units: dict[str, int]) -> str:
    """Return to which account on chain money of studies goes back; empty for the relayer's own."""
    told = os.environ.get("RESEARCH_SPONSOR", "").strip()
    if told and not is_checksum_address(told):
        raise ImproperlyConfigured(
            f"RESEARCH_SPONSOR is {told!r}. Set it to an address on chain, with the capital letters that guard it."
        )
    if PRODUCTION and units and not told:
        raise ImproperlyConfigured(
            "RESEARCH_PAY_WEI is set. Set RESEARCH_SPONSOR, too: the account on chain to which unclaimed pay goes back."
        )
    return told


# Source: CMS, Cell Size Suppression Policy: 1 to 10 are never shown.
RESEARCH_SMALL = at_least("RESEARCH_SMALL", 11, "groups of 1 to 10 people are told of nowhere")
RESEARCH_BASE = base(RESEARCH_SMALL)
RESEARCH_REPEATS = at_most("RESEARCH_REPEATS", 7, "who asks the same more often averages the noise away")
RESEARCH_REPEAT_DAYS = at_least("RESEARCH_REPEAT_DAYS", 30, "a shorter wait lets the same be asked more often")
# Nano-rho: rho 0.5 is ε = 5.8 at δ = 10⁻⁶, and rho 1 is ε = 8.4.
RESEARCH_STUDY_NANO_RHO = at_most("RESEARCH_STUDY_NANO_RHO", 500_000_000, "more tells too much of one study's people")
RESEARCH_PATIENT_NANO_RHO = at_most(
    "RESEARCH_PATIENT_NANO_RHO", 1_000_000_000, "more tells too much of one person, over all studies"
)
RESEARCH_ZIP_CENSUS, RESEARCH_ZIP_SPARSE = areas()
RESEARCH_PAY_WEI = pay_units()
RESEARCH_SPONSOR = sponsor(RESEARCH_PAY_WEI)
