"""What stands about licences and accreditations on the public registry. Hashes and dates; nobody's name."""

import hashlib
from datetime import datetime
from uuid import UUID

from ehr.chain import transactions

CONTRACT = "ProviderRegistry"


def _once(event_id: UUID, credential: bytes) -> bytes:
    """Return what makes this transaction itself: the logged event it follows, and what it is about."""
    return hashlib.sha256(b"provider-registry" + event_id.bytes + credential).digest()


def attest(credential: bytes, until: datetime, *, event_id: UUID) -> None:
    """Queue, in the caller's transaction, that a credential (32 bytes) is good until a moment."""
    transactions.queue(
        _once(event_id, credential), contract=CONTRACT, method="attest", args=[credential, int(until.timestamp())]
    )


def withdraw(credential: bytes, *, event_id: UUID) -> None:
    """Queue, in the caller's transaction, that a credential is good no longer. The registry never takes that back."""
    transactions.queue(_once(event_id, credential), contract=CONTRACT, method="revoke", args=[credential])
