"""The three readers whose keyrings the keyholder holds, and what wraps these: a key in a file, or one in a token."""

import threading

from django.conf import settings
from django.db import transaction

from consent import queries
from consent.keyholder.token import Token
from ehr.accounts.keyrings import OpenKeyring
from ehr.accounts.keyrings.held import FileKey, Wrapping, create_held, open_held
from ehr.accounts.models import Reader

# To whom messages of other systems are sealed that could not be taken in. It opens no record.
REPAIR_NAME = "Repair desk"
NAMES = (queries.ESCROW_NAME, queries.CUSTODIAN_NAME, REPAIR_NAME)
# Without these the keyholder is of no use.
VITAL = frozenset({queries.ESCROW_NAME, queries.CUSTODIAN_NAME})
_making = threading.Lock()


class NotHeld(RuntimeError):
    """This process holds no key; the message says what to set."""

    for_operators = True


def wrapping() -> Wrapping:
    """Return what closes and opens the keyrings. Raises NotHeld, and `token.TokenAway` where it cannot be reached."""
    if settings.KEYHOLDER_PKCS11_MODULE:
        return Token(
            module=settings.KEYHOLDER_PKCS11_MODULE,
            token=settings.KEYHOLDER_PKCS11_TOKEN,
            key=settings.KEYHOLDER_PKCS11_KEY,
            pin=settings.KEYHOLDER_PKCS11_PIN,
        )
    if settings.KEYHOLDER_FILE_KEY:
        return FileKey(settings.KEYHOLDER_FILE_KEY)
    raise NotHeld("This program holds no key. Set KEYHOLDER_PKCS11_MODULE, or KEYHOLDER_FILE_KEY, for it alone.")


def open_all() -> list[str]:
    """Make the keyrings that do not exist yet, and return whose they were."""
    with _making, transaction.atomic():
        known = set(Reader.objects.filter(kind=Reader.Kind.SERVICE, name__in=NAMES).values_list("name", flat=True))
        missing = [name for name in NAMES if name not in known]
        if not missing:
            return []
        wrap = wrapping()
        if isinstance(wrap, Token) and not known:
            wrap.make_key()
        for name in missing:
            create_held(Reader.objects.create(kind=Reader.Kind.SERVICE, name=name), wrap)
        return missing


def escrow_keyring() -> OpenKeyring:
    """Return the escrow's keyring, for the length of one request. Raises CannotOpen where another key wrapped it."""
    return open_held(queries.escrow().keyring, wrapping())


def custodian_keyring() -> OpenKeyring:
    """Return the recovery custodian's keyring, for the length of one request. Raises as `escrow_keyring`."""
    return open_held(queries.custodian().keyring, wrapping())


def repair() -> Reader:
    """Return the reader to whom broken messages are sealed. Raises NotSetUp before it is made."""
    found = Reader.objects.filter(kind=Reader.Kind.SERVICE, name=REPAIR_NAME).select_related("keyring__version").first()
    if found is None:
        raise queries.NotSetUp("There is no key for broken messages yet. Run “manage.py open_escrow” once more.")
    return found


def repair_keyring() -> OpenKeyring:
    """Return the keyring that opens broken messages, for the length of one request. Raises as `escrow_keyring`."""
    return open_held(repair().keyring, wrapping())
