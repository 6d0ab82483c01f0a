"""Asking again who somebody is, in the middle of a session, before something grave."""

from typing import NamedTuple

from django.http import HttpRequest

from ehr.accounts import operations, second_factor
from ehr.accounts.keyrings import OpenKeyring
from ehr.frame import sessions


class NotProven(Exception):
    """It was not them, or not shown. `field` names what to type anew; the message says what did not fit."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class Proven(NamedTuple):
    """The keyring that the passphrase opened, and by what somebody has shown who they are."""

    keyring: OpenKeyring
    by: tuple[str, ...]


def prove_again(request: HttpRequest, *, passphrase: str, code: str = "") -> Proven:
    """Return how whoever is signed in has shown again that it is them: by passphrase and, where enrolled, second step.

    Every try is on the log and counts towards the limit of tries. Raises NotProven.
    """
    user, address = request.user, sessions.address(request)
    try:
        keyring = operations.unlock(user=user, passphrase=passphrase, address=address)
    except operations.Refused as refused:
        raise NotProven("passphrase", refused.message) from refused
    if user.second_factor_at is None:
        return Proven(keyring, ("passphrase",))
    try:
        second_factor.check(user=user, code=code, address=address)
    except operations.Refused as refused:
        raise NotProven("code", refused.message) from refused
    return Proven(keyring, ("passphrase", "second-factor"))
