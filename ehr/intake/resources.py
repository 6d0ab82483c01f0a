"""FHIR R4 over HTTP from a feed: a bundle whole or not at all, loose resources and NDJSON each for itself."""

import hashlib
import re
from dataclasses import dataclass, field

from ehr.r4 import bundles
from ehr.r4.bundles import Batch, Unreadable

from . import loose, operations, repair, storing
from .models import Broken, Feed, Kind
from .operations import Outcome
from .refusals import Later, Refused

LARGEST_BYTES = 50 * 1024 * 1024
NAME = "What was sent"
_NAMED = re.compile(r"\b([A-Z][A-Za-z]+)/[A-Za-z0-9\-.]{1,64}")


@dataclass
class Answer:
    """What came of a delivery: what was stored, and what was refused, each by its place and rule."""

    outcome: Outcome = field(default_factory=Outcome)
    refused: list[str] = field(default_factory=list)
    later: bool = False


def receive(content: bytes, feed: Feed, *, lines: bool) -> Answer:
    """Take in a JSON document or NDJSON; what was refused is kept sealed, and can be tried again whole.

    What was stored of it stays stored: trying again adds only what is missing.
    """
    answer = _taken(content, feed, lines=lines)
    if answer.refused and not answer.later:
        kept = repair.keep(
            content,
            feed=feed,
            channel=Kind.FHIR,
            kind="NDJSON" if lines else "JSON",
            control_id=_control_id(content),
            problems=[_row(words) for words in answer.refused],
        )
        answer.later = kept is None
    return answer


def try_again(message: Broken, *, by) -> bool:
    """Have a broken delivery taken in with what is known today; return whether all of it was. Raises as `repair`."""
    content = repair.open_again(message, by=by)
    answer = _taken(content, message.feed, lines=message.kind == "NDJSON")
    if answer.refused:
        repair.still_broken(message, [_row(words) for words in answer.refused])
        return False
    repair.mended(message, by=by)
    return True


def _taken(content: bytes, feed: Feed, *, lines: bool) -> Answer:
    answer = Answer()
    try:
        batches = bundles.received(NAME, content, lines=lines)
    except Unreadable as problem:
        answer.refused.append(str(problem))
        return answer
    for batch in batches:
        answer.refused += batch.unreadable
    put = storing.put(feed, _control_id(content), content)
    for batch in sorted((one for one in batches if one.whole), key=lambda one: not operations.has_patient(one)):
        _bundle(batch, feed, put, answer)
    single = [one for one in batches if not one.whole]
    if single:
        outcome, refused = loose.receive(single, source=feed.source.name, put=put)
        answer.outcome.include(outcome)
        answer.refused += refused
    return answer


def _bundle(batch: Batch, feed: Feed, put: operations.Put, answer: Answer) -> None:
    try:
        answer.outcome.include(operations.receive_bundle(batch, source=feed.source.name, put=put))
    except Later as later:
        answer.later = True
        answer.refused += later.reasons
    except Refused as refusal:
        answer.refused += refusal.reasons


def _control_id(content: bytes) -> str:
    """Return what names a delivery in its Provenance: senders of FHIR give none, so its digest does."""
    return hashlib.sha256(content).hexdigest()


def _row(words: str) -> dict[str, str]:
    """Return a reason as it is kept in clear: without what the sender calls anybody."""
    words = _NAMED.sub(r"\1/…", words)
    place, _colon, rest = words.partition(": ")
    return {"where": place, "words": rest} if rest else {"where": "", "words": words}
