"""What an aggregator does with what it is told. It says what it added up once, about one set of sites, or never.

collecting: sites commit to their shares, then deliver them. closed: everybody delivered, or time is up; it tells the
other aggregators who did. agreed: all told; the sites that delivered to each of them, with the same commitment, are in.
It tells who that is. revealing: all agree on the same sites; it tells the sum of its shares. done: all told theirs.
given up: too few sites are left, or the aggregators do not agree. Then nothing is told, and a new plan begins anew with
new noise: two totals that differ by a site would tell of that site what its own noise does not hide.
"""

import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from research.sums import messages
from research.sums.messages import Refused
from research.sums.plan import Plan, canonical
from research.sums.sharing import BITS, added, joined


class State(StrEnum):
    """How far an aggregator is."""

    COLLECTING = "collecting"
    CLOSED = "closed"
    AGREED = "agreed"
    REVEALING = "revealing"
    DONE = "done"
    GIVEN_UP = "given up"


@dataclass
class _Heard:
    """What others said, by kind and sender. Nobody says the same twice."""

    said: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)

    def of(self, kind: str) -> dict[str, dict[str, Any]]:
        return self.said.setdefault(kind, {})

    def note(self, kind: str, sender: str, body: dict[str, Any]) -> None:
        if sender in self.of(kind):
            raise Refused("This was said before.", again=True)
        self.of(kind)[sender] = body


class Aggregator:
    """One aggregator of one plan. Safe to be asked by several threads."""

    def __init__(self, plan: Plan, name: str, private: bytes) -> None:
        if plan.aggregator(name) is None:
            raise Refused("The plan names no such aggregator.")
        self.plan, self.name, self._private = plan, name, private
        self.state, self.because = State.COLLECTING, ""
        self.sites: tuple[str, ...] = ()
        self.total: list[int] | None = None
        self._heard, self._shares = _Heard(), dict[str, list[int]]()
        self._outgoing: list[tuple[str, bytes]] = []
        self._lock = threading.Lock()

    # --- From outside ----------------------------------------------------------------------------
    def hear(self, raw: bytes) -> None:
        """Act on a message. Raises Refused."""
        sender, kind, body = messages.read(self.plan, raw, to=self.name)
        with self._lock:
            self._HEARS[kind](self, sender, body)
            self._go_on()

    def close(self) -> None:
        """End the collecting: time is up. Who did not deliver is left out."""
        with self._lock:
            if self.state is State.COLLECTING:
                self._tell("roster", {"sites": self._roster()})
                self._to(State.CLOSED)
                self._go_on()

    def give_up(self, because: str) -> None:
        """End it without a sum, unless it is done. The shares are forgotten."""
        with self._lock:
            self._give_up(because)

    def outgoing(self) -> list[tuple[str, bytes]]:
        """Return what is to be sent to other aggregators, by name; it is returned once."""
        with self._lock:
            taken, self._outgoing = self._outgoing, []
            return taken

    def result(self) -> bytes | None:
        """Return the total, signed, or None while there is none."""
        with self._lock:
            if self.total is None:
                return None
            body = {"sites": list(self.sites), "total": dict(zip(self.plan.labels, self.total, strict=True))}
            return messages.written(
                self.plan, self._private, sender=self.name, to="everybody", kind="result", body=body
            )

    # --- What is heard ---------------------------------------------------------------------------
    def _hear_commitment(self, site: str, body: dict[str, Any]) -> None:
        self._only_while(State.COLLECTING)
        digests = body.get("shares")
        names = {each.name for each in self.plan.aggregators}
        if not isinstance(digests, dict) or set(digests) != names:
            raise Refused("A commitment names the digest of the shares of each aggregator.")
        self._heard.note("commitment", site, digests)

    def _hear_shares(self, site: str, body: dict[str, Any]) -> None:
        self._only_while(State.COLLECTING)
        if site not in self._heard.of("commitment"):
            raise Refused("Commit to the shares first.")
        shares = _numbers(body.get("shares"), len(self.plan.labels))
        if digest_of(body) != self._heard.of("commitment")[site][self.name]:
            raise Refused("These are not the shares that were committed to.")
        self._heard.note("shares", site, {})
        self._shares[site] = shares

    def _hear_roster(self, aggregator: str, body: dict[str, Any]) -> None:
        sites = body.get("sites")
        if not isinstance(sites, dict):
            raise Refused("A roster names sites and their commitments.")
        self._heard.note("roster", aggregator, sites)

    def _hear_agreed(self, aggregator: str, body: dict[str, Any]) -> None:
        self._heard.note("agreed", aggregator, body)

    def _hear_partial(self, aggregator: str, body: dict[str, Any]) -> None:
        _numbers(body.get("sums"), len(self.plan.labels))
        self._heard.note("partial", aggregator, body)

    _HEARS: Mapping[str, Callable[["Aggregator", str, dict[str, Any]], None]] = {
        "commitment": _hear_commitment,
        "shares": _hear_shares,
        "roster": _hear_roster,
        "agreed": _hear_agreed,
        "partial": _hear_partial,
    }

    def _only_while(self, state: State) -> None:
        if self.state is not state:
            raise Refused("The time for this is over. Ask for a new plan.")

    # --- What follows ----------------------------------------------------------------------------
    def _go_on(self) -> None:
        """Take each step for which everybody has said what they had to."""
        if self.state is State.COLLECTING and len(self._shares) == len(self.plan.sites):
            self._tell("roster", {"sites": self._roster()})
            self._to(State.CLOSED)
        if self.state is State.CLOSED and self._all_said("roster"):
            self._agree()
        if self.state is State.AGREED and self._all_said("agreed"):
            self._reveal()
        if self.state is State.REVEALING and self._all_said("partial"):
            self._finish()

    def _agree(self) -> None:
        rosters = self._heard.of("roster")
        mine = rosters[self.name]
        self.sites = tuple(
            site for site in sorted(mine) if all(roster.get(site) == mine[site] for roster in rosters.values())
        )
        if len(self.sites) < self.plan.least_sites:
            self._give_up("Too few sites delivered to every aggregator.")
            return
        self._tell("agreed", {"sites": list(self.sites)})
        self._to(State.AGREED)

    def _reveal(self) -> None:
        if any(said != {"sites": list(self.sites)} for said in self._heard.of("agreed").values()):
            self._give_up("The aggregators do not agree on who delivered.")
            return
        self._tell("partial", {"sums": [str(each) for each in added(self._shares[site] for site in self.sites)]})
        self._shares.clear()
        self._to(State.REVEALING)

    def _finish(self) -> None:
        size = len(self.plan.labels)
        self.total = joined(_numbers(said["sums"], size) for said in self._heard.of("partial").values())
        self._to(State.DONE)

    def _give_up(self, because: str) -> None:
        if self.state is not State.DONE:
            self.state, self.because = State.GIVEN_UP, because
            self._shares.clear()

    # --- Small things ----------------------------------------------------------------------------
    def _to(self, state: State) -> None:
        self.state = state

    def _roster(self) -> dict[str, str]:
        """Return who delivered, and the digest of what they committed to towards everybody."""
        commitments = self._heard.of("commitment")
        return {site: hashlib.sha256(canonical(commitments[site])).hexdigest() for site in sorted(self._shares)}

    def _all_said(self, kind: str) -> bool:
        return len(self._heard.of(kind)) == len(self.plan.aggregators)

    def _tell(self, kind: str, body: dict[str, Any]) -> None:
        """Say something to every other aggregator, and hear it oneself."""
        self._heard.note(kind, self.name, body["sites"] if kind == "roster" else body)
        for each in self.plan.aggregators:
            if each.name != self.name:
                raw = messages.written(self.plan, self._private, sender=self.name, to=each.name, kind=kind, body=body)
                self._outgoing.append((each.name, raw))


def digest_of(body: Mapping[str, Any]) -> str:
    """Return what a site commits to: SHA-256 of its shares, in hex. They are random, so it tells nothing of them."""
    return hashlib.sha256(canonical(body)).hexdigest()


def _numbers(value: object, size: int) -> list[int]:
    """Return shares as they came, decimal text below 2¹²⁸. Raises Refused."""
    if not isinstance(value, list) or len(value) != size:
        raise Refused("The plan has another number of numbers.")
    if not all(isinstance(each, str) and each.isascii() and each.isdigit() and len(each) < 40 for each in value):
        raise Refused("Shares are whole numbers, as text.")
    numbers = [int(each) for each in value]
    if any(number >> BITS for number in numbers):
        raise Refused("Shares are below 2 to the 128.")
    return numbers
