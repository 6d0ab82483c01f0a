"""The keyrings of studies: made when two others approved the study, opened for a run that one of them approved.

What a study is, its terms, who proposed it and whose approvals it rests on, is bound into what wraps its keyring: a row
that somebody changes opens nothing. Approvals are lines of the log, held against their hash, and signed by the members
of the committee with their own keys: who writes rows, and even lines, approves nothing. Researchers have no part in
this, and no keys that any of it is sealed to.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import NamedTuple, Self
from uuid import UUID

from django.db import transaction

from audit import queries as audit
from audit.queries import Line
from consent.keyholder import readers
from consent.keyholder.releases import Refused, actor_of, one_at_a_time, proven, tell, telling
from ehr import clock
from ehr.accounts import queries as accounts
from ehr.accounts.keyrings import CannotOpen
from ehr.accounts.keyrings.held import create_held, handed_on, open_held
from ehr.accounts.models import Keyring, KeyVersion, Reader, User
from ehr.crypto import signing
from ehr.crypto.digests import joined

VOTED = "study.approved"  # one member of the committee, for these terms
RUN_APPROVED = "study.run-approved"
OPENED_BY = "study.run-begun"
DECIDES = "research.decide_study"
COMMITTEE = 2
LONGEST_RUN = timedelta(days=31)
MOST_PER_HOUR = 60  # of one study: a worker that died begins again
WHY = "study"
# Runs that began here within the hour, by event: when, and of which study.
_begun: dict[UUID, tuple[datetime, UUID]] = {}


class Approved(NamedTuple):
    """What two approved: the study, the digest of its terms in hex, who proposed it, until when, and their lines."""

    study: str
    terms: str
    proposer: str
    until: int  # Unix seconds
    votes: tuple[str, ...]

    @property
    def bound(self) -> bytes:
        """What the study's keyring is bound to, 32 bytes."""
        said = [self.study, self.terms, self.proposer, str(self.until), *sorted(self.votes)]
        return sha256(joined(b"study/v1", *(one.encode() for one in said))).digest()

    @classmethod
    def read(cls, told: object) -> Self:
        """Return what a message carries. Raises ValueError."""
        if not isinstance(told, list) or len(told) != len(cls._fields) or not isinstance(told[4], list):
            raise ValueError("A study is approved with five facts.")
        study, terms, proposer, until, votes = told
        if not all(isinstance(one, str) for one in [study, terms, proposer, *votes]) or not isinstance(until, int):
            raise ValueError("A study is approved with five facts.")
        return cls(study, terms, proposer, until, tuple(votes))


def begin(reader_id: UUID, approved: Approved) -> None:
    """Make a study's keyring, bound to what was approved. Raises Refused unless two different people did.

    Asked again for the same, it changes nothing: whoever asked before may have died before it wrote that down.
    """
    with one_at_a_time, transaction.atomic(durable=True):
        reader = Reader.objects.filter(pk=reader_id, kind=Reader.Kind.STUDY).first()
        if reader is None:
            raise Refused("other-reader")
        if stored := Keyring.objects.select_related("version").filter(reader=reader).first():
            _opened(stored, approved)
            return
        _require_committee(approved)
        create_held(reader, readers.wrapping(), bound=approved.bound)


def release(event_id: UUID, reader_id: UUID, approved: Approved, approval_id: UUID, *, to: bytes) -> bytes:
    """Return a study's keyring, sealed to the public key that the event names: a worker's, for one run.

    The event must be committed, whole, fresh, used once, and name reader, run, approval and key. The approval is a
    line of somebody on the committee, other than who proposed the study, for this very run, and no older than 31 days.
    Raises Refused.
    """
    with telling(event_id, None, WHY), one_at_a_time, transaction.atomic(durable=True):
        event = proven(event_id, to=to)
        if event.action != OPENED_BY or event.outcome == "refused":
            raise Refused("other-action")
        if event.details.get("reader") != str(reader_id) or event.details.get("approval") != str(approval_id):
            raise Refused("other-reader")
        now = clock.now()
        if now >= datetime.fromtimestamp(approved.until, UTC):
            raise Refused("study-over")
        _require_run(event, _line(approval_id), approved, now)
        stored = Keyring.objects.select_related("version", "reader").filter(reader=reader_id).first()
        if stored is None or stored.reader.kind != Reader.Kind.STUDY:
            raise Refused("other-reader")
        keyring = _opened(stored, approved)
        _require_first_time(event_id, reader_id, now)
        tell("study.released", event_id, None, WHY, outcome="done")
        return handed_on(keyring, to, info=handed_info(event_id, reader_id))


def vote_message(terms: str) -> bytes:
    """Return what a member signs who approves terms, given by their digest in hex."""
    return joined(b"study-vote/v1", terms.encode())


def run_message(terms: str, run: str) -> bytes:
    """Return what a member signs who lets one run of a study with these terms read."""
    return joined(b"study-run/v1", terms.encode(), run.encode())


def handed_info(event_id: UUID, reader_id: UUID) -> bytes:
    """Return what a keyring that is handed out is bound to: the event that opened it, and whose it is."""
    return joined(b"study-handed/v1", event_id.bytes, reader_id.bytes)


def _opened(stored: Keyring, approved: Approved):
    try:
        return open_held(stored, readers.wrapping(), bound=approved.bound)
    except CannotOpen as problem:
        raise Refused("nothing-sealed") from problem


def _require_committee(approved: Approved) -> None:
    """Raise Refused unless different members of the committee approved these very terms, none of them the proposer."""
    lines = [_line(UUID(one)) for one in approved.votes]
    said = [one for one in lines if one.action == VOTED and one.outcome != "refused" and _about(one, approved)]
    if len(said) < len(lines):
        raise Refused("not-approved")
    signed = [actor_of(one) for one in said if _is_signed(one, vote_message(approved.terms))]
    if len(_members(signed, approved)) < COMMITTEE:
        raise Refused("not-approved")


def _about(line: Line, approved: Approved) -> bool:
    return line.details.get("study") == approved.study and line.details.get("terms") == approved.terms


def _require_run(event: Line, approval: Line, approved: Approved, now: datetime) -> None:
    """Raise Refused unless a member of the committee let this run of this study read, and not too long ago."""
    said = approval.action == RUN_APPROVED and approval.outcome != "refused" and _about(approval, approved)
    run = event.details.get("run")
    if not said or not run or approval.details.get("run") != run:
        raise Refused("not-approved")
    if now - approval.time > LONGEST_RUN or not _is_signed(approval, run_message(approved.terms, str(run))):
        raise Refused("not-approved")
    if not _members([actor_of(approval)], approved):
        raise Refused("not-approved")


def _is_signed(line: Line, message: bytes) -> bool:
    """Tell whether whom a line names signed it, with a key that the log has for them."""
    told, actor = line.details, actor_of(line)
    version = KeyVersion.objects.select_related("reader").filter(pk=_number(told.get("key"))).first()
    if version is None or actor is None or version.reader.user_id != actor or not accounts.is_logged(version):
        return False
    try:
        signature = bytes.fromhex(str(told.get("signature")))
    except ValueError:
        return False
    return signing.verify(bytes(version.author_public), message, signature)


def _number(told: object) -> int:
    return told if isinstance(told, int) else 0


def _members(people: Sequence[UUID | None], approved: Approved) -> set[UUID]:
    """Return which of some people sit on the committee now and did not propose the study."""
    known = User.objects.filter(pk__in=[one for one in people if one], is_active=True)
    return {one.pk for one in known if str(one.pk) != approved.proposer and one.has_perm(DECIDES)}


def _line(event_id: UUID) -> Line:
    """Return a line as it was recorded. Raises Refused."""
    try:
        line = audit.proven(event_id)
    except audit.Altered as problem:
        raise Refused("altered") from problem
    if line is None:
        raise Refused("no-event")
    return line


def _require_first_time(event_id: UUID, reader_id: UUID, now: datetime) -> None:
    """Raise Refused for an event that this process saw before, or where a study began as many runs as it may."""
    for old in [one for one, (at, _reader) in _begun.items() if at <= now - timedelta(hours=1)]:
        del _begun[old]
    if event_id in _begun:
        raise Refused("used")
    if sum(reader == reader_id for _at, reader in _begun.values()) >= MOST_PER_HOUR:
        raise Refused("too-many")
    _begun[event_id] = (now, reader_id)
