"""The keys that follow consent: lockboxes made, opened, sealed on and turned. It decides nothing."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from uuid import UUID

from django.db import transaction

from audit import log
from consent import proofs, queries
from consent.models import Grant
from ehr import clock
from ehr.accounts import queries as accounts
from ehr.accounts.keyrings import CannotOpen, OpenKeyring
from ehr.accounts.models import KeyVersion, Reader
from ehr.crypto.sealing import seal
from ehr.notices import operations as notices
from ehr.words import Action
from patients import lockboxes, rows
from patients.lockboxes import OpenBox, Recipient, Signer
from patients.models import LOG_PART, PARTS, BatchKey, Lockbox, Patient, Seal

__all__ = ["CannotOpen", "OpenBox"]

_OWNER = b"owner"
_ESCROW = b"escrow"


class KeyExchanged(Exception):
    """A reader's stored public key is not the one the log has for them. Nothing was sealed to it."""


def _recipient(version: KeyVersion, bound_to: bytes, grant_id=None) -> Recipient:
    """Return to whom something is sealed. Raises KeyExchanged unless the log knows this very key as theirs."""
    if not accounts.is_logged(version):
        raise KeyExchanged(f"Key {version.pk} of reader {version.reader_id} is not the one on the log.")
    return Recipient(version.reader_id, version.pk, bytes(version.kem_public), bound_to, grant_id)


def _escrow() -> Recipient:
    return _recipient(queries.escrow().keyring.version, _ESCROW)


def _granted(grant: Grant) -> Recipient:
    return _recipient(grant.key_version, proofs.digest(grant), grant.pk)


def _always(patient: Patient) -> list[Recipient]:
    """To whom every lockbox of a record is sealed: its patient; the escrow only while there is none."""
    if not patient.user_id:
        return [_escrow()]
    reader = Reader.objects.select_related("keyring__version").get(user_id=patient.user_id)
    return [_recipient(reader.keyring.version, _OWNER)]


def begin_record(patient: Patient, *, signer: Signer) -> dict[str, OpenBox]:
    """Make the lockboxes of a new record. Call it inside a transaction."""
    recipients = _always(patient)
    return {
        str(part): lockboxes.begin_epoch(patient, part, 1, signer=signer, recipients=recipients)[1] for part in PARTS
    }


def take_over(patient: Patient, *, open_seal: Callable[..., bytes], signer: Signer) -> None:
    """Begin new epochs of a claimed record, sealed to its patient at last. Call it inside a transaction."""
    current = lockboxes.lock(patient, PARTS)
    for part, box in _open(patient, PARTS, queries.escrow(), open_seal=open_seal, bound_to=_ESCROW).items():
        lockboxes.check_opened(box, current[part])
        lockboxes.turn(box, signer=signer, recipients=_always(patient))


def own_boxes(patient: Patient, parts: Iterable[str], *, keyring: OpenKeyring) -> dict[str, OpenBox]:
    """Return a patient's own lockboxes, opened with their keyring. Raises CannotOpen."""
    reader = Reader(pk=keyring.reader_id)
    return _open(patient, parts, reader, open_seal=keyring.open_seal, bound_to=_OWNER)


def _open(patient: Patient, parts, reader: Reader, *, open_seal, bound_to: bytes) -> dict[str, OpenBox]:
    held = rows.seals(patient.pk, reader.pk, [str(part) for part in parts], None)
    return {
        part: lockboxes.open_box(_box(patient, pk, part, epoch), blob, open_seal=open_seal, bound_to=bound_to)
        for blob, _grant, pk, part, epoch in held
    }


def _box(patient: Patient, pk: int, part: str, epoch: int) -> Lockbox:
    """Return a lockbox as opening needs it. What is not named here is read when it is asked for."""
    return Lockbox(pk=pk, patient=patient, part=part, epoch=epoch)


def granted_boxes(patient: Patient, by_part: Mapping[str, Grant], *, keyring: OpenKeyring) -> dict[str, OpenBox]:
    """Return the lockboxes that grants opened to a reader, by part. A part without a seal is left out.

    Raises CannotOpen when a grant is no longer what was signed: its digest opens nothing.
    """
    used = {grant.pk: grant for grant in by_part.values()}
    digests = {pk: proofs.digest(grant) for pk, grant in used.items()}
    opened = {}
    for blob, grant_id, pk, part, epoch in rows.seals(patient.pk, keyring.reader_id, list(by_part), list(used)):
        grant_pk = by_part[part].pk
        if UUID(str(grant_id)) == grant_pk:
            opened[part] = lockboxes.open_box(
                _box(patient, pk, part, epoch), blob, open_seal=keyring.open_seal, bound_to=digests[grant_pk]
            )
    return opened


def hand_over(grant: Grant, *, keyring: OpenKeyring) -> None:
    """Seal the granted parts to the grant's reader. Call it inside the transaction that makes the grant."""
    if Action.READ not in grant.actions:
        return  # Writing needs no reading key.
    lockboxes.lock(grant.patient, grant.categories)
    recipient = _granted(grant)
    boxes = own_boxes(grant.patient, grant.categories, keyring=keyring)
    missing = set(grant.categories) - set(boxes)
    if missing:
        raise CannotOpen(f"No key of one's own for {', '.join(sorted(missing))}.")
    Seal.objects.bulk_create(lockboxes.make_seal(box, recipient) for box in boxes.values())


def take_back(grant: Grant) -> int:
    """Delete a grant's seals, which needs no key; return how many there were."""
    return Seal.objects.filter(grant_id=grant.pk).delete()[0]


def turn(patient: Patient, parts: Iterable[str], *, keyring: OpenKeyring, without: Iterable[Grant] = ()) -> None:
    """Begin a new epoch of each part, sealed to those who stay. Call it inside a transaction."""
    chosen = sorted(set(parts))
    current = lockboxes.lock(patient, chosen, for_writing=True)
    without = list(without)
    for part, box in own_boxes(patient, chosen, keyring=keyring).items():
        lockboxes.check_signature(current[part])
        lockboxes.check_opened(box, current[part])
        stay = queries.staying(patient, part, clock.now(), without=without)
        recipients = [*_always(patient), *_staying(stay, keyring)]
        lockboxes.turn(box, signer=keyring, recipients=recipients)


def _staying(grants: Iterable[Grant], keyring: OpenKeyring) -> Iterator[Recipient]:
    """Yield those who keep a part. A reader whose key was exchanged loses it: nothing is sealed to that key.

    So does a grant that its patient did not sign as it stands: here the key of a part is handed on anew, and a row
    that somebody widened, or made, would otherwise get from the patient's own session what it never had.
    """
    for grant in grants:
        if not proofs.made_by(grant, keyring):
            _tell_of_altered(grant)
        elif Action.READ in grant.actions:
            with suppress(KeyExchanged):
                yield _granted(grant)


def _tell_of_altered(grant: Grant) -> None:
    event = log.append(
        "grant.altered",
        actor=log.SYSTEM,
        subject=grant.patient_id,
        outcome="refused",
        grant=grant.pk,
        because="not-what-was-signed",
    )
    for officer in queries.officers():
        notices.notify(
            officer,
            "desk.grant-altered",
            about=event.pk,
            key=f"grant-altered:{grant.patient_id}:{event.time:%Y-%m-%d}:{officer.pk}",
        )


def settle(patient: Patient, boxes: Mapping[str, OpenBox]) -> int:
    """Move what arrived under batch keys to the opened boxes' roots, so that it opens faster; return how many moved."""
    if not BatchKey.objects.filter(lockbox__in=[box.lockbox.pk for box in boxes.values()]).exists():
        return 0
    with transaction.atomic():
        current = lockboxes.lock(patient, boxes)
        same = [box for part, box in boxes.items() if current.get(part) == box.lockbox]
        for box in same:
            lockboxes.check_opened(box, current[box.part])
        return sum(lockboxes.rewrap(box, box, batched_only=True) for box in same)


def seal_words(patient: Patient, words: bytes, *, info: bytes) -> bytes:
    """Return words sealed to a patient's log lockbox, for nobody's eyes but theirs. Raises LockboxForged."""
    lockbox = Lockbox.objects.of(patient, [LOG_PART]).current().select_related("opened_by").get()
    lockboxes.check_signature(lockbox)
    return seal(bytes(lockbox.public), words, info=info)


def open_words(patient: Patient, sealed: bytes, *, keyring: OpenKeyring, info: bytes) -> bytes:
    """Return what `seal_words` closed, with the patient's own keys. Raises CannotOpen."""
    box = own_boxes(patient, [LOG_PART], keyring=keyring).get(LOG_PART)
    if box is None:
        raise CannotOpen("There is no key of one's own for the words on the log.")
    return box.opener.open(bytes(sealed), info=info)
