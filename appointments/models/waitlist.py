"""Who would like to come sooner, and what freed time was offered to whom."""

import uuid

from django.db import models
from django.db.models import F, Q

from appointments.models.availability import Schedule, VisitType
from appointments.models.visits import Appointment, Hold
from ehr import clock
from patients.models import Patient


class Waiting(models.Model):
    """A patient waits for time with a clinician, between two days. First come, first offered."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    patient = models.ForeignKey(Patient, models.PROTECT, related_name="waiting")
    schedule = models.ForeignKey(Schedule, models.PROTECT, related_name="waiting")
    visit_type = models.ForeignKey(VisitType, models.PROTECT, related_name="waiting")
    # What they have already, if it is about coming sooner: taking an offer moves it.
    appointment = models.ForeignKey(Appointment, models.PROTECT, null=True, blank=True, related_name="waiting")
    first_day = models.DateField()
    last_day = models.DateField()
    made_at = models.DateTimeField(default=clock.now, editable=False)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["made_at", "pk"]
        indexes = [models.Index(fields=["schedule", "ended_at", "made_at"], name="waiting_in_order")]
        constraints = [
            models.CheckConstraint(condition=Q(last_day__gte=F("first_day")), name="waiting_between_two_days"),
            models.UniqueConstraint(
                fields=["patient", "schedule", "visit_type"],
                condition=Q(ended_at__isnull=True),
                name="waiting_once_for_the_same",
            ),
        ]

    def __str__(self):
        return f"waiting {self.id}"


class Offer(models.Model):
    """A freed slot, kept thirty minutes for one who waits. Its link is a secret of which only a digest is here."""

    class Outcome(models.TextChoices):
        OPEN = "open", "open"
        TAKEN = "taken", "taken"
        DECLINED = "declined", "declined"
        LAPSED = "lapsed", "nobody answered in time"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    waiting = models.ForeignKey(Waiting, models.PROTECT, related_name="offers")
    hold = models.OneToOneField(Hold, models.SET_NULL, null=True, blank=True, related_name="offer")
    starts = models.DateTimeField()
    link_digest = models.BinaryField(max_length=32, unique=True)
    outcome = models.CharField(max_length=8, choices=Outcome, default=Outcome.OPEN)
    days_won = models.SmallIntegerField(null=True, blank=True)  # how much sooner than what they had
    made_at = models.DateTimeField(default=clock.now, editable=False)
    lapses_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["made_at", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["waiting", "starts"], name="slot_offered_once_to_the_same"),
            models.CheckConstraint(condition=Q(lapses_at__gt=F("made_at")), name="offer_lapses_after_made"),
        ]

    def __str__(self):
        return f"offer {self.id}"
