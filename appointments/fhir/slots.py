"""What a free time is called: an id that says which schedule, which kind of visit and when, and is stored nowhere.

Only this server makes one, for a time that it offered or somebody booked: whoever tries names out learns nothing of
when a clinician is with a patient. Names of one schedule and kind sort by time.
"""

import base64
import hmac
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.conf import settings

from appointments import zones
from ehr.crypto.digests import keyed

_LENGTH = 64  # of the text: FHIR's longest
_UUID, _STEP, _TAG = 16, 4, 4


class Named(NamedTuple):
    """What a name says."""

    schedule: UUID
    visit_type: UUID
    starts: datetime


def name(schedule: UUID, visit_type: UUID, starts: datetime) -> str:
    """Return what a time is called that begins at a full five minutes."""
    said = schedule.bytes + visit_type.bytes + zones.floor_step(starts).to_bytes(_STEP, "big")
    return base64.b32hexencode(said + _tag(said)).decode().lower()


def read(text: str) -> Named | None:
    """Return what a name says; None for one that this server never gave."""
    if len(text) != _LENGTH or text != text.lower():
        return None
    try:
        whole = base64.b32hexdecode(text.upper())
    except ValueError:
        return None
    said, tag = whole[:-_TAG], whole[-_TAG:]
    if not hmac.compare_digest(_tag(said), tag):
        return None
    step = int.from_bytes(said[2 * _UUID :], "big")
    return Named(UUID(bytes=said[:_UUID]), UUID(bytes=said[_UUID : 2 * _UUID]), zones.moment(step))


def _tag(said: bytes) -> bytes:
    return keyed(settings.INDEX_KEY, "fhir-slot", said.hex())[:_TAG]
