"""The access that comes with a visit: offered when it is booked, signed by the patient, gone when it is called off.

Nobody but the patient signs, or who may share in the patient's name: a visit that the desk booked has an offer that
waits. It runs from a day before the visit to a week after it, and covers what this kind of visit needs; sensitive parts
only where they are ticked on their own.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy

from appointments.models import Appointment, Status
from appointments.rules import LIVE
from audit import log
from consent.access.acting import Acting
from consent.acting import Right
from consent.delegates import sharing
from consent.models import Ending, Grant
from consent.sharing import grants, proposing
from consent.sharing.proposing import CannotGive
from ehr.accounts.keyrings import OpenKeyring
from ehr.words import SENSITIVE, Action, Category, Purpose
from patients.models import Patient

BEFORE = timedelta(hours=24)
AFTER = timedelta(days=7)
# A time that was only proposed is no visit yet.
_OFFERED_FOR = LIVE - {Status.PROPOSED}
_NOT_ANY_MORE = gettext_lazy("This visit does not need that of the record any more. Look at the visit again.")


@dataclass(frozen=True)
class Offered:
    """What a visit needs of the record, and for how long: for a form, before any sentence."""

    ordinary: tuple[Category, ...]
    sensitive: tuple[Category, ...]
    starts: datetime
    ends: datetime


def standing(appointment: Appointment) -> Grant | None:
    """Return the permission that came with a visit, where it stands."""
    if appointment.grant_id is None or Ending.objects.filter(grant=appointment.grant_id).exists():
        return None
    return appointment.grant


def offered(appointment: Appointment, at: datetime) -> Offered | None:
    """Return what may be let in for a visit; None where it needs nothing, is over, or its permission stands."""
    ends = appointment.ends + AFTER
    if appointment.status not in _OFFERED_FOR or ends <= at or standing(appointment):
        return None
    needs = [part for part in Category if part in appointment.visit_type.needs]
    if not needs:
        return None
    return Offered(
        ordinary=tuple(part for part in needs if part not in SENSITIVE),
        sensitive=tuple(part for part in needs if part in SENSITIVE),
        starts=max(at, appointment.starts - BEFORE).replace(second=0, microsecond=0),
        ends=ends,
    )


def proposal(appointment: Appointment, categories: Iterable[str], *, at: datetime) -> Grant:
    """Return the unsigned permission with its one sentence. Raises CannotGive, also for parts the visit needs not."""
    terms = _terms(appointment, categories, offered(appointment, at))
    return proposing.propose(appointment.patient, purpose=Purpose.TREAT, **terms)


def _terms(appointment: Appointment, categories: Iterable[str], found: Offered | None) -> dict[str, Any]:
    chosen = set(categories)
    if found is None or not chosen <= {*found.ordinary, *found.sensitive}:
        raise CannotGive(_NOT_ANY_MORE)
    return {
        "reader": appointment.timetable.clinician.user,
        "categories": chosen,
        "actions": (Action.READ,),
        "starts": found.starts,
        "ends": found.ends,
    }


def give(
    appointment: Appointment,
    categories: Iterable[str],
    *,
    keyring: OpenKeyring | None,
    once: uuid.UUID,
    sentence: str,
    at: datetime,
) -> Grant:
    """Sign the permission for a visit with the patient's keys. The same `once` sent twice signs once.

    `at` is the moment the sentence was read, for it names when access begins. Raises CannotGive, KeysLocked.
    """
    with transaction.atomic():
        Patient.objects.select_for_update().get(pk=appointment.patient_id)
        visit = Appointment.objects.select_related(
            "patient__user", "visit_type", "timetable__clinician__user", "grant"
        ).get(pk=appointment.pk)
        if visit.grant_id == once:
            return visit.grant
        terms = _terms(visit, categories, offered(visit, at))
        made = grants.give(visit.patient, keyring=keyring, once=once, sentence=sentence, purpose=Purpose.TREAT, **terms)
        visit.grant = made
        visit.save(update_fields=["grant"])
    return made


# --- In the patient's name -----------------------------------------------------------------------
def offered_by(acting: Acting, appointment: Appointment, at: datetime) -> Offered | None:
    """Return what somebody who acts for the patient may let in for a visit: parts that were named for them to share."""
    found = offered(appointment, at)
    if found is None or Right.SHARE not in acting.rights or found.starts >= acting.ends:
        return None
    theirs = set(acting.categories)
    ordinary, sensitive = (tuple(part for part in one if part in theirs) for one in (found.ordinary, found.sensitive))
    # Never before they acted, nor after.
    starts, ends = max(found.starts, acting.delegation.starts), min(found.ends, acting.ends)
    return Offered(ordinary, sensitive, starts, ends) if ordinary or sensitive else None


def proposal_by(acting: Acting, appointment: Appointment, categories: Iterable[str], *, at: datetime) -> Grant:
    """Return the unsigned permission that a delegate would give, with its one sentence. Raises CannotGive."""
    return sharing.propose(acting, **_terms(appointment, categories, offered_by(acting, appointment, at)))


def give_by(
    acting: Acting,
    appointment: Appointment,
    categories: Iterable[str],
    *,
    keyring: OpenKeyring | None,
    once: uuid.UUID,
    sentence: str,
    at: datetime,
) -> Grant:
    """Sign the permission for a visit with a delegate's own keys, sealed from what they hold. The patient hears of it.

    Call it outside a transaction: a refusal outlives its exception. The same `once` signs once. Raises CannotGive,
    KeysLocked, AccessDenied.
    """
    terms = _terms(appointment, categories, offered_by(acting, appointment, at))
    made = sharing.give(acting, keyring=keyring, once=once, sentence=sentence, **terms)
    with transaction.atomic():
        Patient.objects.select_for_update().get(pk=appointment.patient_id)
        visit = Appointment.objects.select_related("visit_type", "grant").get(pk=appointment.pk)
        if visit.grant_id == made.pk:
            return made
        if offered(visit, at):
            visit.grant = made
            visit.save(update_fields=["grant"])
            return made
        # Called off, or let in by the patient, since it was read.
        grants.end(made, keyring=None, cause=Ending.Cause.VISIT, by=log.SYSTEM)
    raise CannotGive(_NOT_ANY_MORE)


def on_cancelled(appointment: Appointment) -> None:
    """End what came with a visit that is not to be. Call it in the transaction that calls the visit off."""
    if found := standing(appointment):
        grants.end(found, keyring=None, cause=Ending.Cause.VISIT, by=log.SYSTEM)
