"""Joining a study and withdrawing: a permission like any other, to the study's reader, for research and nothing else.

What it opens, it opens for a run of the study alone: the study's private key is the keyholder's. Only patients
themselves join, with their own keys; nobody who acts for them does.
"""

import secrets
import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import sha256

from django.conf import settings
from django.db import connection, transaction
from django.utils.translation import gettext as _

from audit import log
from consent import queries as consent
from consent.access import KeysLocked, own_party
from consent.models import Ending, Grant
from consent.sharing import grants
from consent.sharing.grants import LONGEST, CannotGive
from ehr import clock
from ehr.accounts.keyrings import OpenKeyring
from ehr.chain import studies as chain
from ehr.crypto.digests import joined
from ehr.notices import operations as notices
from ehr.words import Action, Category, Purpose
from patients.models import Patient
from research.models import Joining, JoiningParcel, Study
from research.words import Act

__all__ = ["CannotGive", "KeysLocked", "end_of", "join", "proposed", "withdraw"]

BATCH = 100


def end_of(study: Study) -> datetime:
    """Return until when somebody who joins now takes part at most: the study's end, and never over two years."""
    return min(study.ends, clock.now() + LONGEST)


def proposed(patient: Patient, study: Study, *, categories: Iterable[str], until: datetime | None = None) -> Grant:
    """Return the unsaved permission with the sentence that a patient is to confirm. Raises CannotGive."""
    chosen = tuple(categories)
    _check(study, chosen, until)
    return grants.propose(patient, **_terms(study, chosen, until))


def join(
    patient: Patient,
    study: Study,
    *,
    keyring: OpenKeyring | None,
    categories: Iterable[str],
    until: datetime | None = None,
    once: uuid.UUID | None = None,
    sentence: str | None = None,
) -> Joining:
    """Take part in a study with parts of one's record, signed with one's own keys. It begins now.

    Without `until` it lasts as long as the study, two years at most. The same `once` again returns what was made
    first; `sentence` is what the patient read. Raises CannotGive where it is not open, asks for less than what is
    given, or is joined already; KeysLocked.
    """
    chosen = tuple(categories)
    with transaction.atomic():
        Patient.objects.select_for_update().get(pk=patient.pk)
        if once and (made := Joining.objects.filter(patient=patient, grant=once).first()):
            return made
        study = Study.objects.select_for_update(of=("self",)).select_related("reader").get(pk=study.pk)
        _check(study, chosen, until)
        _settle(patient, study)
        if Joining.objects.filter(patient=patient, study=study, withdrawn_at__isnull=True).exists():
            raise CannotGive(_("You take part in this study already. To change your choice, withdraw and join anew."))
        terms = _terms(study, chosen, until)
        grant = grants.give(patient, keyring=keyring, once=once, sentence=sentence, **terms)
        joining = Joining(
            study=study,
            patient=patient,
            grant=grant,
            categories=grant.categories,
            since=grant.starts,
            until=grant.ends,
            salt=secrets.token_bytes(32),
        )
        joining.commitment = commitment(joining)
        joining.save(force_insert=True)
        _log(Act.JOINED, joining, own_party(patient))
        _post(joining, JoiningParcel.Kind.JOIN)
    return joining


def withdraw(joining: Joining, *, keyring: OpenKeyring | None) -> Joining:
    """Take part no longer, from now on; twice is once. It needs no open keyring, as no stop does.

    The next run finds nothing that opens. What left before stays counted and paid; whoever holds it is told.
    """
    with transaction.atomic():
        patient = Patient.objects.select_for_update().get(pk=joining.patient_id)
        joining = Joining.objects.select_related("grant", "study__reader").get(pk=joining.pk)
        if joining.withdrawn_at is None:
            grants.end(joining.grant, keyring=keyring, by=own_party(patient))
            _close(joining, own_party(patient))
    return joining


def commitment(joining: Joining) -> bytes:
    """Return 32 bytes that fix who joined which study under which permission, and tell nothing without the salt."""
    parts = [joining.pk.bytes, joining.study_id.bytes, joining.patient_id.bytes, joining.grant_id.bytes]
    return sha256(joined(b"joining/v1", bytes(joining.salt), *parts)).digest()


# --- What workers do -----------------------------------------------------------------------------
def follow(limit: int = 200) -> int:
    """Note who is out because their permission ended elsewhere, or the study closed; return how many. May run twice."""
    at, count = clock.now(), 0
    out = Joining.objects.filter(withdrawn_at__isnull=True)
    ended = out.filter(grant__ending__isnull=False)
    closed = out.filter(study__state=Study.State.CLOSED)
    for joining in [*ended[:limit], *closed[:limit]]:
        with transaction.atomic():
            Patient.objects.select_for_update().get(pk=joining.patient_id)
            row = Joining.objects.select_related("grant", "study__reader").get(pk=joining.pk)
            if row.withdrawn_at is None and (row.grant.ends > at or hasattr(row.grant, "ending")):
                grants.end(row.grant, keyring=None, cause=Ending.Cause.WITHDRAWN, by=log.SYSTEM)
                _close(row, log.SYSTEM)
                _tell(row)
                count += 1
    return count


def relay() -> int:
    """Put due commitments, and ends of them, into transactions, a batch each; return how many parcels went."""
    return sum(_relay(kind) for kind in JoiningParcel.Kind)


def _relay(kind: str) -> int:
    with transaction.atomic():
        skip = connection.features.has_select_for_update_skip_locked
        due = JoiningParcel.objects.filter(kind=kind, delivered_at__isnull=True, due_at__lte=clock.now())
        held = due.select_for_update(skip_locked=skip, of=("self",)).select_related("joining")
        parcels = list(held.order_by("due_at")[:BATCH])
        if not parcels:
            return 0
        # By the commitments themselves, so that their order tells nothing about when they were made.
        told = sorted(bytes(parcel.joining.commitment) for parcel in parcels)
        (chain.join if kind == JoiningParcel.Kind.JOIN else chain.withdraw)(told)
        rows = JoiningParcel.objects.filter(pk__in=[parcel.pk for parcel in parcels])
        return rows.update(delivered_at=clock.now())


# --- Inside --------------------------------------------------------------------------------------
def _check(study: Study, categories: tuple[str, ...], until: datetime | None) -> None:
    if not study.is_open or study.reader is None:
        raise CannotGive(_("Nobody joins this study at the moment. Look at the list for others."))
    if not set(categories) <= set(study.categories):
        raise CannotGive(_("The study did not ask for one of these parts, so it is not given. Choose again."))
    if until is not None and until > study.ends:
        raise CannotGive(_("Choose an end that is not later than the study’s own."))


def _terms(study: Study, categories: tuple[str, ...], until: datetime | None) -> dict:
    return {
        "reader": study.reader,
        "categories": tuple(part for part in Category if part in set(categories)),
        "actions": (Action.READ,),
        "purpose": Purpose.HRESCH,
        "starts": clock.now(),
        "ends": until or end_of(study),
    }


def _settle(patient: Patient, study: Study) -> None:
    """Close what is over by itself, or was stopped elsewhere, so that somebody may join anew."""
    at = clock.now()
    rows = Joining.objects.filter(patient=patient, study=study, withdrawn_at__isnull=True)
    for one in rows.select_related("grant__ending", "study__reader"):
        if hasattr(one.grant, "ending") or one.until <= at:
            _close(one, log.SYSTEM)


def _close(joining: Joining, by: log.Party) -> None:
    ending = Ending.objects.filter(grant=joining.grant_id).first()
    joining.withdrawn_at = ending.at if ending else joining.until
    joining.save(update_fields=["withdrawn_at"])
    _log(Act.WITHDRAWN, joining, by)
    _post(joining, JoiningParcel.Kind.WITHDRAW)


def _tell(joining: Joining) -> None:
    """Tell a patient that a study they took part in is over before its time; of their own stop they know."""
    if joining.study.state == Study.State.CLOSED:
        for one in consent.whom_to_tell(joining.patient):
            notices.notify(one, "study-over", about=joining.pk, key=f"study-over:{joining.pk}:{one.pk}")


def _log(act: Act, joining: Joining, by: log.Party) -> None:
    details = {
        "reader": str(joining.study.reader_id),
        "reader_name": joining.study.title,
        "study": str(joining.study_id),
        "joining": str(joining.pk),
        "commitment": bytes(joining.commitment).hex(),
    }
    log.append(
        str(act),
        actor=by,
        subject=joining.patient_id,
        outcome="done",
        categories=joining.categories,
        purpose=Purpose.HRESCH,
        grant=joining.grant_id,
        details=details,
    )


def _post(joining: Joining, kind: str) -> None:
    delay = secrets.randbelow(settings.GRANT_RELAY_DELAY_SECONDS + 1)
    due = clock.now() + timedelta(seconds=delay)
    JoiningParcel.objects.get_or_create(
        key=f"{kind}:{joining.pk}", defaults={"kind": kind, "joining": joining, "payload": {}, "due_at": due}
    )
