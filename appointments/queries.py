"""Reads about visits: each returns what one page needs, in few queries."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count, Q

from appointments.models import Appointment, Dispute, Status
from appointments.rules import LIVE
from ehr.accounts.models import User


def clashing(
    patient: UUID,
    starts: datetime,
    ends: datetime,
    *,
    besides: Appointment | None = None,
    booked_by: User | None = None,
) -> bool:
    """Tell whether a patient has another visit in this time that was not called off and is not over.

    With `booked_by`, among those that this person booked: of no other are they to learn.
    """
    rows = Appointment.objects.filter(patient=patient, status__in=LIVE, starts__lt=ends, ends__gt=starts)
    rows = rows.filter(booked_by=booked_by) if booked_by else rows
    return (rows.exclude(pk=besides.pk) if besides else rows).exists()


@dataclass(frozen=True)
class Missed:
    """How often nobody came to visits that were over in a while, and how many of these are disputed now."""

    missed: int
    kept: int
    disputed: int

    @property
    def share(self) -> float | None:
        """The part of the visits to which nobody came, from 0 to 1; None where there was no visit."""
        total = self.missed + self.kept
        return self.missed / total if total else None


def missed_visits(institution: UUID, *, since: datetime, until: datetime) -> Missed:
    """Return how often nobody came to an institution's visits in a while, by one query."""
    rows = Appointment.objects.filter(schedule__institution=institution, starts__gte=since, starts__lt=until)
    missed, open_now = Q(status=Status.NO_SHOW), Q(changes__dispute__outcome=Dispute.Outcome.OPEN)
    return Missed(
        **rows.aggregate(
            missed=Count("pk", filter=missed, distinct=True),
            kept=Count("pk", filter=Q(status=Status.FULFILLED), distinct=True),
            disputed=Count("pk", filter=missed & open_now, distinct=True),
        )
    )
