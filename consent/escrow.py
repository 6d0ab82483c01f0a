"""Asking the keyholder, which alone holds the escrow's key: for claims, emergencies, successions and recovery shares.

The caller makes a key for one use, records the event that names it, and asks. Nothing that opens a record crosses the
socket but sealed to that key. Call these outside a transaction: the keyholder believes what is committed.
"""

from collections import Counter
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.utils.translation import gettext_lazy as _

from audit import log
from audit import queries as audit
from audit.models import Event
from consent.keyholder import backends, readers, studies, wire
from consent.keyholder.answers import answer
from consent.keyholder.releases import FRESH, OPENED_BY, released_info
from consent.keyholder.repairs import handed_info, message_info
from consent.models import EscrowUse
from ehr import clock
from ehr.accounts import queries as accounts
from ehr.accounts.keyrings import CannotOpen, OpenKeyring
from ehr.accounts.keyrings.held import OneUseKey, opened_by, taken
from ehr.accounts.models import KeyVersion, Reader
from ehr.crypto import sealing
from patients.models import Patient

PATIENCE_SECONDS = 25.0  # a little more than a writer waits for SQLite
GLANCE_SECONDS = 2.0

_SENTENCES = {
    "no-event": _("The escrow opens only against a committed event about this patient. Begin again."),
    "altered": _("The event is not what was recorded, so the escrow stayed shut. Tell the privacy officer."),
    "stale": _("The event is older than two minutes. Begin again."),
    "other-key": _("The event names another key than the one that asked, so the escrow stayed shut. Begin again."),
    "other-patient": _("The escrow opens only against a committed event about this patient. Begin again."),
    "other-reader": _("The event is about somebody else's keys. Begin again."),
    "other-action": _("The event does not say that the escrow opens."),
    "used": _("The escrow was opened for this event before. Begin again."),
    "claim-not-ready": _("Two members of staff must confirm who you are first. You will be told."),
    "not-checked": _("Two members of staff must confirm this first."),
    "standing": _("Your role or your licence does not open a record in an emergency now."),
    "kept-shut": _("This record stays shut even in an emergency, as the law here allows. Care for them without."),
    "too-many": _("Too many records were opened this way within an hour. Ask the privacy officer."),
    "nothing-sealed": _("Nothing is kept under the escrow here, so there is nothing that it opens."),
    "record-begun": _("This record has its keys already. Its patient makes the next ones."),
    "not-signed": _("The service did not sign this, or not for this server, so its keys stayed shut."),
    "not-approved": _("Two members of the committee must approve the study, and one of them each run of it."),
    "study-over": _("The study is over, so its keys stay shut for good."),
    "not-understood": _("The keyholder did not understand what was asked. Tell the operator."),
}
# What the keyholder said is its own, in this process.
_held: set[tuple[int, bytes]] = set()  # (version, digest)
_AWAY = _("The keyholder does not answer, so nothing was opened. Try again in a minute, or tell the operator.")


class NotReleased(Exception):
    """Nothing was opened. `because` is one machine word; the message says what to do next."""

    def __init__(self, because: str, message: object = "") -> None:
        super().__init__(message or _SENTENCES.get(because, _AWAY))
        self.because = because


class KeyholderAway(NotReleased):
    """The keyholder does not answer, or cannot now. Whoever waits may ask again."""

    def __init__(self) -> None:
        super().__init__("keyholder-away", _AWAY)


@dataclass(frozen=True)
class Signed:
    """The escrow as the signer of one record's first epochs: it has signed these public keys and signs no other."""

    version_id: int
    _signatures: Mapping[bytes, bytes]

    def sign(self, message: bytes) -> bytes:
        """Return the signature of one epoch. Raises KeyError for a key that the keyholder was not asked about."""
        return next(one for public, one in self._signatures.items() if message.endswith(public))


@dataclass(frozen=True)
class Kept:
    """A message that only the keyholder opens: whose key it is sealed to, the sealed key, and the closed content."""

    version: KeyVersion
    sealed_key: bytes
    body: bytes


# --- What can be asked for -----------------------------------------------------------------------
def released(patient: Patient, *, why: str, record: Callable[[str], Event]) -> dict[tuple[str, int], bytes]:
    """Return the keys of a patient's current lockboxes by part and epoch, as `consent.keys.boxes_of` opens them.

    `why` is claim, emergency or succession. `record` gets the hex digest of a key made for this one use and returns
    the event it committed, with that digest as details["to"]: whoever else learns the event's id gets nothing. An
    emergency opens the parts its event names as categories. Raises NotReleased, and KeyholderAway, where the keyholder
    was away from the start before anything was recorded.
    """
    _outside_a_transaction()
    require_keyholder()
    key = OneUseKey()
    event = record(sha256(key.public).hexdigest())
    asked = {"ask": "release", "event": str(event.pk), "patient": str(patient.pk), "why": why}
    found = _ask_about(event, asked | {"to": wire.text(key.public)}, patient.pk)
    return {
        (part, epoch): key.open_seal(wire.raw(blob), info=released_info(event.pk, part, epoch))
        for part, epoch, blob in found["seals"]
    }


def share_handed_on(reader: Reader, blob: bytes, *, to: bytes, record: Callable[[], Event]) -> tuple[UUID, bytes]:
    """Return the recovery share that was sealed to the custodian for a reader, now sealed to the public key `to`.

    With it comes the id of the event that `record` commits: a recovery.released whose details name the reader
    ("reader") and the hex digest of `to` ("to"). This process never has the share in clear, and alone it opens nothing.
    Raises NotReleased, and KeyholderAway, where the keyholder was away from the start before anything was recorded.
    """
    _outside_a_transaction()
    require_keyholder()
    event = record()
    asked = {"ask": "share", "event": str(event.pk), "reader": str(reader.pk), "blob": wire.text(blob)}
    found = _ask_about(event, asked | {"to": wire.text(to)}, event.subject)
    return event.pk, wire.raw(found["share"])


def kept_for_repair(message_id: UUID, content: bytes) -> Kept:
    """Return a message closed so that only the keyholder opens it, by the key that opens no record. Raises NotReleased.

    The keyholder need not be there: what is sealed to is its public key, as the log names it.
    """
    version = readers.repair().keyring.version
    if not accounts.is_logged(version):
        raise NotReleased("altered")
    key = sealing.new_key()
    sealed = sealing.seal(bytes(version.kem_public), key, info=message_info(message_id))
    return Kept(version, sealed, sealing.encrypt(key, content, aad=message_info(message_id)))


def message_opened(message_id: UUID, sealed: bytes, body: bytes, *, record: Callable[[str, str], Event]) -> bytes:
    """Return a message that `kept_for_repair` closed, opened against a committed event.

    `record` gets the hex digests of the key made for this one use and of the sealed key, and returns the event it
    committed: an institution.message-opened with details["to"], ["sealed"] and ["message"]. Raises NotReleased, and
    KeyholderAway, where the keyholder was away from the start before anything was recorded.
    """
    _outside_a_transaction()
    require_keyholder()
    to = OneUseKey()
    event = record(sha256(to.public).hexdigest(), sha256(sealed).hexdigest())
    asked = {"ask": "message", "event": str(event.pk), "message": str(message_id), "blob": wire.text(sealed)}
    found = _ask_about(event, asked | {"to": wire.text(to.public)}, None)
    try:
        key = to.open_seal(wire.raw(found["key"]), info=handed_info(event.pk, message_id))
        return opened_by(key, body, aad=message_info(message_id))
    except CannotOpen as problem:
        raise NotReleased("nothing-sealed") from problem


def service_begun(reader: Reader, registered: backends.Registered) -> None:
    """Let the keyholder make a service's keyring, which opens for that service's own statements. Raises NotReleased."""
    _outside_a_transaction()
    _ask({"ask": "begin", "reader": str(reader.pk), "service": list(registered)})


def service_admitted(
    version: KeyVersion, registered: backends.Registered, statement: str, *, record: Callable[[str, str], Event]
) -> OpenKeyring:
    """Return the keyring of a service that reads, opened against a statement it signed and a committed event.

    `record` gets the hex digests of the key made for this one use and of the statement, and returns the event it
    committed: a service.admitted with details["to"], ["statement"] and ["reader"]. Raises NotReleased, and
    KeyholderAway, where the keyholder was away from the start before anything was recorded.
    """
    _outside_a_transaction()
    require_keyholder()
    to = OneUseKey()
    event = record(sha256(to.public).hexdigest(), sha256(statement.encode()).hexdigest())
    asked = {"ask": "admit", "event": str(event.pk), "reader": str(version.reader_id), "service": list(registered)}
    found = _ask_about(event, asked | {"to": wire.text(to.public), "statement": statement}, None)
    try:
        return taken(version, wire.raw(found["keyring"]), to, info=backends.handed_info(event.pk, version.reader_id))
    except CannotOpen as problem:
        raise NotReleased("nothing-sealed") from problem


def study_begun(reader: Reader, approved: studies.Approved) -> None:
    """Let the keyholder make a study's keyring, where two others approved it. The same again changes nothing.

    Raises NotReleased. Call it once the approvals are committed.
    """
    _outside_a_transaction()
    told = [*approved[:4], list(approved.votes)]
    _ask({"ask": "begin-study", "reader": str(reader.pk), "study": told})


def study_released(
    version: KeyVersion, approved: studies.Approved, approval: UUID, *, record: Callable[[str], Event]
) -> OpenKeyring:
    """Return a study's keyring in a worker, for one run that the line `approval` allows, against a committed event.

    `record` gets the hex digest of a key made for this one use and returns the event it committed: a study.run-begun
    with details["to"], ["reader"], ["run"] and ["approval"]. Raises NotReleased, and KeyholderAway, where the
    keyholder was away from the start before anything was recorded.
    """
    _outside_a_transaction()
    require_keyholder()
    to = OneUseKey()
    event = record(sha256(to.public).hexdigest())
    asked = {"ask": "run", "event": str(event.pk), "reader": str(version.reader_id), "approval": str(approval)}
    told = {"to": wire.text(to.public), "study": [*approved[:4], list(approved.votes)]}
    found = _ask_about(event, asked | told, None)
    try:
        return taken(version, wire.raw(found["keyring"]), to, info=studies.handed_info(event.pk, version.reader_id))
    except CannotOpen as problem:
        raise NotReleased("nothing-sealed") from problem


def signer(patient: Patient, publics: Mapping[str, bytes]) -> Signed:
    """Return the escrow as signer of a new record's first epochs, by part, in one question. Raises NotReleased.

    It may be called inside the transaction that makes the record. Raises KeyholderAway.
    """
    sent = {part: wire.text(public) for part, public in publics.items()}
    found = _ask({"ask": "sign", "patient": str(patient.pk), "publics": sent})
    return Signed(found["version"], {publics[part]: wire.raw(one) for part, one in found["signatures"].items()})


def open_escrow() -> list[str]:
    """Make the keyholder's keyrings that are not there yet, and return whose. Raises KeyholderAway."""
    return list(_ask({"ask": "open"})["made"])


def require_keyholder() -> None:
    """Raise KeyholderAway unless the keyholder is there and its keyrings open."""
    _ask({"ask": "ping"}, within=GLANCE_SECONDS)


def is_held(version: KeyVersion) -> bool:
    """Tell whether a stored key is the escrow's by the private half that the keyholder has; asked once a process.

    The log's word for a key is a row, too, and this one closes every record. While the keyholder is away that has to
    do, so that stopping works all the same.
    """
    pair = (version.pk, version.digest)
    if pair not in _held:
        try:
            found = _ask({"ask": "held"}, within=GLANCE_SECONDS)
        except KeyholderAway:
            return True
        if found["digest"] != version.digest.hex():
            return False
        _held.add(pair)
    return True


# --- The account of it ---------------------------------------------------------------------------
@dataclass(frozen=True)
class Balance:
    """The escrow's uses held against the log. It holds when each use has its event, and each event its use or refusal.

    The keyholder writes a line of its own for each use, so that a row taken away is missed. `uses` and `events` count
    by why. `uses_alone` and `events_alone` are ids of events without their other half;
    `waiting` counts events so fresh that they may still be used.
    """

    uses: Mapping[str, int]
    events: Mapping[str, int]
    uses_alone: tuple[str, ...]
    events_alone: tuple[str, ...]
    waiting: int

    @property
    def holds(self) -> bool:
        return self.uses == self.events and not (self.uses_alone or self.events_alone)


def balance() -> Balance:
    """Return the account of the escrow, by one pass over the whole log: for an officer, not for a page."""
    why_of = {action: why for why, action in OPENED_BY.items()}
    said: dict[str, audit.Line] = {}
    opened: set[str] = set()
    refused: set[str] = set()
    for line in audit.with_action([*why_of, "escrow.opened", "escrow.refused"]):
        if line.action in why_of:
            said[str(line.event_id)] = line
        elif line.details.get("why") in OPENED_BY:
            (opened if line.action == "escrow.opened" else refused).add(str(line.details.get("event")))
    uses = {str(use.event_id): use for use in EscrowUse.objects.all()}
    explained = {pk for pk, use in uses.items() if _explains(said.get(pk) or audit.find(use.event_id), use, opened)}
    idle = {pk: line for pk, line in said.items() if line.outcome != "refused" and pk not in uses.keys() | refused}
    late = {pk for pk, line in idle.items() if clock.now() - line.time > FRESH}
    missed = late | (opened & said.keys() - uses.keys())
    return Balance(
        uses=Counter(use.why for use in uses.values()),
        events=Counter(uses[pk].why for pk in explained) + Counter(why_of[said[pk].action] for pk in missed),
        uses_alone=tuple(sorted(uses.keys() - explained)),
        events_alone=tuple(sorted(missed)),
        waiting=len(idle.keys() - missed),
    )


def _explains(line: audit.Line | None, use: EscrowUse, opened: Container[str]) -> bool:
    """Tell whether an event is the one that a use names. Of an erased one only its patient is left to compare."""
    if line is None or line.subject != use.patient_id:
        return False
    if line.erased_at is not None:
        return True
    return line.action == OPENED_BY.get(use.why) and line.outcome != "refused" and str(use.event_id) in opened


# --- Asking --------------------------------------------------------------------------------------
def _ask_about(event: Event, asked: Mapping[str, object], subject: UUID | None) -> dict:
    """Ask for what an event names. An answer that never came is on the log, for the event stands and opened nothing."""
    try:
        return _ask(asked)
    except KeyholderAway:
        log.record(
            "escrow.refused",
            actor=log.SYSTEM,
            subject=subject,
            outcome="refused",
            because="keyholder-away",
            details={"event": str(event.pk), "why": str(asked.get("why", "share"))},
        )
        raise


def _ask(asked: Mapping[str, object], *, within: float = PATIENCE_SECONDS) -> dict:
    found = _answered(wire.pack(asked), within)
    if "refused" in found:
        raise NotReleased(str(found["refused"]))
    if "away" in found:
        raise KeyholderAway
    return found


def _answered(message: bytes, within: float) -> dict:
    if not settings.KEYHOLDER_SOCKET:
        if settings.PRODUCTION:
            raise KeyholderAway
        return wire.unpack(answer(message))
    try:
        return wire.unpack(wire.ask(settings.KEYHOLDER_SOCKET, message, within=within))
    except (OSError, wire.Garbled) as problem:
        raise KeyholderAway from problem


def _outside_a_transaction() -> None:
    if settings.KEYHOLDER_SOCKET and connection.in_atomic_block:
        raise RuntimeError("The keyholder sees what is committed: ask it before the transaction begins.")
