"""Reads about visits: each returns what one page needs, in few queries."""

from datetime import datetime
from uuid import UUID

from appointments.models import Appointment
from appointments.rules import LIVE


def clashing(patient: UUID, starts: datetime, ends: datetime, *, besides: Appointment | None = None) -> bool:
    """Tell whether a patient has another visit in this time that was not called off and is not over."""
    rows = Appointment.objects.filter(patient=patient, status__in=LIVE, starts__lt=ends, ends__gt=starts)
    return (rows.exclude(pk=besides.pk) if besides else rows).exists()
