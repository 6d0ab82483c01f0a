"""The access that comes with a visit: offered when it is booked, signed by the patient, gone when it is called off.

Nobody but the patient signs: a visit that the desk booked has an offer that waits. It runs from a day before the visit
to a week after it, and covers what this kind of visit needs; sensitive parts only where they are ticked on their own.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from appointments.models import Appointment, Status
from appointments.rules import LIVE
from audit import log
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
    return proposing.propose(appointment.patient, **_terms(appointment, categories, at))


def _terms(appointment: Appointment, categories: Iterable[str], at: datetime) -> dict[str, object]:
    found = offered(appointment, at)
    chosen = set(categories)
    if found is None or not chosen <= {*found.ordinary, *found.sensitive}:
        raise CannotGive(_("This visit does not need that of your record any more. Look at the visit again."))
    return {
        "reader": appointment.timetable.clinician.user,
        "categories": chosen,
        "actions": (Action.READ,),
        "purpose": Purpose.TREAT,
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
        terms = _terms(visit, categories, at)
        made = grants.give(visit.patient, keyring=keyring, once=once, sentence=sentence, **terms)
        visit.grant = made
        visit.save(update_fields=["grant"])
    return made


def on_cancelled(appointment: Appointment) -> None:
    """End what came with a visit that is not to be. Call it in the transaction that calls the visit off."""
    if found := standing(appointment):
        grants.end(found, keyring=None, cause=Ending.Cause.VISIT, by=log.SYSTEM)
