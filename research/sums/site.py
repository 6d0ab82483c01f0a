"""What a site does: add its part of the noise, split, commit, deliver; and read the total that all aggregators sign."""

import json
from collections.abc import Mapping, Sequence

from ehr.crypto import signing
from research.sums import posting
from research.sums.aggregator import digest_of
from research.sums.messages import Refused, signed_by, written
from research.sums.noise import discrete_gaussian
from research.sums.plan import LARGEST, Plan
from research.sums.sharing import split


class NotDelivered(Exception):
    """Not every aggregator took the shares, so that this site is not in the sum. Nobody learnt anything of it."""


def contribute(plan: Plan, name: str, private: bytes, values: Sequence[int]) -> None:
    """Deliver a site's numbers, in the order of the plan's labels; they, and the noise, stay in this process.

    Raises NotDelivered, and ValueError for a site, a key or numbers that are not of the plan.
    """
    site = next((each for each in plan.sites if each.name == name), None)
    if site is None or site.key != signing.public_of(private):
        raise ValueError("The plan names no such site with this key.")
    if len(values) != len(plan.labels) or any(abs(value) > LARGEST for value in values):
        raise ValueError(f"Give {len(plan.labels)} whole numbers, none beyond {LARGEST:,}.")
    noisy = [value + discrete_gaussian(plan.variance) for value in values]
    shares = split(noisy, len(plan.aggregators))
    bodies = {
        each.name: {"shares": [str(number) for number in share]}
        for each, share in zip(plan.aggregators, shares, strict=True)
    }
    commitment = {"shares": {each: digest_of(body) for each, body in bodies.items()}}
    for each in plan.aggregators:
        _deliver(plan, each.name, written(plan, private, sender=name, to=each.name, kind="commitment", body=commitment))
    for each in plan.aggregators:
        _deliver(
            plan, each.name, written(plan, private, sender=name, to=each.name, kind="shares", body=bodies[each.name])
        )


def _deliver(plan: Plan, name: str, raw: bytes) -> None:
    aggregator = plan.aggregator(name)
    assert aggregator is not None  # noqa: S101 - the plan's own names
    try:
        status, answer = posting.send(aggregator, raw)
    except posting.NoAnswer as problem:
        raise NotDelivered(str(problem)) from problem
    if status != 204:
        raise NotDelivered(f"{name} answered {status}: {answer.decode(errors='replace')[:200]}")


def result_of(plan: Plan) -> tuple[Mapping[str, int], tuple[str, ...]] | None:
    """Return the total by label, and of which sites it is; None while an aggregator has none.

    Raises Refused where aggregators sign different totals, or one did not sign its own; NoAnswer where one is away.
    """
    told = []
    for each in plan.aggregators:
        status, raw = posting.fetch(each, "/result")
        if status == 404:
            return None
        body = signed_by(plan, each, raw, kind="result")
        told.append(body)
    if any(body != told[0] for body in told):
        raise Refused("The aggregators tell different totals. Ask them.")
    total, sites = told[0].get("total"), told[0].get("sites")
    if not isinstance(total, dict) or set(total) != set(plan.labels) or not isinstance(sites, list):
        raise Refused("The aggregators tell something else than a total.")
    return {label: int(total[label]) for label in plan.labels}, tuple(map(str, sites))


def states_of(plan: Plan) -> dict[str, str]:
    """Return how far each aggregator says it is; empty for one that does not answer."""
    states = {}
    for each in plan.aggregators:
        try:
            states[each.name] = str(json.loads(posting.fetch(each, "/state")[1]).get("state", ""))
        except (posting.NoAnswer, ValueError):
            states[each.name] = ""
    return states
