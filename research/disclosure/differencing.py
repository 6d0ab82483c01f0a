"""Two groups that differ by few people have one answer, so that taking one from the other says nothing of the few.

Fewer than 11 always are. How many more are few is not told: up to 21, by a digest under a key that asker and reader do
not have. Who knows ten people of a group, and takes them away with an eleventh of whom they know nothing, does not know
on which side of the line that lies. Of a small group it is two thirds at most: two that share few people are two.
"""

import hashlib
import hmac
from collections.abc import Hashable, Iterable
from dataclasses import dataclass

from research.disclosure.rounding import Rules


@dataclass(frozen=True)
class Answered:
    """A question that was answered: by which digest it is known, who was counted, and what was said."""

    digest: bytes
    members: frozenset[Hashable]
    said: int | None


def margin(key: bytes, first: bytes, second: bytes, rules: Rules) -> int:
    """Return by how many people two groups must differ at least to have two answers."""
    return rules.small + _drawn(key, b"differencing", first, second) % rules.small


def _reach(key: bytes, digest: bytes, earlier: Answered, rules: Rules) -> int:
    """Return from how many people on a group is another one than an earlier group: of the whole, a third to two."""
    twelfths = 4 + _drawn(key, b"differencing/share", digest, earlier.digest) % 5
    return min(margin(key, digest, earlier.digest, rules), max(rules.small, len(earlier.members) * twelfths // 12))


def _drawn(key: bytes, label: bytes, first: bytes, second: bytes) -> int:
    spread = hmac.new(key, label + b"\x00" + b"".join(sorted((first, second))), hashlib.sha256).digest()
    return int.from_bytes(spread[:8], "big")


def earlier_answer(
    members: frozenset[Hashable], *, digest: bytes, answered: Iterable[Answered], key: bytes, rules: Rules
) -> Answered | None:
    """Return the earlier answer that stands for these people, too; None where a new one may be given.

    Of several, it is the nearest, and of equally near ones the first.
    """
    near = [
        (apart, number, earlier)
        for number, earlier in enumerate(answered)
        if (apart := len(members ^ earlier.members)) < _reach(key, digest, earlier, rules)
    ]
    return min(near, key=lambda one: one[:2])[2] if near else None
