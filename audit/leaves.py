"""From an event to its leaf, and back again: the one place where the two are compared."""

import json
from collections.abc import Mapping
from hashlib import sha256
from uuid import UUID

from audit import verify
from audit.log import timestamp
from audit.models import Event


class Altered(RuntimeError):
    """Storage no longer holds what was recorded. The message names the event."""


def name(event: Event) -> str:
    """Return how messages name an event."""
    return f"Event {event.id} of {timestamp(event.time)}"


def entry(event: Event, *, salt: bytes, seq: int, previous: bytes) -> bytes:
    """Return the bytes of an event's leaf; `seq` and `previous` place it in its subject's list, if it has one."""
    key = verify.ZERO if event.subject is None else verify.subject_key(str(event.subject))
    link = verify.link_hash(salt, key, seq, previous)
    return verify.leaf_entry(timestamp(event.time), bytes(event.body_hash), link)


def check_body(event: Event, *, salt: bytes, payload: bytes) -> Mapping[str, object]:
    """Return an event's facts. Raises Altered unless the body is the one that was hashed and names this event."""
    if sha256(salt + payload).digest() != bytes(event.body_hash):
        raise Altered(f"{name(event)} does not match its hash: it was changed after it was recorded.")
    facts = json.loads(payload)
    if (facts["id"], facts["time"], facts["subject"]) != (str(event.id), timestamp(event.time), _text(event.subject)):
        raise Altered(f"{name(event)} has another id, time or subject than it was recorded with.")
    return facts


def _text(subject: UUID | None) -> str | None:
    return None if subject is None else str(subject)
