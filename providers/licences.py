"""What anybody may learn about a licence."""

from datetime import datetime
from typing import NamedTuple

from ehr import clock
from providers import rules
from providers.models import Credential


class PublicCheck(NamedTuple):
    """What anybody may learn about a licence: its state, until when, and its digest on the registry. Nobody's name."""

    status: str  # valid, expired, revoked or unknown
    until: datetime | None
    digest: bytes


def public_check(issuer: str, number: str) -> PublicCheck:
    """Return what anybody may know of a licence. A licence for several roles is as good as its best one."""
    at = clock.now()
    best = PublicCheck("unknown", None, rules.licence_digest(issuer, number))
    order = ("unknown", "expired", "revoked", "valid")
    found = Credential.objects.filter(digest=best.digest).values_list("status", "expires_at", "serial")
    for status, expires, serial in found:
        state = rules.credential_state(status, expires, at)
        if order.index(state) > order.index(best.status):
            best = PublicCheck(state, expires, rules.licence_digest(issuer, number, serial))
    return best
