"""Making, locking and unlocking keyrings. The only package of `accounts` that opens anything.

`opened` is a keyring in somebody's hands, `locked` its wraps at rest and in a session, `history` one version after
another, `shared` a team's keyring in its members' hands, `shares` the way back to lost keys, `held` what the keyholder
has, `carried` what opens by a token only.
"""

from ehr.accounts.keyrings.carried import carry, make_carried, open_carried
from ehr.accounts.keyrings.history import succeed
from ehr.accounts.keyrings.locked import (
    SESSION_KEY,
    create,
    from_session,
    to_session,
    unlock,
    unlock_by_code,
    wrap_by_code,
    wrap_by_passphrase,
)
from ehr.accounts.keyrings.opened import OpenKeyring, make
from ehr.accounts.keyrings.shared import NotOnTheLog, make_shared, open_shared, share, turn_shared, unshare
from ehr.crypto.formats import CannotOpen

__all__ = [
    "SESSION_KEY",
    "CannotOpen",
    "NotOnTheLog",
    "OpenKeyring",
    "carry",
    "create",
    "from_session",
    "make",
    "make_carried",
    "make_shared",
    "open_carried",
    "open_shared",
    "share",
    "succeed",
    "to_session",
    "turn_shared",
    "unlock",
    "unlock_by_code",
    "unshare",
    "wrap_by_code",
    "wrap_by_passphrase",
]
