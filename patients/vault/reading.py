"""Out: whole entries, for a chart or a copy, and the files beside them."""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import NamedTuple

from ehr.accounts.queries import is_logged_author
from ehr.crypto import opening, signing
from ehr.crypto.formats import CannotOpen
from ehr.crypto.passphrases import derive
from ehr.r4 import attachments
from patients import rows
from patients.lockboxes import DekOpener, OpenBox, OpenBundle, whole
from patients.models import Chunk, Entry, Patient
from patients.vault import signed
from patients.vault.entries import OpenEntry, read_json
from patients.vault.shares import Shares, bundled_keys


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
    opened.take(rows.entries(patient.id, list(opened.shares.boxes), logical_id=logical_id, all_versions=all_versions))
    chosen = rows.bundled(
        patient.id, [one.grant_id for one in bundles], logical_id=logical_id, all_versions=all_versions
    )
    opened.take_bundled(chosen, {one.grant_id: one for one in bundles}, once=not all_versions)
    return opened.finish()


class _Opening:
    """One reading: collects shares, opens bodies, checks authors."""

    def __init__(self, patient: Patient, boxes: Mapping[str, OpenBox]) -> None:
        self.patient_id = patient.id
        self.prefix = signed.identity_prefix(patient.id)
        self.shares = Shares(boxes)
        self.found: list[tuple[OpenEntry, int, bytes]] = []  # with its position and digest, as its author signed them

    def take(self, found: Iterable[tuple]) -> None:
        """Open what whole parts hold, as the rows come."""
        for entry, lockbox_id, batch_id, blob, logical, version, shares, manifest_id, position, written, body in found:
            entry_bytes = signed.id_bytes(entry)
            opened = self.shares.take(entry_bytes, lockbox_id, batch_id, blob, shares)
            if opened is not None:
                dek, parts = opened
                logical_bytes = signed.id_bytes(logical)
                self._add(entry_bytes, logical_bytes, version, parts, manifest_id, position, written, body, dek)

    def take_bundled(self, chosen: Sequence[tuple], bundles: Mapping[uuid.UUID, OpenBundle], *, once: bool) -> None:
        """Open chosen entries. What a whole part opened already is not shown twice; with `once` in no older version."""
        known = {entry.logical_bytes if once else entry.entry_bytes for entry, _, _ in self.found}
        for row, dek, parts in bundled_keys(chosen, bundles):
            entry, _grant, _blob, logical, version, _part, manifest_id, position, written, body = row
            entry_bytes, logical_bytes = signed.id_bytes(entry), signed.id_bytes(logical)
            if (logical_bytes if once else entry_bytes) not in known:
                self._add(entry_bytes, logical_bytes, version, parts, manifest_id, position, written, body, dek)

    def _add(self, entry_bytes, logical_bytes, version, parts, manifest_id, position, written, body, dek) -> None:
        identity = self.prefix + logical_bytes + version.to_bytes(4, "big")
        raw = text_of(dek, body, identity)
        opened = OpenEntry(entry_bytes, logical_bytes, version, parts, written, manifest_id, raw)
        self.found.append((opened, position, signed.digest(identity, body)))

    def finish(self) -> list[OpenEntry]:
        manifests = checked_manifests(self.patient_id, {entry.manifest_id for entry, _, _ in self.found})
        # Two stable sorts: newest written first, and within one writing in the order written.
        self.found.sort(key=itemgetter(1))
        self.found.sort(key=lambda one: one[0].stored_at, reverse=True)
        for entry, position, digest in self.found:
            manifest = manifests[entry.manifest_id]
            entry.author_name, entry.author_valid = manifest.author_name, manifest.lists(position, digest)
        return [entry for entry, _, _ in self.found]


def text_of(dek: bytes | None, body: bytes, identity: bytes) -> bytes | None:
    """Return a body's text, or None where its key is none or does not fit."""
    if dek is None:
        return None
    try:
        return opening.decrypt_committed(dek, body, aad=identity)
    except CannotOpen:
        return None


class CheckedManifest(NamedTuple):
    """Who wrote something, from which source, and what they signed; no digests where the signature fails."""

    author_name: str
    source: str  # the name of another system; empty for people
    digests: bytes

    def lists(self, position: int, digest: bytes) -> bool:
        """Tell whether what stands at a position is what its author signed there."""
        start = position * signed.DIGEST_BYTES
        return self.digests[start : start + signed.DIGEST_BYTES] == digest


def checked_manifests(patient_id: uuid.UUID, ids: Collection[int]) -> dict[int, CheckedManifest]:
    """Return manifests by their row's id, each held against its author's key and that against the log."""
    checked = {}
    for pk, owner, name, digests, signature, version, public, source in rows.manifests(ids):
        digests = bytes(digests)
        message = signed.manifest_message(patient_id, name, digests)
        genuine = (
            signed.id_bytes(owner) == patient_id.bytes
            and signing.verify_again(public, message, signature)
            and (version is None or is_logged_author(version, public))
        )
        checked[pk] = CheckedManifest(name, source, digests if genuine else b"")
    return checked


def read_attachment(entry: Entry, boxes: Mapping[str, OpenBox], bundles: Sequence[OpenBundle] = ()) -> bytes:
    """Return the whole attachment of an entry. Raises CannotOpen when a key or a piece does not fit or is missing, and
    when it is not the file that the entry names.
    """
    dek = _bundled_dek(entry, bundles) or _dek(entry, boxes)
    identity = signed.identity(entry.patient_id, entry.logical_id, entry.version)
    body = opening.decrypt_committed(dek, bytes(entry.body), aad=identity)
    return whole_file(entry.id, dek, resource=read_json(body.decode()))


def whole_file(entry_id: uuid.UUID, dek: bytes, *, resource: Mapping) -> bytes:
    """Return the file beside an entry, with the entry's key. Raises CannotOpen, also where there is none.

    Nothing is handed out before the whole is held against the digest in the resource, where that has one: the author
    signs the resource, not the pieces.
    """
    stored = list(Chunk.objects.filter(entry=entry_id).values_list("number", "body"))
    if not stored:
        raise CannotOpen("There is no piece of this attachment.")
    key = derive(dek, "attachment")
    pieces = [
        opening.decrypt(key, body, aad=signed.chunk_aad(entry_id, position, len(stored)))
        for position, (_, body) in enumerate(stored)
    ]
    whole_content = b"".join(pieces)
    if not attachments.fits(resource, whole_content):
        raise CannotOpen("This is not the file that the entry names.")
    return whole_content


def read_search(entry: Entry, boxes: Mapping[str, OpenBox]) -> bytes:
    """Return an entry's sealed search values. Raises CannotOpen."""
    identity = signed.identity(entry.patient_id, entry.logical_id, entry.version)
    return opening.decrypt(_dek(entry, boxes), entry.search, aad=identity + signed.SEARCH)


def _bundled_dek(entry: Entry, bundles: Sequence[OpenBundle]) -> bytes | None:
    known = {one.grant_id: one for one in bundles}
    held = entry.bundled_keys.filter(grant_id__in=list(known)).first()
    return known[held.grant_id].dek(entry.id.bytes, held.blob) if held else None


def _dek(entry: Entry, boxes: Mapping[str, OpenBox]) -> bytes:
    opened = {box.lockbox.pk: DekOpener(box) for box in boxes.values()}
    shares = [
        opened[row.lockbox_id].open(entry.id.bytes, row.batch_id, bytes(row.blob))
        for row in entry.wrapped_keys.filter(lockbox__in=opened)
    ]
    if len(shares) != entry.shares:
        raise CannotOpen("The keys at hand do not open this entry.")
    return whole(shares)
