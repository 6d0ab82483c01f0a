"""A C-CDA document of a feed comes in: read, stored whole or not at all; what cannot be taken in is kept sealed."""

import logging
from dataclasses import dataclass, field

from .. import feeds, repair, storing
from ..models import Broken, Feed, Kind
from ..refusals import CANNOT_READ, UNFORESEEN, Later, Refused
from . import documents
from .xml import LARGEST_BYTES

__all__ = ["LARGEST_BYTES", "Answer", "receive", "try_again"]

logger = logging.getLogger(__name__)


@dataclass
class Answer:
    """What came of a document: how many entries it made, or what is wrong with it."""

    entries: int = 0
    known: bool = False
    refused: list[str] = field(default_factory=list)
    later: bool = False


def receive(content: bytes, feed: Feed) -> Answer:
    """Take in one document; what it returns is committed."""
    answer = _stored(content, feed)
    if answer.refused and not answer.later:
        problems = _rows(answer.refused)
        kept = repair.keep(content, feed=feed, channel=Kind.CCDA, kind="C-CDA", control_id="", problems=problems)
        answer.later = kept is None
    return answer


def try_again(message: Broken, *, by) -> bool:
    """Have a broken document taken in with what is known today; return whether it was. Raises as `repair`."""
    answer = _stored(repair.open_again(message, by=by), message.feed)
    if answer.refused:
        repair.still_broken(message, _rows(answer.refused))
        return False
    repair.mended(message, by=by)
    return True


def _stored(content: bytes, feed: Feed) -> Answer:
    try:
        delivery, number = documents.read(content, feeds.sender(feed))
        stored = storing.take_in(delivery, feed=feed, control_id=number, content=content)
    except Later as later:
        return Answer(refused=list(later.reasons), later=True)
    except Refused as refused:
        return Answer(refused=list(refused.reasons))
    except UNFORESEEN as problem:
        # What was raised may quote the document, so only its kind is noted.
        logger.error("A document could not be read: %s", type(problem).__name__)
        return Answer(refused=[f"The document {CANNOT_READ}"])
    return Answer(len(stored.entries), stored.known)


def _rows(refused: list[str]) -> list[dict[str, str]]:
    return [{"where": "", "words": words} for words in refused]
