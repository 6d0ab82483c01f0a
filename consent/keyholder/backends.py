"""The keyrings of services that read: each opens for a statement that the very service signed, and for nothing else.

Which keys speak for a service is bound into what wraps its keyring: where somebody writes other ones into the database,
it opens no more. So whoever has this program's ear, or the database, opens nothing while the service itself is silent.
Source: SMART App Launch 2.2, "Client Authentication: Asymmetric"; RFC 7523.
"""

import json
from datetime import datetime, timedelta
from hashlib import sha256
from typing import NamedTuple, Self
from uuid import UUID

from django.db import transaction
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from consent.keyholder import readers
from consent.keyholder.releases import Refused, one_at_a_time, proven, tell, telling
from ehr import clock
from ehr.accounts.keyrings import CannotOpen
from ehr.accounts.keyrings.held import create_held, handed_on, open_held
from ehr.accounts.models import Keyring, Reader
from ehr.crypto.digests import joined

OPENED_BY = "service.admitted"
ALGORITHMS = ("RS384", "ES384")
LONGEST_SECONDS = 300
LEEWAY_SECONDS = 30
MOST_PER_HOUR = 120  # of one service
# Statements that were shown here within the hour, when and by whom; nothing of this is in the database.
_shown: dict[bytes, tuple[datetime, UUID]] = {}


class Registered(NamedTuple):
    """What a service was registered with: its name, where its statements are for, and its public keys as JSON."""

    client: str
    audience: str
    jwks: str

    @property
    def bound(self) -> bytes:
        """What its keyring is bound to, 32 bytes."""
        return sha256(joined(b"service/v1", *(one.encode() for one in self))).digest()

    @classmethod
    def read(cls, told: object) -> Self:
        """Return what a message carries. Raises ValueError."""
        if not isinstance(told, list) or len(told) != len(cls._fields) or not all(isinstance(one, str) for one in told):
            raise ValueError("A service is registered with three texts.")
        return cls(*told)


def begin(reader_id: UUID, registered: Registered) -> None:
    """Make a service's keyring, bound to the keys it signs with. Raises Refused where it has one, or is none.

    Nothing is sealed to it yet, so whoever asks gains nothing by it.
    """
    with one_at_a_time, transaction.atomic(durable=True):
        reader = Reader.objects.filter(pk=reader_id, kind=Reader.Kind.SERVICE).first()
        if reader is None or reader.name in readers.NAMES:
            raise Refused("other-reader")
        if Keyring.objects.filter(reader=reader).exists():
            raise Refused("used")
        create_held(reader, readers.wrapping(), bound=registered.bound)


def admit(event_id: UUID, reader_id: UUID, registered: Registered, statement: str, *, to: bytes) -> bytes:
    """Return a service's keyring, sealed to the public key that the event names. Raises Refused.

    The event must be committed, whole, fresh and name reader, key and statement; the statement must be the service's
    own, for this server, of these minutes, and shown for the first time.
    """
    with telling(event_id, None, "service"), one_at_a_time, transaction.atomic(durable=True):
        event = proven(event_id, to=to)
        if event.action != OPENED_BY or event.outcome == "refused":
            raise Refused("other-action")
        digest = sha256(statement.encode())
        if event.details.get("reader") != str(reader_id) or event.details.get("statement") != digest.hexdigest():
            raise Refused("other-reader")
        _require_signed(registered, statement)
        stored = Keyring.objects.select_related("version", "reader").filter(reader=reader_id).first()
        if stored is None or stored.reader.kind != Reader.Kind.SERVICE or stored.reader.name in readers.NAMES:
            raise Refused("other-reader")
        try:
            keyring = open_held(stored, readers.wrapping(), bound=registered.bound)
        except CannotOpen as problem:
            raise Refused("nothing-sealed") from problem
        _require_first_time(digest.digest(), reader_id)
        tell("service.released", event_id, None, "service", outcome="done")
        return handed_on(keyring, to, info=handed_info(event_id, reader_id))


def handed_info(event_id: UUID, reader_id: UUID) -> bytes:
    """Return what a keyring that is handed out is bound to: the event that opened it, and whose it is."""
    return joined(b"service-handed/v1", event_id.bytes, reader_id.bytes)


def _require_signed(registered: Registered, statement: str) -> None:
    """Raise Refused unless a statement is signed by one of the service's keys, for this server, and lives minutes."""
    now = int(clock.now().timestamp())
    try:
        token = jwt.decode(statement, KeySet.import_key_set(json.loads(registered.jwks)), algorithms=list(ALGORITHMS))
        jwt.JWTClaimsRegistry(
            now=now,
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": registered.client},
            sub={"essential": True, "value": registered.client},
            aud={"essential": True, "value": registered.audience},
            exp={"essential": True},
        ).validate(token.claims)
    except (JoseError, ValueError, KeyError, TypeError) as problem:
        raise Refused("not-signed") from problem
    if token.claims["exp"] - now > LONGEST_SECONDS + LEEWAY_SECONDS:
        raise Refused("not-signed")


def _require_first_time(digest: bytes, reader_id: UUID) -> None:
    """Raise Refused for a statement that this process saw before, or where a service showed as many as it may."""
    now = clock.now()
    for old in [one for one, (at, _reader) in _shown.items() if at <= now - timedelta(hours=1)]:
        del _shown[old]
    if digest in _shown:
        raise Refused("used")
    if sum(reader == reader_id for _at, reader in _shown.values()) >= MOST_PER_HOUR:
        raise Refused("too-many")
    _shown[digest] = (now, reader_id)
