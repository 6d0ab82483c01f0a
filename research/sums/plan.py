"""What is added up, by whom, and at what price: a document that everybody holds, known by its digest."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from urllib.parse import urlsplit

MOST_NUMBERS = 1000
LARGEST = 10**18  # of one number of one site
NANO = 10**9
LOOPBACK = {"127.0.0.1", "::1", "localhost"}


class NotAPlan(ValueError):
    """The plan lacks something, or would show what it must not."""


@dataclass(frozen=True)
class Party:
    """A site or an aggregator: its name, its Ed25519 key (32 bytes), and where it listens, if it does."""

    name: str
    key: bytes
    address: str = ""


@dataclass(frozen=True)
class Plan:
    """One sum. A plan is used once: its digest is in every message, and an aggregator serves one plan.

    `farthest` is how far one patient moves the list of numbers at most (in Euclid's distance), `nano_rho` what the sum
    may tell of one. `least_sites` is of how many sites a sum may be made.
    """

    number: str  # chosen anew for each attempt
    about: str
    labels: tuple[str, ...]  # what each number is
    farthest: int
    nano_rho: int
    least_sites: int
    seconds_open: int
    aggregators: tuple[Party, ...]
    sites: tuple[Party, ...]

    def __post_init__(self) -> None:
        for fine, told in self._checks():
            if not fine:
                raise NotAPlan(told)

    def _checks(self) -> list[tuple[bool, str]]:
        parties = (*self.aggregators, *self.sites)
        names, keys = {each.name for each in parties}, {each.key for each in parties}
        return [
            (len(self.aggregators) >= 2, "Name two aggregators or more: one alone would see every number."),
            (2 <= self.least_sites <= len(self.sites), "Add up two sites at least, and no more than there are."),
            (len(names) == len(keys) == len(parties), "Give each site and aggregator a name and a key of its own."),
            (all(len(each.key) == 32 and each.name for each in parties), "Give each key as 32 bytes, and each name."),
            (0 < len(set(self.labels)) == len(self.labels) <= MOST_NUMBERS, "Name each number, once."),
            (self.farthest > 0 and self.nano_rho > 0, "Say how far one patient moves the numbers, and the price."),
            (self.seconds_open > 0 and bool(self.number), "Say how long it is open, and give it a number of its own."),
            (all(map(is_private, self.aggregators)), "Give an https:// address for each aggregator."),
        ]

    @property
    def variance(self) -> Fraction:
        """Return the variance of each site's own noise.

        Each site knows its own noise, so that of the others has to do. Beyond the fewest it is more than was asked.
        """
        return max(Fraction(self.farthest**2 * NANO, 2 * self.nano_rho) / (self.least_sites - 1), Fraction(1))

    @property
    def within(self) -> int:
        """Return how far nineteen of twenty totals are from the true one, when all sites deliver."""
        return math.ceil(1.96 * math.sqrt(self.variance * len(self.sites)))

    @cached_property
    def digest(self) -> str:
        """Return by what everybody knows that they mean the same: SHA-256 in hex."""
        return hashlib.sha256(canonical(self.written())).hexdigest()

    def aggregator(self, name: str) -> Party | None:
        return next((each for each in self.aggregators if each.name == name), None)

    def party(self, name: str) -> Party | None:
        """Return whoever has this name, or None."""
        return next((each for each in (*self.aggregators, *self.sites) if each.name == name), None)

    def written(self) -> dict[str, object]:
        """Return the plan as plain JSON."""

        def told(each: Party) -> dict[str, str]:
            return {"name": each.name, "key": each.key.hex()} | ({"address": each.address} if each.address else {})

        plain: dict[str, object] = {name: getattr(self, name) for name in _PLAIN}
        lists = {"aggregators": self.aggregators, "sites": self.sites}
        return plain | {"labels": list(self.labels)} | {name: [told(one) for one in of] for name, of in lists.items()}


_PLAIN = {"number": str, "about": str, "farthest": int, "nano_rho": int, "least_sites": int, "seconds_open": int}


def read(document: object) -> Plan:
    """Return the plan that a JSON document states. Raises NotAPlan."""
    if not isinstance(document, Mapping) or set(document) != {*_PLAIN, "labels", "aggregators", "sites"}:
        raise NotAPlan("A plan has exactly these: " + ", ".join(sorted({*_PLAIN, "labels", "aggregators", "sites"})))
    if any(type(document[name]) is not kind for name, kind in _PLAIN.items()):
        raise NotAPlan("Numbers of a plan are whole numbers, and texts are texts.")
    labels = document["labels"]
    if not isinstance(labels, list) or not all(isinstance(each, str) for each in labels):
        raise NotAPlan("The labels of a plan are a list of texts.")
    return Plan(
        labels=tuple(labels),
        aggregators=_parties(document["aggregators"]),
        sites=_parties(document["sites"]),
        **{name: document[name] for name in _PLAIN},
    )


def _parties(listed: object) -> tuple[Party, ...]:
    try:
        if isinstance(listed, list):
            return tuple(
                Party(str(each["name"]), bytes.fromhex(each["key"]), str(each.get("address", ""))) for each in listed
            )
    except (KeyError, TypeError, ValueError, AttributeError):
        pass
    raise NotAPlan("Give each site and aggregator as a name and a key in hex; aggregators with an address.")


def is_private(aggregator: Party) -> bool:
    """Tell whether nobody between a site and an aggregator reads what is sent: https, or this machine alone."""
    try:
        parts = urlsplit(aggregator.address)
        here = parts.scheme == "http" and parts.hostname in LOOPBACK
        return bool(parts.hostname) and (parts.scheme == "https" or here) and parts.port != 0
    except ValueError:  # no address at all, or a port that is none
        return False


def canonical(value: object) -> bytes:
    """Return JSON that is the same bytes for the same value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode()
