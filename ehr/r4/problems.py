"""What validation says: where, what is wrong in plain words, and which layer found it.

Messages name elements and allowed codes, never what the sender wrote: they end up on terminals and in reports.
"""

from typing import NamedTuple

SCHEMA, MODEL, RULES, CHECKS, PROFILE = "schema", "model", "rules", "checks", "profile"


class Problem(NamedTuple):
    """One thing wrong with a resource, e.g. ("Observation.status", "Observation.status is missing.", "checks")."""

    path: str
    message: str
    layer: str

    def __str__(self) -> str:
        return self.message


def path_text(steps: tuple | list) -> str:
    """Return "Claim.item[0].net" from ("Claim", "item", 0, "net")."""
    text = ""
    for step in steps:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text
