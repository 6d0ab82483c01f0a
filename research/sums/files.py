"""Plans, keys and numbers as files, for the programs of sites and aggregators."""

import json
from pathlib import Path

from research.sums import plan as plans
from research.sums.plan import NotAPlan, Plan

KEY_BYTES = 32


class Unreadable(ValueError):
    """A file that is not there, or not what it should be."""


def read_plan(path: Path) -> Plan:
    """Return the plan in a file. Raises Unreadable."""
    try:
        return plans.read(_json(path))
    except NotAPlan as problem:
        raise Unreadable(f"{path} is not a plan. {problem}") from problem


def read_key(path: Path) -> bytes:
    """Return the private key in a file that nobody else can read. Raises Unreadable."""
    try:
        if path.stat().st_mode & 0o077:
            raise Unreadable(f"{path} can be read by others. Run chmod 600 on it.")
        key = bytes.fromhex(path.read_text(encoding="utf-8").strip())
    except (OSError, ValueError) as problem:
        if isinstance(problem, Unreadable):
            raise
        raise Unreadable(f"{path} does not hold a key. make_sum_key makes one.") from problem
    if len(key) != KEY_BYTES:
        raise Unreadable(f"{path} does not hold a key. make_sum_key makes one.")
    return key


def read_numbers(path: Path, plan: Plan) -> list[int]:
    """Return a site's numbers in the order of the plan's labels, from a JSON object by label. Raises Unreadable."""
    numbers = _json(path)
    if not isinstance(numbers, dict) or set(numbers) != set(plan.labels):
        raise Unreadable(f"{path} does not have one number for each of: {', '.join(plan.labels)}.")
    if any(type(number) is not int for number in numbers.values()):
        raise Unreadable(f"The numbers in {path} are whole numbers.")
    return [numbers[label] for label in plan.labels]


def _json(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise Unreadable(f"{path} could not be read as JSON.") from problem
