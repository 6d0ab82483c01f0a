"""Messages of other systems that could not be taken in: sealed to a key of the keyholder's own, which opens no record.

What the keyholder hands out is the key of one message, sealed to the key that a committed event names. Asked twice for
one event it gives the same key to the same one, so there is nothing to count against using an event again.
"""

import logging
from datetime import timedelta
from hashlib import sha256
from uuid import UUID

from django.db import transaction

from audit.queries import Line
from consent.keyholder import readers
from consent.keyholder.releases import Refused, actor_of, one_at_a_time, proven, tell, telling
from ehr import clock
from ehr.accounts.keyrings import CannotOpen
from ehr.accounts.models import User
from ehr.crypto.digests import joined
from ehr.crypto.sealing import seal

logger = logging.getLogger(__name__)

# What opens a kept message, and whose job that is: one that is tried again, one that goes to whom it belongs.
OPENED_BY = {
    "institution.message-opened": "intake.repair_message",
    "institution.stray-opened": "intake.remove_stray",
}
MOST_PER_HOUR = 2_000
_lately: list = []


def message_info(message_id: UUID) -> bytes:
    """Return what the key of a kept message is bound to."""
    return joined(b"repair/v1", message_id.bytes)


def handed_info(event_id: UUID, message_id: UUID) -> bytes:
    """Return what a key that is handed out is bound to: the event that opened it, and the message."""
    return joined(b"repair-handed/v1", event_id.bytes, message_id.bytes)


def open_message(event_id: UUID, message_id: UUID, blob: bytes, *, to: bytes) -> bytes:
    """Return the key (32 bytes) of one kept message, sealed to the key that the event names. Raises Refused."""
    with telling(event_id, None, "repair"), one_at_a_time, transaction.atomic(durable=True):
        event = proven(event_id, to=to)
        if event.action not in OPENED_BY or event.outcome == "refused":
            raise Refused("other-action")
        if event.details.get("message") != str(message_id) or event.details.get("sealed") != sha256(blob).hexdigest():
            raise Refused("other-reader")
        _require_standing(event)
        _require_room()
        try:
            key = readers.repair_keyring().open_seal(blob, info=message_info(message_id))
        except CannotOpen as problem:
            raise Refused("nothing-sealed") from problem
        tell("institution.message-released", event_id, None, "repair", outcome="done")
        return seal(to, key, info=handed_info(event_id, message_id))


def _require_standing(event: Line) -> None:
    """Raise Refused unless whoever acted works here and this is their job."""
    actor = actor_of(event)
    user = User.objects.filter(pk=actor, is_active=True).first() if actor else None
    if user is None or not user.has_perm(OPENED_BY[event.action]):
        raise Refused("standing")


def _require_room() -> None:
    """Raise Refused where this process has handed out as many keys within the hour as it may."""
    now = clock.now()
    while _lately and _lately[0] <= now - timedelta(hours=1):
        _lately.pop(0)
    if len(_lately) >= MOST_PER_HOUR:
        raise Refused("too-many")
    _lately.append(now)
