"""What consent leaves to be done later: parcels for the chain, and epochs that waited for the patient's keys."""

import logging
import secrets
from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.db import transaction

from consent import keys, proofs
from consent.models import Ending, Grant, GrantParcel
from ehr import clock
from ehr.accounts.keyrings import OpenKeyring
from ehr.chain import tokens
from patients.models import Patient

logger = logging.getLogger(__name__)


def post(grant: Grant, kind: str) -> None:
    """Put a mint or burn on its way, at a random moment, so that times on chain link nothing."""
    delay = secrets.randbelow(settings.GRANT_RELAY_DELAY_SECONDS + 1)
    GrantParcel.objects.create(
        key=f"{kind}:{grant.pk}", kind=kind, grant=grant, payload={}, due_at=clock.now() + timedelta(seconds=delay)
    )


def complete(ending: Ending, *, keyring: OpenKeyring) -> None:
    """Sign a grant's burn and note that its epoch turned. Call it inside the transaction that turned it."""
    grant = ending.grant
    signature = tokens.sign_revoke(keyring.grant_key(grant.pk.bytes), proofs.token_id(grant), proofs.domain(grant))
    ending.signature_r, ending.signature_vs = signature
    ending.epoch_turned_at = clock.now()
    ending.save(update_fields=["signature_r", "signature_vs", "epoch_turned_at"])
    post(grant, GrantParcel.Kind.BURN)


def tidy(patient: Patient, *, keyring: OpenKeyring | None) -> int:
    """Do what waited for the patient's keys: turn the epochs of grants that ended without them; return how many.

    Runs whenever the patient comes in with an unlocked keyring, and may run twice.
    """
    waiting = Ending.objects.filter(grant__patient=patient, epoch_turned_at__isnull=True)
    if keyring is None or not waiting.exists():
        return 0
    with transaction.atomic():
        Patient.objects.select_for_update().get(pk=patient.pk)
        endings = list(waiting.select_related("grant__key_version"))
        return len(endings) if turn(patient, endings, keyring=keyring) else 0


def turn(patient: Patient, endings: Sequence[Ending], *, keyring: OpenKeyring) -> bool:
    """Turn the epochs that endings left open and sign their burns; tell whether it was done.

    Where a stored key is not the one on the log, or a row is not what was signed, nothing is sealed and the epochs
    wait: what has ended stays ended, whatever else is wrong. Call it inside a transaction.
    """
    try:
        with transaction.atomic():
            keys.turn(patient, {part for one in endings for part in one.grant.categories}, keyring=keyring)
            for ending in endings:
                complete(ending, keyring=keyring)
    except Exception as problem:  # noqa: BLE001 -- nothing that somebody did to a row may keep a patient from stopping
        logger.error("The epochs of patient %s wait: %s", patient.pk, type(problem).__name__)
        return False
    return True
