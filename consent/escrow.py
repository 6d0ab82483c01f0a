"""The escrow: the reader to whom a record is sealed while it has no patient, used for claims only, each use counted.

Its keyring is wrapped by the keyholder's file key. It opens against a committed, fresh event and nothing else, so
no use of it goes unseen.
"""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction

from audit import queries as audit
from consent import queries
from consent.models import EscrowUse
from ehr import clock
from ehr.accounts import keyrings
from ehr.accounts.models import Reader
from patients.models import Patient

FRESH = timedelta(minutes=2)
# What may open it, and the event that says so. Any other line about a patient, a mere look at a list, opens nothing.
OPENED_BY = {"claim": "claim.released"}


class NotReleased(Exception):
    """The escrow stays shut: the event is missing, stale, another patient's, or was used before."""


def open_escrow() -> tuple[Reader, bool]:
    """Return the escrow's reader and whether it was made just now. Its private keys exist wrapped only."""
    with transaction.atomic():
        found = Reader.objects.filter(kind=Reader.Kind.SERVICE, name=queries.ESCROW_NAME).first()
        if found:
            return found, False
        reader = Reader.objects.create(kind=Reader.Kind.SERVICE, name=queries.ESCROW_NAME)
        keyrings.create(reader, settings.KEYHOLDER_FILE_KEY)
        return reader, True


def signer():
    """Return the escrow's keyring for signing the epochs of a record whose patient is not here yet."""
    return keyrings.unlock(queries.escrow().keyring, settings.KEYHOLDER_FILE_KEY)


def release(event_id: UUID, patient: Patient, *, why: str) -> Callable[..., bytes]:
    """Return the function that opens seals made to the escrow, for one patient, against one committed event.

    Raises NotReleased. Call it inside the transaction that uses it; the use is counted there.
    """
    event = audit.find(event_id)
    if event is None or event.subject != patient.pk:
        raise NotReleased("The escrow opens only against a committed event about this patient.")
    if event.action != OPENED_BY[why] or event.outcome == "refused":
        raise NotReleased("The event does not say that the escrow opens.")
    if clock.now() - event.time > FRESH:
        raise NotReleased("The event is older than two minutes. Begin again.")
    try:
        with transaction.atomic():
            EscrowUse.objects.create(event_id=event_id, patient=patient, why=why)
    except IntegrityError as problem:
        raise NotReleased("The escrow was opened for this event before. Begin again.") from problem
    return keyrings.unlock(queries.escrow().keyring, settings.KEYHOLDER_FILE_KEY).open_seal
