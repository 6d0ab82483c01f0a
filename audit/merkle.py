"""The tree: roots and proofs over a tiled RFC 6962 log. Plain Python.

Hashing and checking live in `audit.verify`, the file strangers run, so that there is one copy. A
tile holds up to 256 neighbouring hashes of one level: level 0 the leaves, level n the roots of full
tiles of level n - 1. Full tiles never change, so an append touches only the right edge.
"""

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

from audit.verify import consistency_holds, inclusion_holds, leaf_hash, node_hash

__all__ = [
    "EMPTY_ROOT", "WIDTH", "Frontier", "Tree", "consistency_holds", "extend", "inclusion_holds", "leaf_hash",
    "node_hash", "root_of",
]  # fmt: skip

WIDTH = 256
HASH = 32
EMPTY_ROOT = sha256(b"").digest()

# Returns the hashes of tile (level, index), 32 bytes each; empty if there is none.
TileReader = Callable[[int, int], bytes]


def root_of(hashes: Iterable[bytes]) -> bytes:
    """Return the RFC 6962 root over leaf hashes, any number of them."""
    row = list(hashes)
    while len(row) > 1:
        pairs = [node_hash(row[i], row[i + 1]) for i in range(0, len(row) - 1, 2)]
        row = [*pairs, row[-1]] if len(row) % 2 else pairs
    return row[0] if row else EMPTY_ROOT


def extend(read: TileReader, size: int, leaves: Sequence[bytes]) -> dict[tuple[int, int], bytes]:
    """Return the tiles, as they are after leaf hashes were added to a tree of `size` leaves; nothing is stored."""
    changed: dict[tuple[int, int], bytes] = {}
    level, start, new = 0, size, list(leaves)
    while new:
        index, offset = divmod(start, WIDTH)
        above_start, above = index, []
        taken = 0
        while taken < len(new):
            kept = read(level, index)[: offset * HASH] if offset else b""
            part = new[taken : taken + WIDTH - offset]
            taken += len(part)
            tile = kept + b"".join(part)
            changed[level, index] = tile
            if len(tile) == WIDTH * HASH:
                above.append(root_of(_split(tile)))
            index, offset = index + 1, 0
        level, start, new = level + 1, above_start, above
    return changed


class Frontier:
    """The right edge of a tree: all that is needed to add leaves and tell the root, at one hash a leaf."""

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        self.size = size
        self._peaks = list(peaks)  # roots of the full subtrees, from the left

    def add(self, leaf: bytes) -> None:
        """Add one leaf hash."""
        carry = self.size
        while carry & 1:
            leaf = node_hash(self._peaks.pop(), leaf)
            carry >>= 1
        self._peaks.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """Return the root of all leaves so far."""
        return _fold(self._peaks)


class Tree:
    """Questions to a tree of `size` leaves whose tiles `read` returns. Proofs cost O(log size) tiles.

    Methods raise ValueError for a leaf or size outside the tree, and when storage lacks a tile.
    """

    def __init__(self, size: int, read: TileReader) -> None:
        self.size = size
        self._read = read

    def root(self, size: int | None = None) -> bytes:
        """Return the root of the first `size` leaves; of all, if none is given."""
        return self._range(0, self._within(size))

    def frontier(self, size: int | None = None) -> Frontier:
        """Return the right edge of the first `size` leaves."""
        size = self._within(size)
        return Frontier(size, self._peaks(0, size))

    def inclusion(self, number: int, size: int | None = None) -> list[bytes]:
        """Return the RFC 9162 proof that a leaf stands in the tree of the first `size` leaves."""
        low, high = 0, self._within(size)
        if not 0 <= number < high:
            raise ValueError(f"There is no leaf {number} among {high}.")
        proof: list[bytes] = []
        while high - low > 1:
            middle = low + _split_point(high - low)
            if number < middle:
                proof.append(self._range(middle, high))
                high = middle
            else:
                proof.append(self._range(low, middle))
                low = middle
        return proof[::-1]

    def consistency(self, size1: int, size2: int | None = None) -> list[bytes]:
        """Return the RFC 9162 proof that the tree of `size2` leaves continues that of `size1`."""
        low, high = 0, self._within(size2)
        if not 0 < size1 <= high:
            raise ValueError(f"A tree of {size1} leaves has no consistency proof to one of {high}.")
        proof: list[bytes] = []
        left_edge = True
        while size1 != high:
            middle = low + _split_point(high - low)
            if size1 <= middle:
                proof.append(self._range(middle, high))
                high = middle
            else:
                proof.append(self._range(low, middle))
                low, left_edge = middle, False
        if not left_edge:
            proof.append(self._range(low, high))
        return proof[::-1]

    def _within(self, size: int | None) -> int:
        if size is None:
            return self.size
        if not 0 <= size <= self.size:
            raise ValueError(f"A tree of {self.size} leaves cannot tell of {size}.")
        return size

    def _range(self, low: int, high: int) -> bytes:
        return _fold(self._peaks(low, high))

    def _peaks(self, low: int, high: int) -> list[bytes]:
        """Return the roots of the full subtrees over leaves low … high - 1; low is a multiple of the range's height."""
        peaks: list[bytes] = []
        while low < high:
            height = (high - low).bit_length() - 1
            if low:
                height = min(height, (low & -low).bit_length() - 1)
            peaks.append(self._full(height, low >> height))
            low += 1 << height
        return peaks

    def _full(self, height: int, index: int) -> bytes:
        """Return the root of the full subtree of 2^height leaves at that index."""
        level, rest = divmod(height, 8)
        tile, place = divmod(index << rest, WIDTH)
        low, high = place * HASH, (place + (1 << rest)) * HASH
        hashes = self._read(level, tile)
        if len(hashes) < high:
            raise ValueError(f"Storage lacks hashes of tile {level}/{tile}.")
        return root_of(_split(hashes[low:high]))


def _fold(peaks: Sequence[bytes]) -> bytes:
    """Return the root over the roots of full subtrees, highest on the left."""
    if not peaks:
        return EMPTY_ROOT
    node = peaks[-1]
    for peak in reversed(peaks[:-1]):
        node = node_hash(peak, node)
    return node


def _split(tile: bytes) -> list[bytes]:
    return [tile[i : i + HASH] for i in range(0, len(tile), HASH)]


def _split_point(count: int) -> int:
    """Return the largest power of two below a count of at least two."""
    return 1 << ((count - 1).bit_length() - 1)
