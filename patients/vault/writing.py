"""In: drafts are sealed and become rows."""

from collections.abc import Iterator, Mapping, Sequence

from ehr.crypto.passphrases import derive
from ehr.crypto.sealing import encrypt, encrypt_committed, new_key
from patients.lockboxes import OpenBox, check_opened, check_signature, lock, new_batch, whole, wrap
from patients.models import Chunk, Entry, Lockbox, Manifest, Patient, WrappedKey
from patients.vault import signed
from patients.vault.entries import Author, Draft

CHUNK_BYTES = 256 * 1024


class NoLockbox(Exception):
    """The record has no open lockbox for a part, so nothing can be put into it."""


def write(
    patient: Patient, drafts: Sequence[Draft], *, author: Author, boxes: Mapping[str, OpenBox] | None = None
) -> list[Entry]:
    """Seal drafts and return their rows. Needs no reading key; with an opened box the DEK goes straight under its root.

    Call it inside a transaction. Raises NoLockbox, LockboxForged, and IntegrityError where a version exists already.
    """
    current = lock(patient, {part for draft in drafts for part in draft.parts}, for_writing=True)
    keys = {part: box.root for part, box in (boxes or {}).items() if part in current and box.lockbox == current[part]}
    for part in keys:
        check_signature(current[part])
        check_opened(boxes[part], current[part])
    batches: dict[str, int | None] = dict.fromkeys(keys)
    entries, wrapped, digests, chunks = [], [], [], []
    for position, draft in enumerate(drafts):
        dek = new_key()
        identity = signed.identity(patient.id, draft.logical_id, draft.version)
        entry = Entry(
            patient=patient,
            logical_id=draft.logical_id,
            version=draft.version,
            shares=len(draft.parts),
            position=position,
            current=not draft.deleted,
            body=encrypt_committed(dek, draft.resource, aad=identity),
            search=encrypt(dek, draft.search, aad=identity + signed.SEARCH),
            origin=draft.origin,
        )
        entries.append(entry)
        digests.append(signed.digest(identity, entry.body))
        chunks.extend(_chunks(entry, dek, draft.attachment))
        for part, share in zip(draft.parts, shares_of(dek, len(draft.parts)), strict=True):
            if part not in keys:
                lockbox = _box_for(current, part)
                batch, keys[part] = new_batch(lockbox)
                batches[part] = batch.pk
            blob = wrap(keys[part], current[part], entry.id, share)
            wrapped.append(WrappedKey(entry=entry, lockbox=current[part], batch_id=batches[part], blob=blob))
    _save(patient, entries, wrapped, chunks, b"".join(digests), author)
    return entries


def _box_for(current: Mapping[str, Lockbox], part: str) -> Lockbox:
    if part not in current:
        raise NoLockbox(f"This record has no lockbox for “{part}”, so nothing was stored.")
    return current[part]


def _save(patient, entries, wrapped, chunks, digests: bytes, author: Author) -> None:
    manifest = Manifest.objects.create(
        patient=patient,
        author_id=author.version_id,
        source_id=author.source_id,
        author_name=author.name,
        digests=digests,
        signature=author.sign(signed.manifest_message(patient.id, author.name, digests)),
    )
    newer = [entry.logical_id for entry in entries if entry.version > 1]
    if newer:
        Entry.objects.filter(patient=patient, logical_id__in=newer, current=True).update(current=False)
    for entry in entries:
        entry.manifest = manifest
    Entry.objects.bulk_create(entries)
    WrappedKey.objects.bulk_create(wrapped)
    Chunk.objects.bulk_create(chunks)


def shares_of(dek: bytes, count: int) -> list[bytes]:
    """Return the DEK alone, or two halves of it that say nothing one by one."""
    if count == 1:
        return [dek]
    mask = new_key()
    return [mask, whole([mask, dek])]


def _chunks(entry: Entry, dek: bytes, content: bytes) -> Iterator[Chunk]:
    if not content:
        return
    key, total = derive(dek, "attachment"), -(-len(content) // CHUNK_BYTES)
    for number in range(total):
        piece = content[number * CHUNK_BYTES : (number + 1) * CHUNK_BYTES]
        yield Chunk(entry=entry, number=number, body=encrypt(key, piece, aad=signed.chunk_aad(entry.id, number, total)))
