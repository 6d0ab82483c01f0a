"""Two groups that differ by few people have one answer, so that taking one from the other says nothing of the few.

How few is not told: from 11 on up to twice that, by a digest under a key that asker and reader do not have. Who
knows ten people of a group, and takes them away with an eleventh of whom they know nothing, does not know on which
side of the line that lies.
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
    spread = hmac.new(key, b"differencing\x00" + b"".join(sorted((first, second))), hashlib.sha256).digest()
    return rules.small + int.from_bytes(spread[:8], "big") % rules.small


def earlier_answer(
    members: frozenset[Hashable], *, digest: bytes, answered: Iterable[Answered], key: bytes, rules: Rules
) -> Answered | None:
    """Return the earlier answer that stands for these people, too; None where a new one may be given.

    Of several, it is the nearest, and of equally near ones the first.
    """
    near = [
        (apart, number, earlier)
        for number, earlier in enumerate(answered)
        if (apart := len(members ^ earlier.members)) < margin(key, digest, earlier.digest, rules)
    ]
    return min(near, key=lambda one: one[:2])[2] if near else None
