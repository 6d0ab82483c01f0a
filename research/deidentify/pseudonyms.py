"""Who is who within one study, and nowhere else: keyed with 32 bytes that only the study's own runs have."""

import hmac
from dataclasses import dataclass

from . import marks
from .problems import Refused

MOST_DAYS = 365


@dataclass(frozen=True, repr=False)
class Pseudonyms:
    """Pseudonyms under one key: the same person has the same one under it, and another under every other.

    `shifts` is the key of the days, where these are to agree among tables whose pseudonyms do not; `marked` is the key
    of the mark that pseudonyms bear.
    """

    key: bytes
    shifts: bytes = b""
    marked: bytes = b""

    def __post_init__(self):
        if {len(self.key), len(self.shifts) or 32, len(self.marked) or 32} != {32}:
            raise Refused("person", "pseudonyms need a key of 32 bytes.")

    def person(self, owner: str) -> str:
        """Return 32 hex digits for a record's owner."""
        return self._marked(self._digest(self.key, "person", owner))

    def record(self, value: str) -> str:
        """Return 32 hex digits for the id of a record. Ids of different columns agree, so that tables can be joined."""
        return self._marked(self._digest(self.key, "record", value))

    def days(self, owner: str) -> int:
        """Return by how many days a person's dates are shifted: -365 to 365, never 0."""
        number = int.from_bytes(self._digest(self.shifts or self.key, "shift", owner)[:8], "big") % (2 * MOST_DAYS)
        return number - MOST_DAYS if number < MOST_DAYS else number - MOST_DAYS + 1

    def _marked(self, digest: bytes) -> str:
        head = digest[: marks.HEAD_BYTES]
        return (head + marks.tail(self.marked, head)).hex() if self.marked else digest[:16].hex()

    @staticmethod
    def _digest(key: bytes, *parts: str) -> bytes:
        text = b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in parts)
        return hmac.digest(key, text, "sha256")
