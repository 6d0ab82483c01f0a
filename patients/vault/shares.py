"""The keys of entries: whole, in two halves from two lockboxes, or from a bundle."""

import uuid
from collections.abc import Iterator, Mapping, Sequence

from ehr.crypto.formats import CannotOpen
from patients.lockboxes import DekOpener, OpenBox, OpenBundle, whole
from patients.vault import signed


class Shares:
    """The shares that opened lockboxes hold, put together as their rows come."""

    def __init__(self, boxes: Mapping[str, OpenBox]) -> None:
        self.boxes = {box.lockbox.pk: (DekOpener(box), (box.part,)) for box in boxes.values()}
        self._waiting: dict[bytes, tuple[bytes | None, str]] = {}
        self.batched = False  # whether any lies under a batch's key still

    def take(
        self, entry: bytes, lockbox_id: int, batch_id: int | None, blob: bytes, shares: int
    ) -> tuple[bytes | None, tuple[str, ...]] | None:
        """Return an entry's key, None where it does not fit, with the parts it is in; None while a half is missing.

        An entry whose second half is in a box that is not open is never told of.
        """
        opener, parts = self.boxes[lockbox_id]
        if batch_id is not None:
            self.batched = True
        try:
            dek: bytes | None = opener.open(entry, batch_id, blob)
        except CannotOpen:
            dek = None
        if shares == 1:
            return dek, parts
        if entry not in self._waiting:
            self._waiting[entry] = (dek, opener.part)
            return None
        other, part = self._waiting.pop(entry)
        both = whole([dek, other]) if dek is not None and other is not None else None
        return both, tuple(sorted((part, opener.part)))


def bundled_keys(
    chosen: Sequence[tuple], bundles: Mapping[uuid.UUID, OpenBundle]
) -> Iterator[tuple[tuple, bytes | None, tuple[str, ...]]]:
    """Yield one row of each chosen entry with its key, None where it does not fit, and the parts it is in."""
    parts: dict[bytes, set[str]] = {}
    for row in chosen:
        parts.setdefault(signed.id_bytes(row[0]), set()).add(row[5])
    known: set[bytes] = set()
    for row in chosen:
        entry = signed.id_bytes(row[0])
        if entry in known:
            continue
        known.add(entry)
        try:
            dek: bytes | None = bundles[uuid.UUID(bytes=signed.id_bytes(row[1]))].dek(entry, row[2])
        except CannotOpen:
            dek = None
        yield row, dek, tuple(sorted(parts[entry]))
