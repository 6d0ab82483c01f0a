"""What tells one recipient's copy of a table from every other, and from a table that never left here.

Two things bear a mark, each under a key of one release alone, so that no two releases share a value. The last bytes of
a pseudonym are made of its first ones: any one row names the release. And about one number in fifty is left empty,
chosen by itself and by what stands beside it: in a copy without pseudonyms, shuffled or cut, these are the numbers that
never show, where in any other table one in fifty of such numbers does. No cell is changed to another value.
"""

import hashlib
import hmac
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

KEY_BYTES = 32
# One in so many numbers of a marked column is left empty.
ONE_IN = 50
HEAD_BYTES, TAIL_BYTES = 10, 6
_DRAWN_BYTES = 8
_PSEUDONYM = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Context:
    """Whether a number is left empty depends on it and on cells beside it: `columns`, its own first. One in `one_in`
    is."""

    columns: tuple[str, ...]
    one_in: int


@dataclass(frozen=True, repr=False)
class Mark:
    """The key of one release's mark, 32 bytes, and by which columns its numbers are left empty."""

    key: bytes
    contexts: tuple[Context, ...] = ()

    def takes(self, context: Context, values: Sequence[object]) -> bool:
        """Tell whether the number is left empty that stands with these values, in the order of the context's columns.

        Nothing is beside an empty cell: whoever finds a copy could not tell what stood there.
        """
        texts = [plain(value) for value in values]
        if not all(texts):
            return False
        said = json.dumps([context.columns, texts], ensure_ascii=False).encode()
        drawn = hashlib.blake2b(said, key=self.key, digest_size=_DRAWN_BYTES, person=b"cell").digest()
        return int.from_bytes(drawn, "big") * context.one_in < 1 << 8 * _DRAWN_BYTES


@dataclass(frozen=True)
class Likeness:
    """How much a table looks like one release.

    Of `pseudonyms` in it `bearing` end as only this release's do. Of `numbers` that stand there `shown` should have
    been left empty; in any other table it would be about `expected`.
    """

    pseudonyms: int
    bearing: int
    numbers: int
    shown: int
    expected: float

    @property
    def chance(self) -> float:
        """log10 of how likely a table that is none of this release looks as much like it, at most; -6 is one in a
        million. Source: the union bound, and Chernoff's for sums of independent draws."""
        by_name = self.bearing * (math.log10(max(1, self.pseudonyms)) - 8 * TAIL_BYTES * math.log10(2))
        if self.shown >= self.expected:
            return by_name
        excess = self.shown * math.log(self.shown / self.expected) if self.shown else 0.0
        return by_name - (self.expected - self.shown + excess) / math.log(10)


def tail(key: bytes, head: bytes) -> bytes:
    """Return the 6 bytes that a pseudonym with these first 10 ends with."""
    return hmac.digest(key, b"pseudonym" + head, "sha256")[:TAIL_BYTES]


def bears(key: bytes, pseudonym: str) -> bool:
    """Tell whether 32 hex digits end as the pseudonyms of this key do."""
    told = bytes.fromhex(pseudonym)
    return hmac.compare_digest(tail(key, told[:HEAD_BYTES]), told[HEAD_BYTES:])


def plain(value: object) -> str:
    """Return a cell as it reads however it was written: "84", 84 and 84.0 are one; "" for an empty one."""
    text = "" if value is None else str(value).strip()
    try:
        number = float(text)
    except ValueError:
        return text.casefold()
    return f"{number:.12g}" if math.isfinite(number) else text.casefold()


def likeness(mark: Mark, rows: Iterable[Mapping[str, object]]) -> Likeness:
    """Return how much rows, {column: cell} each, look like the release of a mark.

    Their order, missing rows and columns, and what pseudonyms' column is called do not matter. What stands there twice
    is looked at once, for it was drawn once.
    """
    found: set[str] = set()
    seen: dict[Context, set[tuple[str, ...]]] = {one: set() for one in mark.contexts}
    for row in rows:
        found.update(text for cell in row.values() if _PSEUDONYM.fullmatch(text := str(cell).strip().lower()))
        for context, held in seen.items():
            texts = tuple(plain(row.get(name)) for name in context.columns)
            if all(texts):
                held.add(texts)
    numbers = sum(map(len, seen.values()))
    shown = sum(mark.takes(context, texts) for context, held in seen.items() for texts in held)
    expected = sum(len(held) / context.one_in for context, held in seen.items())
    return Likeness(len(found), sum(bears(mark.key, one) for one in found), numbers, shown, expected)
