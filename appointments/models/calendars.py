"""Calendars that leave, and calendars that are read: neither holds a word about health."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from appointments.models.availability import Timetable
from ehr import clock


class CalendarFeed(models.Model):
    """A secret address at which somebody's own calendar program finds their visits. Only its digest is here."""

    class Whose(models.TextChoices):
        CLINICIAN = "clinician", _("the visits I give")
        PATIENT = "patient", _("my own visits")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="calendar_feeds")
    whose = models.CharField(max_length=9, choices=Whose)
    with_address = models.BooleanField(_("with the address of the place"), default=False)
    token_digest = models.BinaryField(max_length=32, unique=True)
    made_at = models.DateTimeField(default=clock.now, editable=False)
    fetched_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "whose"], condition=Q(ended_at__isnull=True), name="one_address_of_a_calendar"
            )
        ]

    def __str__(self):
        return f"calendar {self.id}"


class BusyCalendar(models.Model):
    """A clinician's calendar elsewhere, of which only the hours they are busy are kept, as absences.

    One without an address was uploaded. What could not be read leaves the last good state as it is.
    """

    class Trouble(models.TextChoices):
        NONE = "", _("none")
        UNREACHABLE = "unreachable", _("its address does not answer")
        REFUSED = "refused", _("its address answered, but not with a calendar")
        UNREADABLE = "unreadable", _("it could not be read as a calendar")
        TOO_MUCH = "too-much", _("it holds too much")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    timetable = models.ForeignKey(Timetable, models.PROTECT, related_name="busy_calendars")
    name = models.CharField(_("name"), max_length=60)
    # Addresses of calendars are keys to them: encrypted under STORAGE_KEY, and empty where a file was uploaded.
    sealed_address = models.BinaryField(default=bytes, blank=True)
    host = models.CharField(max_length=253, blank=True)
    tried_at = models.DateTimeField(null=True, blank=True)
    read_at = models.DateTimeField(null=True, blank=True)  # the last time that it was whole and good
    trouble = models.CharField(max_length=11, choices=Trouble, default=Trouble.NONE, blank=True)
    trouble_since = models.DateTimeField(null=True, blank=True)
    made_at = models.DateTimeField(default=clock.now, editable=False)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["made_at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(trouble="", trouble_since__isnull=True) | (~Q(trouble="") & Q(trouble_since__isnull=False)),
                name="trouble_has_a_beginning",
            )
        ]

    def __str__(self):
        return f"calendar {self.id}"
