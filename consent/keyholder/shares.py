"""The way back when the wrap key is lost: three officers' shares, of which two rebuild.

What is shared is a secret of its own, under which the same keyrings are wrapped a second time. So a key in a token is
never taken out of it, and splitting anew makes the shares before worthless. SLIP-39 (Shamir's scheme over GF(256),
words with a checksum), by its reference implementation.
"""

import os

from django.db import transaction
from shamir_mnemonic import MnemonicError, combine_mnemonics, generate_mnemonics

from audit import log
from consent.keyholder import readers
from ehr.accounts.keyrings import CannotOpen, unlock_by_code, wrap_by_code
from ehr.accounts.keyrings.held import open_held, wrap_held
from ehr.accounts.models import Keyring, Reader

OFFICERS, NEEDED = 3, 2
_SECRET_BYTES = 32


class NotRebuilt(Exception):
    """The shares do not rebuild anything; the message says why, as far as can be told."""


@transaction.atomic
def split() -> list[str]:
    """Return three shares of 33 words, each for one officer and kept nowhere here. Any two rebuild.

    Those made before rebuild nothing from now on. Raises NotHeld, TokenAway and CannotOpen as opening keyrings does.
    """
    secret, wrap = os.urandom(_SECRET_BYTES), readers.wrapping()
    for stored in _stored():
        wrap_by_code(stored, open_held(stored, wrap), secret.hex())
    log.append("escrow.split", actor=log.SYSTEM, subject=None, outcome="done")
    return generate_mnemonics(group_threshold=1, groups=[(NEEDED, OFFICERS)], master_secret=secret)[0]


@transaction.atomic
def rebuild(shares: list[str]) -> int:
    """Wrap the keyrings under what this process holds now, from two officers' shares; return how many there were.

    Raises NotRebuilt for shares that are too few, mistyped, or older than the last split.
    """
    try:
        secret = combine_mnemonics([" ".join(share.lower().split()) for share in shares])
    except MnemonicError as problem:
        raise NotRebuilt(f"These shares rebuild nothing. {problem}") from problem
    wrap = readers.wrapping()
    if isinstance(wrap, readers.Token):
        wrap.make_key()
    # A keyring made since the last split has no second wrap: it never keeps the escrow's from coming back.
    held = [one for one in _stored() if one.by_recovery_code is not None or one.reader.name in readers.VITAL]
    for stored in held:
        try:
            keyring = unlock_by_code(stored, secret.hex())
        except CannotOpen as problem:
            raise NotRebuilt("These shares were made before the last split. Ask for the newer ones.") from problem
        wrap_held(stored, keyring, wrap)
    log.append("escrow.rebuilt", actor=log.SYSTEM, subject=None, outcome="done")
    return len(held)


def _stored() -> list[Keyring]:
    named = Keyring.objects.filter(reader__kind=Reader.Kind.SERVICE, reader__name__in=readers.NAMES)
    held = list(named.select_for_update(of=("self",)).select_related("version", "reader").order_by("pk"))
    if not {one.reader.name for one in held} >= readers.VITAL:
        raise NotRebuilt("The escrow is not open yet. Run “manage.py open_escrow” once.")
    return held
