"""Lockboxes: making an epoch, sealing it to readers, opening it with a keyring, turning it.

Only `consent.keys`, `consent.keyholder.releases`, `patients.vault` and `patients.operations` may import this module.
"""

import logging
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from django.db import DEFAULT_DB_ALIAS, connection

from ehr import clock
from ehr.accounts.models import Reader
from ehr.accounts.queries import is_logged
from ehr.crypto import opening, signing
from ehr.crypto.digests import joined
from ehr.crypto.formats import KEM_PRIVATE_BYTES, SEAL_V1, CannotOpen
from ehr.crypto.passphrases import derive
from ehr.crypto.sealing import KemPair, encrypt, generate_kem, new_key, public_of, seal
from patients.models import LOG_PART, BatchKey, BundledKey, Lockbox, Patient, Seal, WrappedKey

logger = logging.getLogger(__name__)
# The root follows from the private key, so that whoever signed the public key vouched for both.
_ROOT = "lockbox-root"
_ENTRY_ID_LENGTH = (16).to_bytes(4, "big")


class Signer(Protocol):
    """Whoever opens an epoch: an unlocked keyring, or the escrow."""

    version_id: int

    def sign(self, message: bytes) -> bytes: ...


@dataclass(frozen=True)
class Recipient:
    """To whom a lockbox is sealed, and what the seal is bound to: a grant's digest, or a word for the owner.

    Where sender and reader share a `key` (32 bytes) the seal is a wrap under it; else it is HPKE to `kem_public`.
    """

    reader_id: uuid.UUID
    version_id: int
    kem_public: bytes
    bound_to: bytes
    grant_id: uuid.UUID | None = None
    key: bytes | None = field(default=None, repr=False)

    def close(self, secret: bytes, info: bytes) -> bytes:
        """Return a secret closed for this recipient, bound to info."""
        if self.key is not None:
            return encrypt(self.key, secret, aad=info)
        return seal(self.kem_public, secret, info=info)


@dataclass(eq=False)
class OpenBox:
    """An opened lockbox: its private key (96 bytes) opens what arrived, its root (32 bytes) what was moved under it."""

    lockbox: Lockbox
    opener: opening.SealOpener = field(repr=False)
    private: bytes = field(repr=False)
    root: bytes = field(repr=False)

    @property
    def part(self) -> str:
        return self.lockbox.part


class LockboxForged(Exception):
    """A lockbox's public key is not signed by the one who is said to have opened it. Nothing is sealed to it."""


def _identity(patient_id: uuid.UUID, part: str, epoch: int) -> bytes:
    return joined(b"lockbox/v1", patient_id.bytes, part.encode(), epoch.to_bytes(4, "big"))


def identity(lockbox: Lockbox) -> bytes:
    """Return the bytes that name one patient × part × epoch, and nothing else."""
    return _identity(lockbox.patient_id, lockbox.part, lockbox.epoch)


def _seal_info(lockbox: Lockbox, bound_to: bytes) -> bytes:
    return joined(b"seal/v1", identity(lockbox), bound_to)


def begin_epoch(
    patient: Patient,
    part: str,
    epoch: int,
    *,
    signer: Signer,
    recipients: Iterable[Recipient],
    pair: KemPair | None = None,
) -> tuple[Lockbox, OpenBox]:
    """Make the key of a new epoch and seal it to its readers. Call it inside a transaction.

    Hand in a fresh `pair` where its public half had to be signed beforehand.
    """
    pair = pair or generate_kem()
    root = derive(pair.private, _ROOT)
    lockbox = Lockbox.objects.create(
        patient=patient,
        part=str(part),
        epoch=epoch,
        public=pair.public,
        opened_by_id=signer.version_id,
        signature=signer.sign(_identity(patient.id, str(part), epoch) + pair.public),
    )
    box = OpenBox(lockbox, opening.SealOpener(pair.private), pair.private, root)
    Seal.objects.bulk_create(make_seal(box, recipient) for recipient in recipients)
    return lockbox, box


def make_seal(box: OpenBox, recipient: Recipient) -> Seal:
    """Return the unsaved seal of an opened lockbox to one recipient."""
    return Seal(
        lockbox=box.lockbox,
        reader_id=recipient.reader_id,
        key_version_id=recipient.version_id,
        grant_id=recipient.grant_id,
        blob=recipient.close(box.private + box.root, _seal_info(box.lockbox, recipient.bound_to)),
    )


def by_key(key: bytes, otherwise: Callable[..., bytes] | None = None) -> Callable[..., bytes]:
    """Return a function that opens what was wrapped under a key. Seals by HPKE are left to `otherwise`, if given."""
    opener = opening.KeyOpener(key)

    def open_seal(blob: bytes, *, info: bytes) -> bytes:
        if otherwise is not None and blob[:1] == SEAL_V1:
            return otherwise(blob, info=info)
        return opener.open(blob, aad=info)

    return open_seal


def named(patient: Patient, pk: int, part: str, epoch: int) -> Lockbox:
    """Return a lockbox as opening needs it. What is not named here is read when it is asked for."""
    lockbox = Lockbox.from_db(DEFAULT_DB_ALIAS, ["id", "part", "epoch"], [pk, part, epoch])
    lockbox.patient = patient
    return lockbox


def open_box(lockbox: Lockbox, blob: bytes, *, open_seal: Callable[..., bytes], bound_to: bytes) -> OpenBox:
    """Return the lockbox a seal holds. Raises CannotOpen unless keyring, grant and lockbox are what it is bound to."""
    return box_of(lockbox, open_seal(bytes(blob), info=_seal_info(lockbox, bound_to)))


def box_of(lockbox: Lockbox, secret: bytes) -> OpenBox:
    """Return the lockbox that what a seal held opens. Raises CannotOpen for what is no lockbox's key."""
    if len(secret) != KEM_PRIVATE_BYTES + 32:
        raise CannotOpen("This seal does not hold a lockbox's key.")
    private, root = secret[:KEM_PRIVATE_BYTES], secret[KEM_PRIVATE_BYTES:]
    return OpenBox(lockbox, opening.SealOpener(private), private, root)


def check_opened(box: OpenBox, lockbox: Lockbox) -> None:
    """Raise LockboxForged unless what a seal held is the key whose public half stands in the lockbox.

    A seal says nothing of who made it. Before anything is put under a root it is held against what was signed.
    """
    if public_of(box.private) != bytes(lockbox.public) or derive(box.private, _ROOT) != box.root:
        raise LockboxForged(f"The seal of lockbox {lockbox.pk} holds another key. Nothing was put under it.")


def turn(old: OpenBox, *, signer: Signer, recipients: Iterable[Recipient]) -> OpenBox:
    """Close an epoch and begin the next: new key, seals for those who stay, every DEK wrapped anew.

    Call it inside a transaction that holds the lockbox row (see `lock`), so that a write in flight
    lands in one epoch or the other. The old seals go; who held one opens nothing more.
    """
    lockbox = old.lockbox
    lockbox.closed_at = clock.now()
    lockbox.save(update_fields=["closed_at"])
    _, new = begin_epoch(lockbox.patient, lockbox.part, lockbox.epoch + 1, signer=signer, recipients=recipients)
    rewrap(old, new)
    gone = lockbox.seals.all()
    if lockbox.part == LOG_PART and lockbox.patient.user_id:
        # Words stay closed for the epoch in which they were said: their owner keeps its key, and nobody else.
        gone = gone.exclude(reader__user=lockbox.patient.user_id)
    gone.delete()
    return new


def lock(patient: Patient, parts: Iterable[str], *, for_writing: bool = False) -> dict[str, Lockbox]:
    """Return the current lockboxes by part, their rows held until the transaction ends, with their openers."""
    rows = Lockbox.objects.of(patient, parts).current().select_for_update(of=("self",)).order_by("pk")
    if for_writing:
        rows = rows.select_related("opened_by__reader", "patient")
    return {row.part: row for row in rows}


def rewrap(old: OpenBox, new: OpenBox, *, batched_only: bool = False) -> int:
    """Wrap the old box's DEKs under the new one's root; return how many. One box twice: batches move to the root.

    A DEK that does not open is moved as it is: it opens nothing there either, its entry is shown as unreadable, and
    the rest, a stop among it, goes on.
    """
    rows = WrappedKey.objects.filter(lockbox=old.lockbox)
    if batched_only:
        rows = rows.filter(batch__isnull=False)
    keys = DekOpener(old)
    changed = []
    for pk, entry_id, batch_id, blob in rows.values_list("pk", "entry_id", "batch_id", "blob"):
        try:
            blob = wrap(new.root, new.lockbox, entry_id, keys.open(entry_id.bytes, batch_id, bytes(blob)))
        except CannotOpen:
            logger.error("The key in row %s of lockbox %s does not open.", pk, old.lockbox.pk)
        changed.append((new.lockbox.pk, bytes(blob), pk))
    if changed:
        with connection.cursor() as cursor:
            cursor.executemany(
                "update patients_wrappedkey set lockbox_id = %s, batch_id = null, blob = %s where id = %s", changed
            )
    BatchKey.objects.filter(lockbox=old.lockbox).delete()
    return len(changed)


class DekOpener:
    """What opens the DEKs in one opened lockbox: its root, and batch keys, each opened when it is first asked for."""

    def __init__(self, box: OpenBox) -> None:
        self.part = box.part
        self._box = box
        self._root = opening.KeyOpener(box.root)
        self._prefix = _wrap_prefix(box.lockbox)  # what the associated data of each begins with
        self._sealed: Mapping[int, bytes] | None = None
        self._batches: dict[int, opening.KeyOpener] = {}

    def open(self, entry_id: bytes, batch_id: int | None, blob: bytes) -> bytes:
        """Return a DEK, or a share of one, of the entry with these 16 bytes as id. Raises CannotOpen."""
        opener = self._root if batch_id is None else self._batch(batch_id)
        return opener.open(blob, aad=self._prefix + entry_id)

    def _batch(self, batch_id: int) -> opening.KeyOpener:
        if batch_id not in self._batches:
            if self._sealed is None:
                self._sealed = dict(self._box.lockbox.batch_keys.values_list("pk", "sealed"))
            sealed = self._sealed.get(batch_id)
            if sealed is None:
                raise CannotOpen("This entry's batch belongs to another lockbox.")
            key = self._box.opener.open(sealed, info=batch_info(self._box.lockbox))
            self._batches[batch_id] = opening.KeyOpener(key)
        return self._batches[batch_id]


def batch_info(lockbox: Lockbox) -> bytes:
    """Return what a batch key's seal is bound to."""
    return joined(b"batch/v1", identity(lockbox))


def new_batch(lockbox: Lockbox) -> tuple[BatchKey, bytes]:
    """Return a saved batch row and its key, sealed to a lockbox nobody needs to open. Raises LockboxForged."""
    check_signature(lockbox)
    key = new_key()
    sealed = seal(bytes(lockbox.public), key, info=batch_info(lockbox))
    return BatchKey.objects.create(lockbox=lockbox, sealed=sealed), key


def check_signature(lockbox: Lockbox) -> None:
    """Raise LockboxForged unless the record's patient, or a service while there is none, signed this public key.

    Whoever signed must have done so with the key that the log has for them.
    """
    public, opener = bytes(lockbox.public), lockbox.opened_by
    owner = lockbox.patient.user_id
    entitled = opener.reader.user_id == owner if owner else opener.reader.kind == Reader.Kind.SERVICE
    signed = signing.verify(opener.author_public, identity(lockbox) + public, lockbox.signature)
    if not (signed and entitled and is_logged(opener)):
        raise LockboxForged(
            f"The key of lockbox {lockbox.pk} is not signed by who opened it. Nothing was sealed to it."
        )


def _wrap_prefix(lockbox: Lockbox) -> bytes:
    return joined(b"dek/v1", identity(lockbox)) + _ENTRY_ID_LENGTH


def wrap(key: bytes, lockbox: Lockbox, entry_id: uuid.UUID, dek: bytes) -> bytes:
    """Return a DEK wrapped under a root or batch key, bound to part, epoch and entry."""
    return encrypt(key, dek, aad=_wrap_prefix(lockbox) + entry_id.bytes)


# --- Bundles: the keys of chosen entries ---------------------------------------------------------
def deks(boxes: Mapping[str, OpenBox], entries: Iterable[uuid.UUID]) -> dict[uuid.UUID, bytes]:
    """Return the whole DEKs of entries by id. One that the boxes do not open, wholly or in part, is left out."""
    opened = {box.lockbox.pk: DekOpener(box) for box in boxes.values()}
    rows = WrappedKey.objects.filter(entry__in=list(entries), lockbox__in=opened)
    shares: dict[uuid.UUID, list[bytes]] = {}
    needed: dict[uuid.UUID, int] = {}
    for entry, lockbox, batch, blob, count in rows.values_list(
        "entry_id", "lockbox_id", "batch_id", "blob", "entry__shares"
    ):
        needed[entry] = count
        with suppress(CannotOpen):
            shares.setdefault(entry, []).append(opened[lockbox].open(entry.bytes, batch, bytes(blob)))
    return {entry: whole(found) for entry, found in shares.items() if len(found) == needed[entry]}


def whole(shares: Sequence[bytes]) -> bytes:
    """Return a DEK from its one share, or from both of two halves that say nothing one by one."""
    return shares[0] if len(shares) == 1 else bytes(a ^ b for a, b in zip(*shares, strict=True))


def bundle_info(bound_to: bytes, entry_id: bytes) -> bytes:
    """Return what an entry's key in a bundle is bound to: the grant's digest and the entry."""
    return joined(b"bundle/v1", bound_to, entry_id)


def bundle(grant_id: uuid.UUID, key: bytes, bound_to: bytes, chosen: Mapping[uuid.UUID, bytes]) -> list[BundledKey]:
    """Return the unsaved rows of a bundle: each chosen entry's DEK wrapped under the grant's key."""
    return [
        BundledKey(grant_id=grant_id, entry_id=entry, blob=encrypt(key, dek, aad=bundle_info(bound_to, entry.bytes)))
        for entry, dek in chosen.items()
    ]


@dataclass(eq=False)
class OpenBundle:
    """An opened bundle: what a grant for chosen entries opens."""

    grant_id: uuid.UUID
    bound_to: bytes
    opener: opening.KeyOpener = field(repr=False)

    def dek(self, entry_id: bytes, blob: bytes) -> bytes:
        """Return one entry's DEK. Raises CannotOpen."""
        return self.opener.open(bytes(blob), aad=bundle_info(self.bound_to, entry_id))


def open_bundle(grant_id: uuid.UUID, key: bytes, bound_to: bytes) -> OpenBundle:
    """Return a bundle opened with its grant's key."""
    return OpenBundle(grant_id, bound_to, opening.KeyOpener(key))
