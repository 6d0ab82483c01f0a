"""The vault: entries in and entries out. Only the door, `consent.access`, may import it.

It decides nothing and logs nothing. What it is handed opened lockboxes for, it opens.
"""

import hashlib
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from operator import itemgetter
from typing import Protocol

from ehr.accounts.queries import is_logged_author
from ehr.crypto import opening, signing
from ehr.crypto.digests import joined
from ehr.crypto.formats import CannotOpen
from ehr.crypto.passphrases import derive
from ehr.crypto.sealing import encrypt, encrypt_committed, new_key
from patients import rows
from patients.lockboxes import (
    BatchKeys,
    OpenBox,
    OpenBundle,
    check_opened,
    check_signature,
    lock,
    new_batch,
    unwrap,
    whole,
    wrap,
)
from patients.models import Chunk, Entry, Lockbox, Manifest, Patient, WrappedKey

ALGORITHM = b"AES-256-GCM+SHA-256-commitment/v1"
CHUNK_BYTES = 256 * 1024
_DIGEST_BYTES = 32
# One decoder for all: `json.loads` with an option builds a new one for each text.
_READ_JSON = json.JSONDecoder(parse_float=Decimal).decode


class Author(Protocol):
    """Who signs what is written: a person's keyring, or a registered source."""

    @property
    def version_id(self) -> int | None: ...

    @property
    def source_id(self) -> uuid.UUID | None: ...

    @property
    def name(self) -> str: ...

    def sign(self, message: bytes) -> bytes: ...


@dataclass(frozen=True)
class Draft:
    """What is to be sealed: the resource's JSON as it will be returned, and where it belongs."""

    resource: bytes
    parts: tuple[str, ...]  # one, or two when two sensitive labels apply
    search: bytes
    logical_id: uuid.UUID = field(default_factory=uuid.uuid4)
    version: int = 1
    origin: bytes | None = None
    attachment: bytes = b""


@dataclass(eq=False)
class OpenEntry:
    """One opened entry. `raw` is None when its key or its ciphertext does not fit; it is shown as such."""

    entry_bytes: bytes  # ids and times are made into objects when asked for: a chart has a thousand of them
    logical_bytes: bytes
    version: int
    parts: tuple[str, ...]
    stored_at: datetime | str
    manifest_id: int
    raw: bytes | None = field(repr=False)
    author_name: str = ""
    author_valid: bool = False
    _resource: dict | None = field(default=None, repr=False)

    @cached_property
    def entry_id(self) -> uuid.UUID:
        return uuid.UUID(bytes=self.entry_bytes)

    @cached_property
    def logical_id(self) -> uuid.UUID:
        return uuid.UUID(bytes=self.logical_bytes)

    @cached_property
    def written_at(self) -> datetime:
        """When it was stored, in UTC."""
        at = self.stored_at if isinstance(self.stored_at, datetime) else datetime.fromisoformat(self.stored_at)
        return at if at.tzinfo else at.replace(tzinfo=UTC)

    @property
    def category(self) -> str:
        return self.parts[0]

    @property
    def resource(self) -> dict:
        """The FHIR resource with its decimals as written; empty when it could not be opened."""
        if self._resource is None:
            self._resource = _READ_JSON(self.raw.decode()) if self.raw is not None else {}
        return self._resource


class NoLockbox(Exception):
    """The record has no open lockbox for a part, so nothing can be put into it."""


def _identity(patient_id: uuid.UUID, logical_id: uuid.UUID, version: int) -> bytes:
    """Return the bytes that body and signature are bound to: patient, algorithm, entry and version."""
    return _identity_prefix(patient_id) + logical_id.bytes + version.to_bytes(4, "big")


def _identity_prefix(patient_id: uuid.UUID) -> bytes:
    # What follows has a fixed length, so it needs none in front.
    return joined(b"entry/v1", patient_id.bytes, ALGORITHM)


def _digest(identity: bytes, body: bytes) -> bytes:
    return hashlib.sha256(identity + body).digest()


def _manifest_message(patient_id: uuid.UUID, author_name: str, digests: bytes) -> bytes:
    return joined(b"manifest/v1", patient_id.bytes, author_name.encode(), hashlib.sha256(digests).digest())


# --- In ------------------------------------------------------------------------------------------
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
        identity = _identity(patient.id, draft.logical_id, draft.version)
        entry = Entry(
            patient=patient,
            logical_id=draft.logical_id,
            version=draft.version,
            shares=len(draft.parts),
            position=position,
            body=encrypt_committed(dek, draft.resource, aad=identity),
            search=encrypt(dek, draft.search, aad=identity + b"search"),
            origin=draft.origin,
        )
        entries.append(entry)
        digests.append(_digest(identity, entry.body))
        chunks.extend(_chunks(entry, dek, draft.attachment))
        for part, share in zip(draft.parts, _shares(dek, len(draft.parts)), strict=True):
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
        signature=author.sign(_manifest_message(patient.id, author.name, digests)),
    )
    newer = [entry.logical_id for entry in entries if entry.version > 1]
    if newer:
        Entry.objects.filter(patient=patient, logical_id__in=newer, current=True).update(current=False)
    for entry in entries:
        entry.manifest = manifest
    Entry.objects.bulk_create(entries)
    WrappedKey.objects.bulk_create(wrapped)
    Chunk.objects.bulk_create(chunks)


def _shares(dek: bytes, count: int) -> list[bytes]:
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
        yield Chunk(entry=entry, number=number, body=encrypt(key, piece, aad=_chunk_aad(entry.id, number, total)))


def _chunk_aad(entry_id: uuid.UUID, number: int, total: int) -> bytes:
    return joined(b"chunk/v1", entry_id.bytes, number.to_bytes(4, "big"), total.to_bytes(4, "big"))


# --- Out -----------------------------------------------------------------------------------------
def read(
    patient: Patient,
    boxes: Mapping[str, OpenBox],
    bundles: Sequence[OpenBundle] = (),
    *,
    logical_id: uuid.UUID | None = None,
    all_versions: bool = False,
) -> list[OpenEntry]:
    """Return the entries that the opened boxes and bundles open, newest written first.

    An entry whose second share is in a box that is not open is left out without a trace. One whose key or
    ciphertext does not fit comes back with `raw` None; one whose author's signature fails, with `author_valid` False.
    """
    opened = _Opening(patient, boxes)
    for row in rows.entries(patient.id, list(opened.boxes), logical_id=logical_id, all_versions=all_versions):
        opened.take(row)
    chosen = rows.bundled(
        patient.id, [one.grant_id for one in bundles], logical_id=logical_id, all_versions=all_versions
    )
    opened.take_bundled(chosen, {one.grant_id: one for one in bundles})
    return opened.finish()


def _id_bytes(stored: uuid.UUID | str) -> bytes:
    """Return the 16 bytes of an id as the database hands it over."""
    return bytes.fromhex(stored) if isinstance(stored, str) else stored.bytes


class _Opening:
    """One reading: collects shares, opens bodies, checks authors."""

    def __init__(self, patient: Patient, boxes: Mapping[str, OpenBox]) -> None:
        self.patient_id = patient.id
        self.prefix = _identity_prefix(patient.id)
        self.boxes = {box.lockbox.pk: (box, BatchKeys(box), (box.part,)) for box in boxes.values()}
        self.waiting: dict[bytes, tuple[bytes | None, str]] = {}
        self.found: list[tuple[OpenEntry, int, bytes]] = []  # with its position and digest, as its author signed them

    def take(self, row) -> None:
        entry, lockbox_id, batch_id, blob, logical, version, shares, manifest_id, position, written, body = row
        box, batches, parts = self.boxes[lockbox_id]
        entry_bytes, logical_bytes = _id_bytes(entry), _id_bytes(logical)
        try:
            dek: bytes | None = unwrap(box, batches, entry_bytes, batch_id, blob)
        except CannotOpen:
            dek = None
        if shares == 2:
            if entry_bytes not in self.waiting:
                self.waiting[entry_bytes] = (dek, box.part)
                return
            other, part = self.waiting.pop(entry_bytes)
            dek = whole([dek, other]) if dek is not None and other is not None else None
            parts = tuple(sorted((part, box.part)))
        identity = self.prefix + logical_bytes + version.to_bytes(4, "big")
        body = bytes(body)
        raw = _text(dek, body, identity)
        opened = OpenEntry(entry_bytes, logical_bytes, version, parts, written, manifest_id, raw)
        self.found.append((opened, position, _digest(identity, body)))

    def take_bundled(self, chosen: Sequence[tuple], bundles: Mapping[uuid.UUID, OpenBundle]) -> None:
        """Open chosen entries. What a whole part opened already is not shown twice."""
        known = {entry.entry_bytes for entry, _, _ in self.found}
        parts: dict[bytes, set[str]] = {}
        for row in chosen:
            parts.setdefault(_id_bytes(row[0]), set()).add(row[5])
        for entry, grant, blob, logical, version, _part, manifest_id, position, written, body in chosen:
            entry_bytes, logical_bytes = _id_bytes(entry), _id_bytes(logical)
            if entry_bytes in known:
                continue
            known.add(entry_bytes)
            try:
                dek = bundles[uuid.UUID(bytes=_id_bytes(grant))].dek(entry_bytes, blob)
            except CannotOpen:
                dek = None
            identity = self.prefix + logical_bytes + version.to_bytes(4, "big")
            body = bytes(body)
            held = tuple(sorted(parts[entry_bytes]))
            opened = OpenEntry(
                entry_bytes, logical_bytes, version, held, written, manifest_id, _text(dek, body, identity)
            )
            self.found.append((opened, position, _digest(identity, body)))

    def finish(self) -> list[OpenEntry]:
        manifests = _checked_manifests(self.patient_id, {entry.manifest_id for entry, _, _ in self.found})
        # Two stable sorts: newest written first, and within one writing in the order written.
        self.found.sort(key=itemgetter(1))
        self.found.sort(key=lambda one: one[0].stored_at, reverse=True)
        for entry, position, digest in self.found:
            entry.author_name, digests = manifests[entry.manifest_id]
            start = position * _DIGEST_BYTES
            entry.author_valid = digests[start : start + _DIGEST_BYTES] == digest
        return [entry for entry, _, _ in self.found]


def _text(dek: bytes | None, body: bytes, identity: bytes) -> bytes | None:
    if dek is None:
        return None
    try:
        return opening.decrypt_committed(dek, body, aad=identity)
    except CannotOpen:
        return None


def _checked_manifests(patient_id: uuid.UUID, ids: set[int]) -> dict[int, tuple[str, bytes]]:
    """Return author's name and signed digests by manifest; no digests where the signature fails."""
    checked = {}
    for pk, owner, name, digests, signature, version, public in rows.manifests(ids):
        digests = bytes(digests)
        message = _manifest_message(patient_id, name, digests)
        genuine = (
            _id_bytes(owner) == patient_id.bytes
            and signing.verify(public, message, signature)
            and (version is None or is_logged_author(version, public))
        )
        checked[pk] = (name, digests if genuine else b"")
    return checked


def read_attachment(entry: Entry, boxes: Mapping[str, OpenBox], bundles: Sequence[OpenBundle] = ()) -> bytes:
    """Return the whole attachment of an entry. Raises CannotOpen when a key or a piece does not fit or is missing."""
    key = derive(_bundled_dek(entry, bundles) or _dek(entry, boxes), "attachment")
    stored = list(entry.chunks.values_list("number", "body"))
    if not stored:
        raise CannotOpen("There is no piece of this attachment.")
    pieces = [
        opening.decrypt(key, body, aad=_chunk_aad(entry.id, position, len(stored)))
        for position, (_, body) in enumerate(stored)
    ]
    return b"".join(pieces)


def read_search(entry: Entry, boxes: Mapping[str, OpenBox]) -> bytes:
    """Return an entry's sealed search values. Raises CannotOpen."""
    identity = _identity(entry.patient_id, entry.logical_id, entry.version)
    return opening.decrypt(_dek(entry, boxes), entry.search, aad=identity + b"search")


def _bundled_dek(entry: Entry, bundles: Sequence[OpenBundle]) -> bytes | None:
    known = {one.grant_id: one for one in bundles}
    held = entry.bundled_keys.filter(grant_id__in=list(known)).first()
    return known[held.grant_id].dek(entry.id.bytes, held.blob) if held else None


def _dek(entry: Entry, boxes: Mapping[str, OpenBox]) -> bytes:
    opened = {box.lockbox.pk: box for box in boxes.values()}
    shares = []
    for row in entry.wrapped_keys.filter(lockbox__in=opened):
        box = opened[row.lockbox_id]
        shares.append(unwrap(box, BatchKeys(box), entry.id.bytes, row.batch_id, row.blob))
    if len(shares) != entry.shares:
        raise CannotOpen("The keys at hand do not open this entry.")
    return whole(shares)
