"""What the keyholder decides and opens. Each function holds what is asked against the log and the records itself.

Nothing here trusts the caller: an event counts when it is committed, whole, fresh, says just this, names the key to
which the answer is sealed, and was not used before. The use is counted in the transaction that opens.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from audit import log
from audit import queries as audit
from audit.queries import Line
from consent import authority, breaking, queries
from consent.acting import Right, why_not
from consent.keyholder import readers
from consent.models import Claim, Delegation, EscrowUse, ShareUse
from ehr import clock
from ehr.accounts import queries as accounts
from ehr.accounts.keyrings import CannotOpen
from ehr.accounts.keyrings.shares import handed_info, sealed_info
from ehr.accounts.models import Reader, Recovery, Share, User
from ehr.crypto.digests import joined
from ehr.crypto.sealing import seal
from ehr.words import Category
from patients import lockboxes, rows
from patients.models import LOG_PART, PARTS, Lockbox, Patient
from providers import queries as providers

logger = logging.getLogger(__name__)

FRESH = timedelta(minutes=2)
AHEAD = timedelta(seconds=2)  # what `ehr.clock` forgives between two machines
HOUR = timedelta(hours=1)
# What may open the escrow, and the event that says so. Any other line about a patient opens nothing.
OPENED_BY = {"claim": "claim.released", "emergency": "emergency.opened", "succession": "succession.released"}
SHARE_OPENED_BY = "recovery.released"
CHECKS_IDENTITY = "patients.check_identity"
VOUCHES = "consent.vouch_delegation"
ON_BEHALF = "delegation"  # why a claim is made by somebody else than the patient, as its event says
_HOLDER = log.Party("system", None, "Keyholder")
# Counting and adding is one step: there is one keyholder, and this is its only door.
one_at_a_time = threading.Lock()
# What the process itself remembers of the last hour, so that rows taken away make no room. Nothing in tests and tools.
_lately: deque[tuple[datetime, UUID | None]] | None = None


class Refused(Exception):
    """The keyholder opens nothing. `because` is one machine word; `consent.escrow` has the sentence."""

    def __init__(self, because: str) -> None:
        super().__init__(because)
        self.because = because


class Resealed(NamedTuple):
    """One current lockbox's key (private ‖ root, 128 bytes), sealed to the key the event names."""

    part: str
    epoch: int
    blob: bytes


def released_info(event_id: UUID, part: str, epoch: int) -> bytes:
    """Return what a released key is bound to: the one event that opened it, and which lockbox it is of."""
    return joined(b"released/v1", event_id.bytes, part.encode(), epoch.to_bytes(4, "big"))


# --- The escrow ----------------------------------------------------------------------------------
def release(event_id: UUID, patient_id: UUID, *, why: str, to: bytes) -> list[Resealed]:
    """Return a patient's current lockboxes, sealed to the public key `to` that the event names. Raises Refused.

    An emergency, and a claim on behalf of a patient without keys, open the parts their event lists; others open all.
    """
    with telling(event_id, patient_id, why), one_at_a_time:
        with transaction.atomic(durable=True):
            use, opened = _released(event_id, patient_id, why, to)
        if _lately is not None:
            _lately.append((use.at, use.actor))
    # Where the database cannot reach: whoever reads this program's output compares.
    logger.info("Opened %s part(s) of record %s for event %s: %s.", len(opened), patient_id, event_id, why)
    return opened


def _released(event_id: UUID, patient_id: UUID, why: str, to: bytes) -> tuple[EscrowUse, list[Resealed]]:
    event = proven(event_id, to=to)
    patient = Patient.objects.filter(pk=patient_id).first()
    if patient is None or event.subject != patient_id:
        raise Refused("other-patient")
    if event.action != OPENED_BY.get(why) or event.outcome == "refused":
        raise Refused("other-action")
    now = clock.now()
    _CHECKS[why](event, patient, now)
    _require_room(EscrowUse.objects.all(), None, settings.RELEASES_PER_HOUR, now)
    use = EscrowUse(event_id=event_id, patient=patient, why=why, actor=actor_of(event), at=now)
    _count(use)
    opened = _resealed(patient, _not_kept_shut(_parts(event, why), patient, why), event_id, to)
    if not opened:
        raise Refused("nothing-sealed")
    tell("escrow.opened", event_id, patient_id, why, outcome="done", categories=_shown(opened))
    return use, opened


def remember() -> None:
    """Count the last hour's releases in this process, too. The keyholder's program calls it once, when it starts."""
    global _lately
    _lately = deque()


def _require_room(uses: QuerySet[EscrowUse], actor: UUID | None, most: int, now: datetime) -> None:
    """Raise Refused where the last hour has seen as many releases as it may: of one actor, or of all."""
    while _lately and _lately[0][0] <= now - HOUR:
        _lately.popleft()
    remembered = sum(actor in (None, who) for _at, who in _lately or ())
    if max(uses.filter(at__gt=now - HOUR).count(), remembered) >= most:
        raise Refused("too-many")


def _parts(event: Line, why: str) -> list[str]:
    if why == "emergency" or event.because == ON_BEHALF:
        return [str(part) for part in Category if part in event.categories]
    return [str(part) for part in PARTS]


def _claim_is_ready(event: Line, patient: Patient, now: datetime) -> None:
    _require_waiting(patient)
    if event.because == ON_BEHALF:
        _is_vouched_for(event, patient, now)
        return
    named = _id(event.details.get("claim"))
    claim = Claim.objects.filter(pk=named, patient=patient).first() if named else None
    if patient.user_id or claim is None or not queries.is_checked(claim) or claim.claimant_id != actor_of(event):
        raise Refused("claim-not-ready")


def _require_waiting(patient: Patient) -> None:
    """Raise Refused unless the escrow itself opened every lockbox of a record, as while it waits for its patient.

    That nobody has it yet is a column. Whoever has it signed its epochs, and nobody else makes the escrow's signature.
    """
    keyring = readers.escrow_keyring()
    opened_by = [keyring, *keyring.older()]
    for box in Lockbox.objects.of(patient, PARTS).current():
        message = lockboxes.identity(box) + bytes(box.public)
        # Ed25519 signs the same words the same way, each time.
        if bytes(box.signature) not in {one.sign(message) for one in opened_by}:
            raise Refused("claim-not-ready")


def _is_vouched_for(event: Line, patient: Patient, now: datetime) -> None:
    """Let a record without its patient go to who acts for them: two verifiers signed that, and both still are ones."""
    named = _id(event.details.get("delegation"))
    found = Delegation.objects.filter(pk=named, patient=patient).select_related("patient", "reader").first()
    if patient.user_id or found is None or found.reader is None or found.reader.user_id != actor_of(event):
        raise Refused("claim-not-ready")
    held = authority.facts(found)
    if why_not(held, at=now) or Right.READ not in held.rights or not set(event.categories) <= held.categories:
        raise Refused("claim-not-ready")
    people = User.objects.filter(pk__in=authority.vouched_by(found), is_active=True)
    if sum(person.has_perm(VOUCHES) for person in people) < authority.VERIFIERS_NEEDED:
        raise Refused("claim-not-ready")


def _not_kept_shut(parts: list[str], patient: Patient, why: str) -> list[str]:
    """Return what is left of parts: what the patient keeps shut in an emergency stays shut here, whatever was asked."""
    if why != "emergency" or not queries.law().opt_outs_prevail:
        return parts
    shut = breaking.opted_out(patient)
    return [part for part in parts if part not in shut]


def _may_break_glass(event: Line, patient: Patient, now: datetime) -> None:
    actor = actor_of(event)
    user = User.objects.filter(pk=actor).first() if actor else None
    if user is None:
        raise Refused("standing")
    standing = providers.standing(user, now)
    if not (standing.ok and standing.roles & settings.BREAK_GLASS_ROLES):
        raise Refused("standing")
    if queries.law().blocks_prevail and queries.is_blocked(patient, user):
        raise Refused("kept-shut")
    _require_room(EscrowUse.objects.filter(actor=actor), actor, settings.BREAK_GLASS_PER_HOUR, now)


def _two_staff_checked(event: Line, patient: Patient, _now: datetime) -> None:
    named = event.details.get("checked_by")
    staff = {_id(one) for one in named} if isinstance(named, list) else set()
    people = User.objects.filter(pk__in=[one for one in staff if one], is_active=True).exclude(
        pk__in=[one for one in (actor_of(event), patient.user_id) if one]
    )
    if sum(person.has_perm(CHECKS_IDENTITY) for person in people) < queries.STAFF_NEEDED:
        raise Refused("not-checked")


_CHECKS: Mapping[str, Callable[[Line, Patient, datetime], None]] = {
    "claim": _claim_is_ready,
    "emergency": _may_break_glass,
    "succession": _two_staff_checked,
}


def _shown(opened: list[Resealed]) -> list[str]:
    return [one.part for one in opened if one.part != LOG_PART]


def _resealed(patient: Patient, parts: list[str], event_id: UUID, to: bytes) -> list[Resealed]:
    """Open the escrow's seals of open epochs and seal what they hold to one key. What does not open is left out."""
    keyring, found = readers.escrow_keyring(), []
    for blob, pk, part, epoch, _version in rows.seals(patient.pk, keyring.reader_id, parts):
        lockbox = Lockbox(pk=pk, patient=patient, part=part, epoch=epoch)
        try:
            box = lockboxes.open_box(lockbox, blob, open_seal=keyring.open_seal, bound_to=queries.ESCROW)
        except CannotOpen:
            logger.error("The escrow's seal of lockbox %s does not open.", pk)
            continue
        sealed = seal(to, box.private + box.root, info=released_info(event_id, part, epoch))
        found.append(Resealed(part, epoch, sealed))
    return found


def sign(patient_id: UUID, publics: Mapping[str, bytes]) -> tuple[int, dict[str, bytes]]:
    """Return the escrow's key version and its signatures of a new record's first epochs, by part. Raises Refused.

    It signs while the record has neither a patient nor a lockbox. A record that is being made in a transaction is not
    to be seen yet, and counts as one.
    """
    known = Patient.objects.filter(pk=patient_id).first()
    if known is not None and (known.user_id or known.lockboxes.exists()):
        # No line of the log: whoever asks holds SQLite's one writer, and waits for the answer.
        logger.warning("Asked to sign for record %s, which has been begun.", patient_id)
        raise Refused("record-begun")
    keyring = readers.escrow_keyring()
    return keyring.version_id, {
        part: keyring.sign(lockboxes.identity(Lockbox(patient_id=patient_id, part=part, epoch=1)) + public)
        for part, public in publics.items()
    }


# --- The recovery custodian ----------------------------------------------------------------------
def open_share(event_id: UUID, reader_id: UUID, blob: bytes, *, to: bytes) -> bytes:
    """Return a recovery share that was sealed to the custodian, sealed to the key the event names. Raises Refused."""
    with telling(event_id, None, "share"), one_at_a_time, transaction.atomic(durable=True):
        event = proven(event_id, to=to)
        if event.action != SHARE_OPENED_BY or event.outcome == "refused":
            raise Refused("other-action")
        reader = Reader.objects.filter(pk=reader_id).first()
        if reader is None or _id(event.details.get("reader")) != reader_id:
            raise Refused("other-reader")
        _require_recovery(event, reader, to)
        _count(ShareUse(event_id=event_id, reader=reader))
        custodian = queries.custodian().keyring.version
        try:
            info = sealed_info(reader_id, custodian, Share.Holder.INSTITUTION)
            share = readers.custodian_keyring().open_seal(blob, info=info)
        except CannotOpen as problem:
            raise Refused("nothing-sealed") from problem
        tell("escrow.share-opened", event_id, event.subject, "share", outcome="done")
        return seal(to, share, info=handed_info(event_id))


def _require_recovery(event: Line, reader: Reader, to: bytes) -> None:
    """Raise Refused unless their own recovery is under way, two staff saw who it is, and its key is the one named."""
    named = _id(event.details.get("recovery"))
    recovery = Recovery.objects.filter(pk=named).first() if named else None
    if recovery is None or recovery.user_id != reader.user_id or bytes(recovery.public) != to:
        raise Refused("other-reader")
    if not (recovery.is_open(clock.now()) and accounts.is_checked(recovery)):
        raise Refused("not-checked")


# --- What both ask of an event -------------------------------------------------------------------
def proven(event_id: UUID, *, to: bytes) -> Line:
    """Return an event that is committed, as it was recorded, fresh, and names this key. Raises Refused."""
    try:
        event = audit.proven(event_id)
    except audit.Altered as problem:
        raise Refused("altered") from problem
    if event is None:
        raise Refused("no-event")
    if not -AHEAD <= clock.now() - event.time <= FRESH:
        raise Refused("stale")
    if event.details.get("to") != sha256(to).hexdigest():
        raise Refused("other-key")
    return event


def _count(use: EscrowUse | ShareUse) -> None:
    """Count a use; the event's id stands once in the table, so that no event opens twice."""
    try:
        with transaction.atomic():
            use.save(force_insert=True)
    except IntegrityError as problem:
        raise Refused("used") from problem


def actor_of(event: Line) -> UUID | None:
    return event.actor.id if event.actor and event.actor.kind == "person" else None


def _id(value: object) -> UUID | None:
    try:
        return UUID(str(value))
    except ValueError:
        return None


@contextmanager
def telling(event_id: UUID, patient_id: UUID | None, why: str) -> Iterator[None]:
    """Leave a line on the log for whatever is refused, once its transaction is gone."""
    try:
        yield
    except Refused as refused:
        known = patient_id is not None and Patient.objects.filter(pk=patient_id).exists()
        about = patient_id if known else None
        tell("escrow.refused", event_id, about, why, outcome="refused", because=refused.because)
        raise


def tell(action: str, event_id: UUID, subject: UUID | None, why: str, **facts: Any) -> None:
    """Write the keyholder's own line: no row that somebody takes away hides what it did."""
    log.append(action, actor=_HOLDER, subject=subject, details={"event": str(event_id), "why": why}, **facts)
