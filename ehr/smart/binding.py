"""What a code or token stands for is bound to it: a row that was changed opens nothing, and counts for nothing.

The keyring that goes along is encrypted under a key made from the code or token and from what the row says: whose it
is, for which app, record, parts and scopes, and until when. Where no keyring goes along, a digest under the same key
stands in its place. Only who holds the code or token can make either.
"""

import hmac
from datetime import UTC, datetime

from ehr.accounts import keyrings
from ehr.accounts.keyrings import CannotOpen, OpenKeyring
from ehr.crypto import digests, passphrases
from ehr.smart.models import Authorization, Code, Token


def put_away(
    authorization: Authorization, keyring: OpenKeyring | None, secret: str, scope: str, ends: datetime
) -> bytes:
    """Return what a row keeps beside the digest of a secret: the keyring, or where none goes along a digest."""
    about = _about(authorization, scope, ends)
    return keyrings.carry(keyring, secret, about) if keyring else _mark(secret, about)


def terms(authorization: Authorization) -> bytes:
    """Return what a keyring is bound to that goes along with no code or token: all that an authorization's row says."""
    return _about(authorization, authorization.scope, authorization.ends_at)


def opened(row: Code | Token, secret: str) -> OpenKeyring | None:
    """Return the keyring that goes along, None where none does. Raises CannotOpen for a row that was changed."""
    authorization = row.authorization
    scope = row.scope if isinstance(row, Token) else authorization.scope
    about = _about(authorization, scope, row.expires_at)
    if authorization.version is not None:
        return keyrings.open_carried(authorization.version, bytes(row.keys), secret, about)
    if not hmac.compare_digest(bytes(row.keys), _mark(secret, about)):
        raise CannotOpen("This row does not say what its token was made for.")
    return None


def holds(row: Code | Token, secret: str) -> bool:
    """Tell whether a row says what its code or token was made for."""
    try:
        opened(row, secret)
    except CannotOpen:
        return False
    return True


def _mark(secret: str, about: bytes) -> bytes:
    return passphrases.derive(secret.encode(), "token-without-keys", about)


def _about(authorization: Authorization, scope: str, ends: datetime) -> bytes:
    said = (
        authorization.pk,
        authorization.kind,
        authorization.app_id,
        authorization.user_id,
        authorization.patient_id,
        authorization.grant_id,
        authorization.version_id,
        authorization.session_epoch,
        authorization.scope,
        " ".join(sorted(map(str, authorization.categories))),
        _moment(authorization.ends_at),
        scope,
        _moment(ends),
    )
    return digests.joined(b"smart row v1", *(str(one).encode() for one in said))


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")
