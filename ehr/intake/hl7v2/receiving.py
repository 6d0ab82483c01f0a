"""An HL7 v2 message comes in: read, stored, and only then acknowledged.

The answer is made after the transaction is committed: who gets an AA can forget the message. What cannot be taken in is
kept sealed in the repair queue and answered AE; what no repair could mend is answered AR, and so is what may be sent
again as it is, in a while.
"""

import logging
from dataclasses import dataclass, field

from django.db import Error

from ehr import clock

from .. import feeds, repair, storing
from ..models import Broken, Feed, Kind
from ..refusals import CANNOT_READ, UNFORESEEN, Later, Refused
from . import acks, er7, messages
from .acks import ACCEPTED, ERROR, REJECTED, Header
from .acks import Said as Problem
from .er7 import Unreadable

logger = logging.getLogger(__name__)
LARGEST_BYTES = 20 * 1024 * 1024


@dataclass
class Answer:
    """What became of a message, and what is sent back: no message, one, or a receipt and an answer."""

    code: str  # AA, AE or AR
    messages: list[bytes] = field(default_factory=list)
    later: bool = False  # the same, sent again, may be taken in


def receive(content: bytes, feed: Feed) -> Answer:
    """Take in one message of a feed and return what is answered. Nothing raises: a sender always gets its answer."""
    header = Header()
    try:
        message = _read(content, feed)
        header = acks.header_of(message)
        code, problems, later = _stored(message, content, feed)
        if code == ERROR:
            return _broken(content, feed, header, problems)
        return _answer(header, code, problems, later)
    except Unreadable as wrong:
        header = header if header.control_id else acks.header_of_broken(content)
        return _broken(content, feed, header, [Problem(wrong.where, wrong.words, wrong.code)])
    except (Error, clock.ClockUnsure, RecursionError) as problem:
        logger.error("A message could not be stored: %s", type(problem).__name__)
        return _try_later(header, "The server cannot store messages now. Send it again in a few minutes.")
    except Exception as problem:  # noqa: BLE001 - the last one there is: whatever comes is kept, and answered
        return _broken(content, feed, acks.header_of_broken(content), [_unforeseen(problem)])


def refuse(content: bytes, words: str, code: str = er7.INTERNAL) -> Answer:
    """Return the answer to a message that is nobody's, or too large: it is not looked at further, and not kept."""
    header = acks.header_of_broken(content)
    return _answer(header, REJECTED, [Problem("MSH", words, code)])


def try_again(message: Broken, *, by) -> bool:
    """Have a broken message taken in as it came, with what is known today; return whether it was.

    Raises `ehr.accounts.operations.Refused` and `consent.escrow.NotReleased`.
    """
    content = repair.open_again(message, by=by)
    feed = message.feed
    try:
        code, problems, _later = _stored(_read(content, feed), content, feed)
    except Unreadable as wrong:
        code, problems = ERROR, [Problem(wrong.where, wrong.words, wrong.code)]
    except UNFORESEEN as problem:
        code, problems = ERROR, [_unforeseen(problem)]
    if code == ACCEPTED:
        if Broken.objects.filter(pk=message.pk, state=Broken.State.WAITING).exists():
            repair.mended(message, by=by)
        return True
    repair.still_broken(message, _rows(problems))
    return False


def _read(content: bytes, feed: Feed) -> er7.Message:
    if len(content) > LARGEST_BYTES:
        raise Unreadable("MSH", f"begins a message of more than {LARGEST_BYTES // 1024**2} MB. Split it.", er7.INTERNAL)
    return er7.parse(content, codec=feeds.sender(feed).codec)


def _stored(message: er7.Message, content: bytes, feed: Feed) -> tuple[str, list[Problem], bool]:
    """Return (code, what is wrong, whether to send again) once everything a message brings is committed."""
    control_id = message.control_id
    if control_id and storing.known(feed, control_id, content):
        return ACCEPTED, [], False
    delivery = messages.read(message, feeds.sender(feed))
    try:
        storing.take_in(delivery, feed=feed, control_id=control_id, content=content)
    except Later as later:
        return REJECTED, [Problem("PID-3", str(later), er7.LOCKED)], True
    except Refused as refused:
        return ERROR, [Problem(_where(words), _words(words), er7.UNKNOWN_KEY) for words in refused.reasons], False
    repair.sent_again(feed, control_id)
    return ACCEPTED, [], False


def _unforeseen(problem: Exception) -> Problem:
    """Return the reason for what nobody thought of."""
    # What was raised may quote the message, so only its kind is noted.
    logger.error("A message could not be read: %s", type(problem).__name__)
    return Problem("MSH", f"begins a message that {CANNOT_READ}", er7.TYPE)


def _where(words: str) -> str:
    """Return the segment that a reason of the importer is about: people are found by PID."""
    return "PID-7" if "birth date" in words else "PID-3" if words.startswith("Patient.identifier") else ""


def _words(words: str) -> str:
    return words.replace("Patient.identifier ", "", 1) if words.startswith("Patient.identifier") else words


def _answer(header: Header, code: str, problems: list[Problem], later: bool = False) -> Answer:
    return Answer(code, acks.answers(header, code, problems, at=clock.now()), later)


def _broken(content: bytes, feed: Feed, header: Header, problems: list[Problem]) -> Answer:
    """Keep a message that cannot be read, and answer. One of a kind that is never taken here is not kept."""
    if any(problem.code in acks.REJECTING for problem in problems):
        return _answer(header, REJECTED, problems)
    try:
        kept = repair.keep(
            content,
            feed=feed,
            channel=Kind.HL7V2,
            kind=_kind(content),
            control_id=header.control_id,
            problems=_rows(problems),
        )
    except (Error, clock.ClockUnsure):
        kept = None
    if kept is None:
        return _try_later(header, "The server cannot keep this message now. Send it again in a few minutes.")
    return _answer(header, ERROR, problems)


def _try_later(header: Header, words: str) -> Answer:
    # The header alone: no clock may be asked where the clock is what fails.
    return Answer(REJECTED, [acks.unavailable(header, words)], later=True)


def _kind(content: bytes) -> str:
    try:
        return messages.kind_of(er7.parse(content, codec="latin-1"))
    except Unreadable:
        return ""


def _rows(problems: list[Problem]) -> list[dict[str, str]]:
    return [{"where": one.where, "words": one.words} for one in problems]
