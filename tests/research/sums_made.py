"""Plans, and sums that are done in one process: messages carried by hand, so that a test decides what arrives."""

import random
from fractions import Fraction

from ehr.crypto import signing
from research.sums import Aggregator, Party, Plan
from research.sums.aggregator import digest_of
from research.sums.messages import written
from research.sums.sharing import split

KEYS = {name: signing.generate() for name in ("North", "South", "A", "B", "C", "Stranger")}
NORTH_SOUTH, SITES = ("North", "South"), ("A", "B", "C")


def plan(addresses=None, **changed) -> Plan:
    """Return a plan of three sites and two aggregators."""
    addresses = addresses or dict.fromkeys(NORTH_SOUTH, "http://127.0.0.1:9")

    def party(name: str) -> Party:
        return Party(name, KEYS[name].public, addresses.get(name, ""))

    facts = {
        "number": "1",
        "about": "People with diabetes, and of them those with an HbA1c below 7 %",
        "labels": ("diabetes", "controlled"),
        "farthest": 2,
        "nano_rho": 5_000_000,
        "least_sites": 2,
        "seconds_open": 30,
        "aggregators": tuple(map(party, NORTH_SOUTH)),
        "sites": tuple(map(party, SITES)),
    }
    return Plan(**facts | changed)


class Round:
    """Two aggregators and who brings their messages."""

    def __init__(self, of: Plan) -> None:
        self.plan = of
        self.aggregators = {name: Aggregator(of, name, KEYS[name].private) for name in NORTH_SOUTH}

    def message(self, sender: str, to: str, kind: str, body, of: Plan | None = None, key: str | None = None) -> bytes:
        return written(of or self.plan, KEYS[key or sender].private, sender=sender, to=to, kind=kind, body=body)

    def say(self, sender: str, to: str, kind: str, body, **more) -> bytes:
        raw = self.message(sender, to, kind, body, **more)
        self.aggregators[to].hear(raw)
        return raw

    def deliver(self, site: str, values, to=NORTH_SOUTH, commit_to=NORTH_SOUTH) -> list[bytes]:
        """Deliver numbers as they are, without noise, and return the messages."""
        shares = split(values, 2)
        bodies = {
            name: {"shares": [str(number) for number in share]} for name, share in zip(NORTH_SOUTH, shares, strict=True)
        }
        commitment = {"shares": {name: digest_of(body) for name, body in bodies.items()}}
        said = [self.say(site, name, "commitment", commitment) for name in commit_to]
        return said + [self.say(site, name, "shares", bodies[name]) for name in to]

    def carry(self) -> None:
        """Bring every message of the aggregators to where it belongs, until there are none."""
        while any(self._carried(each) for each in self.aggregators.values()):
            pass

    def _carried(self, aggregator: Aggregator) -> bool:
        outgoing = aggregator.outgoing()
        for to, raw in outgoing:
            self.aggregators[to].hear(raw)
        return bool(outgoing)

    def states(self) -> list[str]:
        return [str(each.state) for each in self.aggregators.values()]


def seeded(number: int) -> random.Random:
    return random.Random(number)


def chances(variance: Fraction, farthest: int):
    """Return the chance of each number up to the farthest, as the discrete Gaussian has it."""
    weights = {
        n: 2.718281828459045 ** -(n * n / (2 * float(variance))) for n in range(-40 * farthest, 40 * farthest + 1)
    }
    return {n: weights[n] / sum(weights.values()) for n in range(-farthest, farthest + 1)}
