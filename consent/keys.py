"""The keys that follow consent: lockboxes made, opened, sealed on and turned. It decides nothing."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from uuid import UUID

from django.db import transaction

from audit import log
from consent import authority, escrow, proofs, queries
from consent.models import Grant
from ehr import clock, statements
from ehr.accounts import queries as accounts
from ehr.accounts.keyrings import CannotOpen, OpenKeyring, open_shared
from ehr.accounts.models import KeyVersion, Reader
from ehr.crypto.digests import joined
from ehr.crypto.passphrases import derive
from ehr.crypto.sealing import generate_kem, new_key, seal
from ehr.notices import operations as notices
from ehr.words import Action
from patients import lockboxes, rows
from patients.lockboxes import OpenBox, OpenBundle, Recipient, Signer
from patients.models import LOG_PART, PARTS, BatchKey, BundledKey, GrantSeal, Lockbox, Patient, Seal

__all__ = ["CannotOpen", "OpenBox", "OpenBundle"]

_OWNER = b"owner"


class KeyExchanged(Exception):
    """A reader's stored public key is not the one the log has for them. Nothing was sealed to it."""


def _recipient(
    reader_id: UUID, version: KeyVersion, bound_to: bytes, grant_id=None, key: bytes | None = None
) -> Recipient:
    """Return to whom something is sealed. Raises KeyExchanged unless the log knows this very key as this reader's, and
    none after it: which key is present is a column, and could name somebody else's, or one that a former member has.
    """
    if version.reader_id != reader_id or not accounts.is_present(version):
        raise KeyExchanged(f"Key {version.pk} of reader {version.reader_id} is not the one on the log for {reader_id}.")
    return Recipient(reader_id, version.pk, bytes(version.kem_public), bound_to, grant_id, key)


def _always(patient: Patient, parts: Collection[str], signer: Signer) -> dict[str, list[Recipient]]:
    """To whom every lockbox of a record is sealed: its patient, and the escrow for the day they cannot be asked.

    The escrow has no part in the words on a patient's log. A record without its patient yet is the escrow's alone.
    Each is found, and held against the log, once for all the parts that a transaction closes.
    """
    own: list[Recipient] = []
    if not parts:
        return {}
    if patient.user_id:
        reader = Reader.objects.select_related("keyring__version").get(user_id=patient.user_id)
        key = _own_key(signer) if isinstance(signer, OpenKeyring) and signer.reader_id == reader.pk else None
        own = [_recipient(reader.pk, reader.keyring.version, _OWNER, key=key)]
    without = {LOG_PART} if patient.user_id else set()
    if without.issuperset(parts):
        return dict.fromkeys(parts, own)
    holder = queries.escrow()
    if not escrow.is_held(holder.keyring.version):
        raise KeyExchanged("The escrow's stored key is not the one that the keyholder has.")
    held = [_recipient(holder.pk, holder.keyring.version, queries.ESCROW)]
    return {part: own if part in without else [*own, *held] for part in parts}


def _own_key(keyring: OpenKeyring) -> bytes:
    """Return the key under which people close their own lockboxes for themselves. Nobody else can make such a wrap."""
    return derive(keyring.grant_key(b"own lockboxes"), "own-lockbox")


def _grant_key(grant: Grant, digest: bytes, version: KeyVersion, keyring: OpenKeyring) -> bytes:
    """Return the key of a grant that its signer's keyring gives again, each time: one for each key of the reader."""
    return derive(keyring.grant_key(grant.pk.bytes), "grant-seal", joined(digest, version.digest))


def _grant_info(digest: bytes) -> bytes:
    return joined(b"grant-seal/v1", digest)


def begin_record(patient: Patient, *, signer: Signer | None = None) -> dict[str, OpenBox]:
    """Make the lockboxes of a new record. Call it inside a transaction.

    Without a signer the escrow signs, for a record whose patient is not here yet. Raises `escrow.NotReleased` then.
    """
    pairs = {str(part): generate_kem() for part in PARTS}
    signer = signer or escrow.signer(patient, {part: pair.public for part, pair in pairs.items()})
    always = _always(patient, pairs, signer)
    return {
        part: lockboxes.begin_epoch(patient, part, 1, signer=signer, recipients=always[part], pair=pair)[1]
        for part, pair in pairs.items()
    }


def take_over(patient: Patient, *, secrets: Mapping[tuple[str, int], bytes], signer: Signer) -> None:
    """Begin new epochs of a claimed record with what `escrow.released` let go. Call it inside a transaction."""
    current = lockboxes.lock(patient, PARTS)
    boxes = boxes_of(patient, secrets, PARTS)
    always = _always(patient, boxes, signer)
    for part, box in boxes.items():
        lockboxes.check_opened(box, current[part])
        lockboxes.turn(box, signer=signer, recipients=always[part])


def own_boxes(patient: Patient, parts: Iterable[str], *, keyring: OpenKeyring) -> dict[str, OpenBox]:
    """Return a patient's own lockboxes, opened with their keyring. Raises CannotOpen."""
    held = rows.seals(patient.pk, keyring.reader_id, [str(part) for part in parts])
    return {box.part: box for box in _own(patient, held, keyring)}


def _own(patient: Patient, held: Iterable[tuple], keyring: OpenKeyring) -> Iterator[OpenBox]:
    openers: dict[int, Callable[..., bytes]] = {}
    for blob, pk, part, epoch, version in held:
        if version not in openers:
            at = _at_version(keyring, version)
            openers[version] = lockboxes.by_key(_own_key(at), at.open_seal)
        yield lockboxes.open_box(
            lockboxes.named(patient, pk, part, epoch), blob, open_seal=openers[version], bound_to=_OWNER
        )


def _at_version(keyring: OpenKeyring, version_id: int) -> OpenKeyring:
    """Return a keyring as it was in a version. Raises CannotOpen for a version that is not of this keyring."""
    at = keyring.past(version_id)
    if at is None:
        raise CannotOpen("This was closed for a version that is not of this keyring.")
    return at


# --- What grants open ----------------------------------------------------------------------------
def granted_boxes(patient: Patient, by_part: Mapping[str, Grant], *, keyring: OpenKeyring) -> dict[str, OpenBox]:
    """Return the lockboxes that grants opened to a reader, by part. A part without a seal is left out.

    Raises CannotOpen when a grant is no longer what was signed: its digest opens nothing.
    """
    used = {grant.pk: grant for grant in by_part.values()}
    held = rows.seals_of_grants(patient.pk, list(by_part), list(used))
    opened_by = {pk: (lockboxes.by_key(key), digest) for pk, (key, digest) in _opened(used, keyring).items()}
    opened = {}
    for blob, grant_id, pk, part, epoch in held:
        grant_pk = by_part[part].pk
        if UUID(str(grant_id)) == grant_pk and grant_pk in opened_by:
            open_seal, digest = opened_by[grant_pk]
            opened[part] = lockboxes.open_box(
                lockboxes.named(patient, pk, part, epoch), blob, open_seal=open_seal, bound_to=digest
            )
    return opened


def granted_bundles(grants: Iterable[Grant], *, keyring: OpenKeyring) -> list[OpenBundle]:
    """Return the bundles that grants for chosen entries hold. Raises CannotOpen as `granted_boxes` does."""
    opened = _opened({grant.pk: grant for grant in grants}, keyring)
    return [lockboxes.open_bundle(pk, key, digest) for pk, (key, digest) in opened.items()]


def _opened(grants: Mapping[UUID, Grant], keyring: OpenKeyring) -> dict[UUID, tuple[bytes, bytes]]:
    """Return the key and the digest of each grant that a keyring, or a team's behind it, opens."""
    found = {}
    for stored, reader, version, blob in rows.grant_seals(list(grants)):
        grant = grants[UUID(str(stored))]
        by = _of_reader(UUID(str(reader)), keyring)
        if by is None or grant.reader_id != by.reader_id:
            continue
        digest = proofs.digest(grant)
        found[grant.pk] = (by.open_seal(blob, info=_grant_info(digest), version_id=version), digest)
    return found


def _of_reader(reader_id: UUID, keyring: OpenKeyring) -> OpenKeyring | None:
    """Return the keyring of a reader: one's own, or that of a team one belongs to."""
    return keyring if reader_id == keyring.reader_id else open_shared(reader_id, keyring=keyring)


def waits_for_team(grants: Iterable[Grant], keyring: OpenKeyring) -> bool:
    """Tell whether all that grants open is a team's whose keys this member was not handed yet."""
    readers = {grant.reader for grant in grants}
    with suppress(CannotOpen):
        return bool(readers) and all(
            reader.kind == Reader.Kind.TEAM and open_shared(reader.pk, keyring=keyring) is None for reader in readers
        )
    return False


def boxes_of(patient: Patient, secrets: Mapping[tuple[str, int], bytes], parts: Iterable[str]) -> dict[str, OpenBox]:
    """Return the lockboxes that an emergency's keys open, by part. One whose epoch turned meanwhile is left out."""
    chosen = {str(part) for part in parts}
    opened = {}
    for (part, epoch), secret in secrets.items():
        lockbox = Lockbox.objects.filter(patient=patient, part=part, epoch=epoch, closed_at__isnull=True).first()
        if part in chosen and lockbox is not None:
            opened[part] = lockboxes.box_of(lockbox, secret)
    return opened


def hand_over(
    grant: Grant,
    *,
    keyring: OpenKeyring,
    entries: Iterable[UUID] = (),
    boxes: Mapping[str, OpenBox] | None = None,
) -> None:
    """Close what is granted for the grant's reader. Call it inside the transaction that makes the grant.

    A bundle holds the keys of `entries` (rows' ids) and no others. `boxes` are opened lockboxes to take from, where
    they are not the signer's own.
    """
    if Action.READ not in grant.actions:
        return  # Writing needs no reading key.
    rows.hold(grant.patient_id, grant.categories)
    if boxes is None:
        boxes = own_boxes(grant.patient, grant.categories, keyring=keyring)
    missing = set(grant.categories) - set(boxes)
    if missing:
        raise CannotOpen(f"No key of one's own for {', '.join(sorted(missing))}.")
    version, digest = grant.key_version, proofs.digest(grant)
    recipient = _seal_once(grant, digest, version, _grant_key(grant, digest, version, keyring))
    if grant.is_bundle:
        put_in_bundle(grant, recipient.key, lockboxes.deks(boxes, entries))
    else:
        chosen = [box for part, box in boxes.items() if part in grant.categories]
        statements.insert([lockboxes.make_seal(box, recipient) for box in chosen])


def _seal_once(grant: Grant, digest: bytes, version: KeyVersion, key: bytes, *, again: bool = False) -> Recipient:
    """Store the one HPKE seal of a grant, or it anew, and return how lockboxes are closed under its key."""
    recipient = _recipient(grant.reader_id, version, digest, grant.pk, key)
    blob = seal(recipient.kem_public, key, info=_grant_info(digest))
    if again:
        GrantSeal.objects.filter(grant_id=grant.pk).delete()
    statements.insert([GrantSeal(grant_id=grant.pk, reader_id=version.reader_id, key_version=version, blob=blob)])
    return recipient


def put_in_bundle(grant: Grant, key: bytes, chosen: Mapping[UUID, bytes]) -> None:
    """Store the keys of chosen entries under a grant's key, in place of what the bundle held of them."""
    BundledKey.objects.filter(grant_id=grant.pk, entry__in=list(chosen)).delete()
    statements.insert(lockboxes.bundle(grant.pk, key, proofs.digest(grant), chosen))


def take_back(grant: Grant) -> int:
    """Delete a grant's seals, which needs no key; return how many there were."""
    bundled = BundledKey.objects.filter(grant_id=grant.pk).delete()[0]
    GrantSeal.objects.filter(grant_id=grant.pk).delete()
    return bundled + Seal.objects.filter(grant_id=grant.pk).delete()[0]


# --- New epochs ----------------------------------------------------------------------------------
def turn(patient: Patient, parts: Iterable[str], *, keyring: OpenKeyring, without: Iterable[Grant] = ()) -> None:
    """Begin a new epoch of each part, sealed to those who stay. Call it inside a transaction.

    Where a reader has a newer key than the one a grant was last sealed to, all parts of that grant turn with it.
    """
    gone = {grant.pk for grant in without}
    staying = [grant for grant in following(patient) if grant.pk not in gone]
    stale = {grant.pk for grant in queries.stale(staying)}
    chosen = {str(part) for part in parts}
    chosen.update(part for grant in staying if grant.pk in stale for part in grant.categories)
    current = lockboxes.lock(patient, sorted(chosen), for_writing=True)
    boxes = own_boxes(patient, sorted(chosen), keyring=keyring)
    followers = _Followers(staying, stale, keyring)
    always = _always(patient, boxes, keyring)
    for part, box in boxes.items():
        lockboxes.check_signature(current[part])
        lockboxes.check_opened(box, current[part])
        recipients = [*always[part], *followers.of(part)]
        boxes[part] = lockboxes.turn(box, signer=keyring, recipients=recipients)
    followers.rebundle()


def following(patient: Patient) -> list[Grant]:
    """Return the grants that follow when epochs turn. One that is over by its report, or with what it hangs from, keeps
    nothing: its own row does not say so, and the rows that do could be taken away."""
    at = clock.now()
    known = [(grant, queries.facts(grant)) for grant in queries.staying(patient, at)]
    return [grant for grant, facts in known if facts.ended_at is None and at < facts.ends]


class _Followers:
    """Those who keep a part when its epoch turns, each found once.

    A reader whose key was exchanged loses it: nothing is sealed to that key. So does a grant that its patient, or
    who may sign for them, did not sign as it stands: here the key of a part is handed on anew, and a row that
    somebody widened, or made, would otherwise get from the patient's own session what it never had.
    """

    def __init__(self, grants: Iterable[Grant], stale: Collection[UUID], keyring: OpenKeyring) -> None:
        self._stale, self._keyring = stale, keyring
        self._grants = [grant for grant in grants if Action.READ in grant.actions]
        self._recipients: dict[UUID, Recipient | None] = {}

    def of(self, part: str) -> Iterator[Recipient]:
        """Yield to whom a part is closed anew."""
        for grant in self._grants:
            if part in grant.categories and not grant.is_bundle:
                recipient = self._recipient(grant)
                if recipient is not None:
                    yield recipient

    def rebundle(self) -> None:
        """Put the bundles of readers with a newer key under it: what they hold already, and nothing more.

        Which entries a bundle holds is a list of rows. So what is wrapped anew is what the rows hold, and never the
        key of an entry that a row names: somebody may have added that one.
        """
        for grant in self._grants:
            if grant.is_bundle and grant.pk in self._stale and (signer := self._signer(grant)):
                held = _held_in(grant, signer)
                if recipient := self._recipient(grant):
                    put_in_bundle(grant, recipient.key, held)

    def _recipient(self, grant: Grant) -> Recipient | None:
        if grant.pk not in self._recipients:
            self._recipients[grant.pk] = self._found(grant)
        return self._recipients[grant.pk]

    def _found(self, grant: Grant) -> Recipient | None:
        signer = self._signer(grant)
        if signer is None and not authority.signed_for_patient(grant):
            _tell_of_altered(grant)
            return None
        with suppress(KeyExchanged):
            version, digest = grant.reader.keyring.version, proofs.digest(grant)
            if signer is None:
                # Somebody else signed, whole parts always, and only their keyring gives that grant's key again.
                return _seal_once(grant, digest, version, new_key(), again=True)
            key = _grant_key(grant, digest, version, signer)
            if grant.pk in self._stale:
                return _seal_once(grant, digest, version, key, again=True)
            return _recipient(grant.reader_id, version, digest, grant.pk, key)
        return None

    def _signer(self, grant: Grant) -> OpenKeyring | None:
        """Return the patient's own keyring in the version that signed a grant; None where it did not."""
        with suppress(CannotOpen):
            at = self._keyring.past(grant.patient_version_id)
            if at is not None and proofs.made_by(grant, at):
                return at
        return None


def _held_in(grant: Grant, signer: OpenKeyring) -> dict[UUID, bytes]:
    """Return what a bundle's rows hold, opened with the grant's key for whichever of its reader's keys it was made."""
    rows_of = list(BundledKey.objects.filter(grant_id=grant.pk).values_list("entry_id", "blob"))
    digest, found = proofs.digest(grant), {}
    for version in KeyVersion.objects.filter(reader=grant.reader_id):
        bundle = lockboxes.open_bundle(grant.pk, _grant_key(grant, digest, version, signer), digest)
        for entry, blob in rows_of:
            with suppress(CannotOpen):
                found[entry] = bundle.dek(entry.bytes, blob)
    return found


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
    # Words said before the keys were renewed are closed for an epoch before this one.
    for box in _own(patient, rows.seals(patient.pk, keyring.reader_id, [LOG_PART], closed_too=True), keyring):
        with suppress(CannotOpen):
            return box.opener.open(bytes(sealed), info=info)
    raise CannotOpen("There is no key of one's own for these words on the log.")
