"""What the password column holds: the cost, the salt and a digest of the sign-in half of one Argon2id.

The other half wraps the keyring and is stored nowhere. The column is Django's to compare with and no key to anything.
"""

import hashlib
import hmac
import os

from django.conf import settings
from django.contrib.auth.hashers import BasePasswordHasher
from django.utils.translation import gettext_noop as _

from ehr.crypto import passphrases

ALGORITHM = "argon2id-halves"


def fresh_cost() -> str:
    """Return the current cost with a new salt, as `memory KiB$passes$lanes$salt in hex`."""
    costs = (settings.ARGON2_MEMORY_KIB, settings.ARGON2_PASSES, settings.ARGON2_LANES)
    return "$".join([*map(str, costs), os.urandom(passphrases.SALT_BYTES).hex()])


def stretch(passphrase: str, cost: str) -> passphrases.Stretched:
    """Return both halves of a passphrase at a cost that `fresh_cost` wrote. One Argon2id."""
    memory, passes, lanes, salt = cost.split("$")
    return passphrases.stretch(
        passphrase, bytes.fromhex(salt), memory_kib=int(memory), passes=int(passes), lanes=int(lanes)
    )


def encoded(stretched: passphrases.Stretched, cost: str) -> str:
    """Return what the password column holds."""
    return f"{ALGORITHM}${cost}${hashlib.sha256(stretched.sign_in).hexdigest()}"


def cost_of(password: str) -> str | None:
    """Return the cost a password column was made with, or None where signing in is switched off."""
    algorithm, _dollar, rest = password.partition("$")
    return rest.rpartition("$")[0] if algorithm == ALGORITHM else None


def matches(stretched: passphrases.Stretched, password: str) -> bool:
    """Tell in constant time whether a stretched passphrase is the one behind a password column."""
    known = password.rpartition("$")[2].encode()
    return hmac.compare_digest(hashlib.sha256(stretched.sign_in).hexdigest().encode(), known)


class SignInHasher(BasePasswordHasher):
    """The same, in the shape Django's password functions ask for."""

    algorithm = ALGORITHM

    def encode(self, password, salt=None):  # noqa: ARG002 - the salt is part of the cost
        cost = fresh_cost()
        return encoded(stretch(password, cost), cost)

    def decode(self, encoded):
        _algorithm, memory, passes, lanes, salt, digest = encoded.split("$")
        costs = {"memory": int(memory), "passes": int(passes), "lanes": int(lanes)}
        return {"algorithm": self.algorithm, "salt": salt, "hash": digest, **costs}

    def verify(self, password, encoded):
        cost = cost_of(encoded)
        return cost is not None and matches(stretch(password, cost), encoded)

    def safe_summary(self, encoded):
        told = self.decode(encoded)
        return {_("algorithm"): self.algorithm, _("memory cost"): told["memory"], _("time cost"): told["passes"]}

    def must_update(self, encoded):  # noqa: ARG002
        # A dearer stretch also rewraps the keyring, so `operations.sign_in` does it, with the passphrase at hand.
        return False

    def harden_runtime(self, password, encoded):
        """Nothing to even out: every stretch costs what its column says."""
