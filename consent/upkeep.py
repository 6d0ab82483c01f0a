"""What consent leaves to be done later: parcels for the chain, and epochs that waited for the patient's keys."""

import logging
import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, QuerySet

from consent import breaking, keys, proofs, queries
from consent.models import Emergency, Ending, Grant, GrantParcel
from ehr import clock, statements
from ehr.accounts.keyrings import OpenKeyring
from ehr.chain import tokens
from patients.models import Patient

logger = logging.getLogger(__name__)


def post(grant: Grant, kind: str) -> None:
    """Put a mint or burn on its way, at a random moment, so that times on chain link nothing."""
    delay = secrets.randbelow(settings.GRANT_RELAY_DELAY_SECONDS + 1)
    due = clock.now() + timedelta(seconds=delay)
    statements.insert([GrantParcel(key=f"{kind}:{grant.pk}", kind=kind, grant=grant, payload={}, due_at=due)])


def complete(ending: Ending, *, keyring: OpenKeyring) -> None:
    """Sign a grant's burn and note that its epoch turned. Call it inside the transaction that turned it.

    Where somebody else signed for the patient there is no key left to burn with: the logged ending is what counts.
    """
    grant, at = ending.grant, keyring.past(ending.grant.patient_version_id)
    ending.epoch_turned_at = clock.now()
    if at is not None:
        signature = tokens.sign_revoke(at.grant_key(grant.pk.bytes), proofs.token_id(grant), proofs.domain(grant))
        ending.signature_r, ending.signature_vs = signature
        post(grant, GrantParcel.Kind.BURN)
    ending.save(update_fields=["signature_r", "signature_vs", "epoch_turned_at"])


def tidy(patient: Patient, *, keyring: OpenKeyring | None) -> int:
    """Do what waited for the patient's keys; return how many endings, emergencies and renewed keys were followed.

    New epochs begin for grants that ended without those keys, for emergencies that are over, for readers, people or
    teams, who have newer keys than those a grant was sealed to, and for the patient's own newer keys. Runs whenever
    the patient comes in with an unlocked keyring, and may run twice.
    """
    if keyring is None or not _waits(patient, keyring):
        return 0
    with transaction.atomic():
        Patient.objects.select_for_update().get(pk=patient.pk)
        at = clock.now()
        endings = list(_untidied(patient.pk).select_related("grant__key_version"))
        looked = list(breaking.to_relock(patient.pk, at))
        renewed = _renewed(patient, keyring)
        also = renewed.union(*(one.parts for one in looked))
        if not turn(patient, endings, keyring=keyring, also=also):
            return 0
        Emergency.objects.filter(pk__in=[one.pk for one in looked]).update(relocked_at=at)
        return len(endings) + len(looked) + len(renewed)


def _waits(patient: Patient, keyring: OpenKeyring) -> bool:
    known = {"patient": patient.pk, "reader": keyring.reader_id, "version": keyring.version_id, "at": clock.now()}
    if not _PERHAPS.rows(**known):  # most often, at each of a patient's requests
        return False
    waits = _untidied(patient.pk).exists() or breaking.to_relock(patient.pk, known["at"]).exists()
    return waits or bool(_renewed(patient, keyring))


def _perhaps(patient: UUID, reader: UUID, version: int, at: datetime) -> QuerySet[Patient, tuple]:
    """Return the patient, by id, unless nothing waits for their keys: all that `tidy` looks for, in one statement."""
    asked = (
        _untidied(patient),
        breaking.to_relock(patient, at),
        queries.closed_for_older(patient, reader, version),
        queries.perhaps_stale(patient, at),
    )
    return Patient.objects.filter(reduce(or_, map(Exists, asked)), pk=patient).values_list("pk")


_PERHAPS = statements.Statement(_perhaps)


def _untidied(patient: UUID) -> QuerySet[Ending]:
    return Ending.objects.filter(grant__patient=patient, epoch_turned_at__isnull=True)


def _renewed(patient: Patient, keyring: OpenKeyring) -> set[str]:
    """Return the parts that somebody opens by a key which is not their newest."""
    own = queries.closed_for_older(patient.pk, keyring.reader_id, keyring.version_id)
    late = queries.stale(keys.following(patient))
    return set(own.values_list("part", flat=True)).union(*(grant.categories for grant in late))


def turn(patient: Patient, endings: Sequence[Ending], *, keyring: OpenKeyring, also: Collection[str] = ()) -> bool:
    """Turn the epochs that endings left open, and those of `also`, and sign the burns; tell whether it was done.

    Where a stored key is not the one on the log, or a row is not what was signed, nothing is sealed and the epochs
    wait: what has ended stays ended, whatever else is wrong. Call it inside a transaction.
    """
    try:
        with transaction.atomic():
            keys.turn(patient, {*also, *(part for one in endings for part in one.grant.categories)}, keyring=keyring)
            for ending in endings:
                complete(ending, keyring=keyring)
    except Exception as problem:  # noqa: BLE001 -- nothing that somebody did to a row may keep a patient from stopping
        logger.error("The epochs of patient %s wait: %s", patient.pk, type(problem).__name__)
        return False
    return True
