"""Who is who within one study, and nowhere else: keyed with 32 bytes that only the study's own runs have."""

import hmac
from dataclasses import dataclass

from .problems import Refused

MOST_DAYS = 365


@dataclass(frozen=True, repr=False)
class Pseudonyms:
    """One study's pseudonyms. The same person has the same one in each of its releases, and another in each study."""

    key: bytes

    def __post_init__(self):
        if len(self.key) != 32:
            raise Refused("person", "pseudonyms need a key of 32 bytes.")

    def person(self, owner: str) -> str:
        """Return 32 hex digits for a record's owner."""
        return self._digest("person", owner)[:16].hex()

    def record(self, value: str) -> str:
        """Return 32 hex digits for the id of a record. Ids of different columns agree, so that tables can be joined."""
        return self._digest("record", value)[:16].hex()

    def days(self, owner: str) -> int:
        """Return by how many days a person's dates are shifted: -365 to 365, never 0."""
        number = int.from_bytes(self._digest("shift", owner)[:8], "big") % (2 * MOST_DAYS)
        return number - MOST_DAYS if number < MOST_DAYS else number - MOST_DAYS + 1

    def _digest(self, *parts: str) -> bytes:
        text = b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)
        return hmac.digest(self.key, text, "sha256")
