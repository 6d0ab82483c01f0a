"""The map's tree: 256-bit keys in a sparse Merkle tree, stored in tiles of eight levels. Plain Python.

A leaf stands at the first multiple of eight levels where it is alone, so n keys need about log2(n)
levels. An empty half hashes to 32 zero bytes. A tile is named by the bytes of the key that lead to
it and holds, slot by slot, a leaf (key and hash) or the root of the tile below. Changing k keys
touches k · log n tiles.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby

from audit.verify import ZERO, map_node

# Returns the stored tile of a prefix; empty if there is none.
TileReader = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Slot:
    """One place of a tile: a leaf with its key, or, without a key, the root of the tile below."""

    key: bytes | None
    hash: bytes


Tile = dict[int, Slot]


def unpack(data: bytes) -> Tile:
    """Return a stored tile's slots. Stored: place; 0 and key for a leaf, 1 for a tile below; hash."""
    tile, at = {}, 0
    while at < len(data):
        place, below = data[at], data[at + 1]
        length = 0 if below else 32
        key = None if below else data[at + 2 : at + 34]
        tile[place] = Slot(key, data[at + 2 + length : at + 34 + length])
        at += 34 + length
    return tile


def pack(tile: Tile) -> bytes:
    """Return a tile as it is stored."""
    return b"".join(
        bytes([place, slot.key is None]) + (slot.key or b"") + slot.hash for place, slot in sorted(tile.items())
    )


def root_of(tile: Tile) -> bytes:
    """Return the root of a tile's eight levels."""
    row = {place: slot.hash for place, slot in tile.items()}
    for _ in range(8):
        row = {
            index: map_node(row.get(2 * index, ZERO), row.get(2 * index + 1, ZERO))
            for index in {place // 2 for place in row}
        }
    return row.get(0, ZERO)


def change(read: TileReader, leaves: Mapping[bytes, bytes]) -> tuple[bytes, dict[bytes, bytes]]:
    """Return the new root and the changed tiles by prefix, after leaf hashes were put at their keys; stores nothing.

    Raises ValueError when a stored tile is not the one its parent names.
    """
    changed: dict[bytes, bytes] = {}
    return _change(read, b"", None, sorted(leaves.items()), changed), changed


def _change(
    read: TileReader,
    prefix: bytes,
    known: bytes | None,
    leaves: Iterable[tuple[bytes, bytes]],
    changed: dict[bytes, bytes],
) -> bytes:
    tile = unpack(read(prefix))
    if known is not None and root_of(tile) != known:
        raise ValueError(f"The map's tile {prefix.hex()} is not what was stored.")
    depth = len(prefix)
    for place, group in groupby(leaves, key=lambda leaf: leaf[0][depth]):
        arriving = dict(group)
        slot = tile.get(place)
        if slot and slot.key:
            arriving = {slot.key: slot.hash} | arriving
        if len(arriving) == 1 and (slot is None or slot.key):
            [(key, leaf)] = arriving.items()
            tile[place] = Slot(key, leaf)
        else:
            was = slot.hash if slot and slot.key is None else ZERO
            below = _change(read, prefix + bytes([place]), was, sorted(arriving.items()), changed)
            tile[place] = Slot(None, below)
    changed[prefix] = pack(tile)
    return root_of(tile)


def path(read: TileReader, key: bytes) -> list[bytes]:
    """Return the siblings from the key's leaf upwards. Raises KeyError when the map does not hold the key."""
    siblings: list[bytes] = []
    for depth in range(len(key)):
        tile = unpack(read(key[:depth]))
        slot = tile.get(key[depth])
        if slot is None or slot.key not in (None, key):
            raise KeyError(key.hex())
        siblings = _siblings(tile, key[depth]) + siblings
        if slot.key:
            break
    return siblings


def _siblings(tile: Tile, place: int) -> list[bytes]:
    """Return a slot's eight siblings within its tile, from the slot upwards."""
    row = {index: slot.hash for index, slot in tile.items()}
    siblings = []
    for _ in range(8):
        siblings.append(row.get(place ^ 1, ZERO))
        place //= 2
        row = {
            index: map_node(row.get(2 * index, ZERO), row.get(2 * index + 1, ZERO))
            for index in {each // 2 for each in row}
        }
    return siblings
