"""Signed heads as text: C2SP signed notes, tlog-checkpoint with two extension lines. Reading is `audit.verify`'s."""

from datetime import datetime

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from audit import checks, verify
from audit.log import timestamp
from ehr.crypto import signing


def public_key() -> str:
    """Return the log's public key as C2SP writes it, NAME+ID+KEY: what people compare and verifiers take."""
    origin, public = settings.LOG_ORIGIN, signing.public_of(settings.LOG_SIGNING_KEY)
    return f"{origin}+{verify.key_id(origin, public).hex()}+{verify.b64(bytes([1]) + public)}"


def sign(*, size: int, root: bytes, map_root: bytes, at: datetime) -> str:
    """Return the signed head of a log of `size` leaves. Raises ImproperlyConfigured under a name nobody could read."""
    if problems := checks.log_origin():
        raise ImproperlyConfigured(f"{problems[0].msg} {problems[0].hint}")
    origin, key = settings.LOG_ORIGIN, settings.LOG_SIGNING_KEY
    body = (
        f"{origin}\n{size}\n{verify.b64(root)}\n"
        f"chartseal-map/1 {verify.b64(map_root)}\n"
        f"chartseal-time/1 {timestamp(at)}\n"
    )
    mark = verify.key_id(origin, signing.public_of(key))
    return f"{body}\n— {origin} {verify.b64(mark + signing.sign(key, body.encode()))}\n"


def read(note: str) -> verify.Checkpoint:
    """Return what a note says. Raises verify.Refused unless this log's key signed it."""
    return verify.Checkpoint(note, public_key())
