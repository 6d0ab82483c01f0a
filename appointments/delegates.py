"""Visits as who acts for a patient sees them. That they looked is on the patient's list before anything is read.

By safety mode the visits that a patient keeps from them are nowhere here, as if they had never been booked. A visit of
theirs that somebody else moved then stands as what it also is: cancelled.
"""

from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from appointments import lists
from appointments.models import Appointment, Status
from appointments.refusals import NotTheirs
from appointments.rules import LIVE
from appointments.standing import sees_own_only
from audit import log
from consent.access.acting import Acting, delegate_party, told_of
from consent.acting import Right
from ehr.words import Purpose


def look(acting: Acting) -> QuerySet[Appointment]:
    """Return the visits that somebody who acts for a patient sees, once it is on the list that they look.

    Call it outside a transaction. Raises NotTheirs for whom the right was not given.
    """
    if Right.APPOINTMENTS not in acting.rights:
        raise NotTheirs(_("There is no such visit among yours."), because="not-theirs")
    log.record(
        "appointment.read-for",
        actor=delegate_party(acting.delegate),
        subject=acting.patient.pk,
        purpose=Purpose.PATRQT,
        because=acting.delegation.basis,
        details=told_of(acting.delegation),
    )
    return _seen(acting)


def _seen(acting: Acting) -> QuerySet[Appointment]:
    rows = Appointment.objects.filter(patient=acting.patient).select_related(*lists.FULL)
    return rows.filter(booked_by=acting.delegate) if sees_own_only(acting) else rows


def upcoming(rows: QuerySet[Appointment], at: datetime) -> QuerySet[Appointment]:
    """Return those of the visits looked at that are not over, soonest first."""
    return rows.filter(status__in=LIVE, ends__gt=at - timedelta(hours=12)).order_by("starts", "pk")


def past(rows: QuerySet[Appointment], at: datetime) -> QuerySet[Appointment]:
    """Return all others, the latest first. What was moved stands where it was moved to, where that is seen, too."""
    over = rows.exclude(status__in=LIVE, ends__gt=at - timedelta(hours=12)).exclude(status=Status.MISTAKE)
    seen = rows.filter(moved_from__isnull=False).select_related(None).values("moved_from")
    return over.exclude(pk__in=seen).order_by("-starts", "pk")


def one_of(acting: Acting, appointment: UUID) -> Appointment | None:
    """Return one of these visits, looked at, or None."""
    return look(acting).filter(pk=appointment).first()
