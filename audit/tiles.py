"""The tree's tiles and the map's, in the database. Readers remember what they read: make one per piece of work."""

from collections.abc import Iterable, Mapping

from audit import merkle
from audit.models import MapTile, Tile

_CHUNK = 400


class Tiles:
    """Reads tiles of the tree."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], bytes] = {}

    def __call__(self, level: int, index: int) -> bytes:
        """Return a tile's hashes, empty if there is none."""
        if (level, index) not in self._known:
            found = Tile.objects.filter(level=level, index=index).values_list("hashes", flat=True).first()
            self._known[level, index] = bytes(found or b"")
        return self._known[level, index]

    def fetch(self, numbers: Iterable[int]) -> None:
        """Read the lowest tiles over these leaves in few queries."""
        indexes = sorted({number // merkle.WIDTH for number in numbers})
        for at in range(0, len(indexes), _CHUNK):
            rows = Tile.objects.filter(level=0, index__in=indexes[at : at + _CHUNK]).values_list("index", "hashes")
            self._known.update({(0, index): bytes(hashes) for index, hashes in rows})


def store(tiles: Mapping[tuple[int, int], bytes]) -> None:
    """Write tiles that grew."""
    Tile.objects.bulk_create(
        [Tile(level=level, index=index, hashes=hashes) for (level, index), hashes in tiles.items()],
        update_conflicts=True,
        unique_fields=["level", "index"],
        update_fields=["hashes"],
    )


class MapTiles:
    """Reads tiles of the map."""

    # Deep enough for the map of a hundred million subjects; a deeper tile costs a query of its own.
    _DEPTH = 4

    def __init__(self, keys: Iterable[bytes] = ()) -> None:
        prefixes = sorted({key[:depth].hex() for key in keys for depth in range(self._DEPTH)})
        self._known: dict[bytes, bytes] = {bytes.fromhex(prefix): b"" for prefix in prefixes}
        for at in range(0, len(prefixes), _CHUNK):
            rows = MapTile.objects.filter(prefix__in=prefixes[at : at + _CHUNK]).values_list("prefix", "slots")
            self._known.update({bytes.fromhex(prefix): bytes(slots) for prefix, slots in rows})

    def __call__(self, prefix: bytes) -> bytes:
        """Return a tile's slots, empty if there is none."""
        if prefix not in self._known:
            found = MapTile.objects.filter(prefix=prefix.hex()).values_list("slots", flat=True).first()
            self._known[prefix] = bytes(found or b"")
        return self._known[prefix]


def store_map(tiles: Mapping[bytes, bytes]) -> None:
    """Write tiles of the map that changed."""
    MapTile.objects.bulk_create(
        [MapTile(prefix=prefix.hex(), slots=slots) for prefix, slots in tiles.items()],
        update_conflicts=True,
        unique_fields=["prefix"],
        update_fields=["slots"],
    )
