"""Writing to the log. `record` commits by itself and comes before the look; `append` joins what it reports.

Writers take no lock and wait for nobody: three rows, one commit. Places in the tree are given
afterwards, by `audit.sequencer`.
"""

import base64
import json
import secrets
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from typing import Literal, TypedDict, Unpack
from uuid import UUID

import orjson

from audit import rows
from audit.models import Event
from audit.rows import Written
from ehr import clock

OUTCOMES = ("done", "allowed", "refused")


@dataclass(frozen=True, slots=True)
class Party:
    """Whoever acted, with name, role and place as they were then. Kinds: person, team, app, system."""

    kind: str
    id: UUID | None
    name: str
    role: str = ""
    place: str = ""


SYSTEM = Party("system", None, "Chartseal")


class Facts(TypedDict, total=False):
    """What an event says beyond action, actor and subject. What is left out is empty; the outcome then is `allowed`."""

    outcome: Literal["done", "allowed", "refused"]
    categories: Sequence[str]
    purpose: str
    grant: UUID | None
    because: str
    page: UUID | None
    sealed: Mapping[str, bytes] | None
    details: Mapping[str, object] | None


def record(action: str, *, actor: Party, subject: UUID | None, **facts: Unpack[Facts]) -> Event:
    """Commit one event by itself and return it: reads and refusals, before anything is opened.

    Raises RuntimeError inside a transaction, for its rollback would take the line along. Raises
    ValueError for an unknown outcome and TypeError for details that are not plain JSON.
    """
    return rows.commit([_written(action, actor, subject, **facts)])[0]


def append(action: str, *, actor: Party, subject: UUID | None, **facts: Unpack[Facts]) -> Event:
    """Write one event in the caller's transaction and return it: it happens with the change or not at all."""
    return rows.join([_written(action, actor, subject, **facts)])[0]


def record_page(action: str, *, actor: Party, subjects: Sequence[UUID], **facts: Unpack[Facts]) -> list[Event]:
    """Commit one event per patient shown on a page, in one commit, linked by the page's id (made if not given)."""
    facts["page"] = facts.get("page") or new_id(clock.now())
    return rows.commit([_written(action, actor, subject, **facts) for subject in subjects])


def append_page(action: str, *, actor: Party, subjects: Sequence[UUID], **facts: Unpack[Facts]) -> list[Event]:
    """Write one event per patient in the caller's transaction, linked by the page's id (made if not given)."""
    facts["page"] = facts.get("page") or new_id(clock.now())
    return rows.join([_written(action, actor, subject, **facts) for subject in subjects])


def _written(
    action: str,
    actor: Party,
    subject: UUID | None,
    *,
    outcome: str = "allowed",
    categories: Sequence[str] = (),
    purpose: str = "",
    grant: UUID | None = None,
    because: str = "",
    page: UUID | None = None,
    sealed: Mapping[str, bytes] | None = None,
    details: Mapping[str, object] | None = None,
) -> Written:
    """Return one event and its body, unsaved. The body repeats id, time and subject, so that its hash binds them."""
    if outcome not in OUTCOMES:
        raise ValueError(f"An outcome is one of {', '.join(OUTCOMES)}; got {outcome!r}.")
    at = clock.now()
    event_id, salt = new_id(at), secrets.token_bytes(32)
    payload = canonical(
        {
            "v": 1,
            "id": event_id,
            "time": timestamp(at),
            "subject": subject,
            "action": action,
            "actor": {
                "kind": actor.kind,
                "id": actor.id,
                "name": actor.name,
                "role": actor.role,
                "place": actor.place,
            },
            "outcome": outcome,
            "categories": list(categories),
            "purpose": purpose,
            "grant": grant,
            "because": because,
            "page": page,
            "sealed": {name: base64.b64encode(blob).decode() for name, blob in (sealed or {}).items()},
            "details": dict(details or {}),
        }
    )
    # By place: a model takes three times as long to find its fields by name.
    return Written(Event(event_id, at, subject, sha256(salt + payload).digest()), salt, payload)


def canonical(value: Mapping[str, object]) -> bytes:
    """Return compact JSON in UTF-8 with sorted keys. Ids and times become text; NaN raises ValueError."""
    if value.get("details"):
        return _json.encode(value).encode()
    # Where no fraction can be in it both write the same, and orjson takes a tenth of the time.
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATETIME, default=_plain)


def _plain(value: object) -> str:
    match value:
        case UUID():
            return str(value)
        case datetime():
            return timestamp(value)
        case date():
            return value.isoformat()
    raise TypeError(f"The log holds plain JSON; a {type(value).__name__} is not.")


# One encoder for all: `json.dumps` would make one each time.
_json = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_plain)


def timestamp(at: datetime) -> str:
    """Return a time in UTC as RFC 3339 text with microseconds: 2026-05-03T12:00:00.000000Z."""
    return at.isoformat(timespec="microseconds")[:26] + "Z"


class _Ids:
    """Makes version 7 UUIDs that never sort before one this process made earlier, even within a microsecond."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.latest = 0

    def next(self, at: datetime) -> UUID:
        micros = int(at.timestamp()) * 1_000_000 + at.microsecond
        stamp = (micros // 1000) << 12 | (micros % 1000) * 4096 // 1000
        with self.lock:
            # Beyond the two seconds `ehr.clock` forgives, time was set anew and the order with it.
            if self.latest - (2000 << 12) <= stamp <= self.latest:
                stamp = self.latest + 1
            self.latest = stamp
        number = (stamp >> 12) << 80 | 0x7 << 76 | (stamp & 0xFFF) << 64 | 0b10 << 62 | secrets.randbits(62)
        return UUID(int=number)


new_id = _Ids().next
