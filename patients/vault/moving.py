"""From one part to another: the key of an entry is wrapped anew, and nothing else about it changes."""

import uuid
from collections.abc import Mapping, Sequence

from patients.lockboxes import OpenBox, check_signature, deks, lock, new_batch, wrap
from patients.models import Entry, Patient, WrappedKey
from patients.vault.writing import NoLockbox, shares_of


def move(patient: Patient, targets: Mapping[uuid.UUID, Sequence[str]], boxes: Mapping[str, OpenBox]) -> list[uuid.UUID]:
    """Put entries, by their rows' ids, into other parts; return those that moved. What `boxes` do not open stays.

    Body, search values and the author's signature stay as they are; the keys in the old parts are destroyed. Where a
    box of the new part is not at hand the key goes under a batch's, as of what arrives. Call it inside a transaction.
    Raises NoLockbox, LockboxForged.
    """
    if not targets:
        return []
    parts = {part for chosen in targets.values() for part in chosen}
    current = lock(patient, {*parts, *boxes}, for_writing=True)
    if missing := parts - set(current):
        raise NoLockbox(f"This record has no lockbox for “{min(missing)}”, so nothing was moved.")
    opened = {part: box for part, box in boxes.items() if box.lockbox == current.get(part)}
    keys = deks(opened, targets)
    under: dict[str, tuple[int, bytes]] = {}
    rows = []
    for entry, dek in keys.items():
        for part, share in zip(targets[entry], shares_of(dek, len(targets[entry])), strict=True):
            if part not in under:
                check_signature(current[part])
                batch, key = new_batch(current[part])
                under[part] = batch.pk, key
            batch_id, key = under[part]
            blob = wrap(key, current[part], entry, share)
            rows.append(WrappedKey(entry_id=entry, lockbox=current[part], batch_id=batch_id, blob=blob))
    WrappedKey.objects.filter(entry__in=list(keys)).delete()
    WrappedKey.objects.bulk_create(rows)
    for count in (1, 2):
        moved = [entry for entry in keys if len(targets[entry]) == count]
        Entry.objects.filter(patient=patient, pk__in=moved).update(shares=count)
    return list(keys)
