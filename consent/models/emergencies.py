"""Access without a grant: what was opened, by whom and why, and what the review made of it."""

import uuid

from django.db import models
from django.db.models import F, Q

from ehr import clock
from ehr.accounts.models import Reader, User
from patients.models import Patient


class Emergency(models.Model):
    """One breaking of the glass: one reader, one patient, one session, four hours."""

    class Reason(models.TextChoices):
        UNCONSCIOUS = "unconscious", "the patient cannot speak for themselves"
        LIFE = "life", "danger to life or limb"
        URGENT = "urgent", "urgent care that cannot wait"
        OTHERS = "others", "danger to others"

    class Outcome(models.TextChoices):
        JUSTIFIED = "justified", "justified"
        UNJUSTIFIED = "unjustified", "not justified"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    patient = models.ForeignKey(Patient, models.PROTECT, related_name="emergencies")
    reader = models.ForeignKey(Reader, models.PROTECT, related_name="emergencies")
    reason = models.CharField(max_length=20, choices=Reason)
    words = models.BinaryField()  # sealed to the patient's log lockbox
    words_for_officers = models.JSONField(default=dict)  # officer's reader id → sealed words
    event_id = models.UUIDField(unique=True)  # the committed event that opened it
    session_digest = models.BinaryField()  # of the one session it holds in
    opened_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.CharField(max_length=10, blank=True)  # "reader", "patient" or "officer"
    review_due_at = models.DateTimeField()
    reviewed_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    reviewed_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=12, choices=Outcome, blank=True)
    review_words = models.BinaryField(null=True, blank=True)  # sealed to the patient's log lockbox

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gt=F("opened_at")), name="emergency_ends_after_start"),
            models.CheckConstraint(
                condition=Q(outcome="", reviewed_at__isnull=True, reviewed_by__isnull=True)
                | (~Q(outcome="") & Q(reviewed_at__isnull=False, reviewed_by__isnull=False)),
                name="emergency_reviewed_by_somebody",
            ),
        ]
        indexes = [models.Index(fields=["patient", "reader", "ends_at"], name="emergency_between")]
        permissions = [("review_emergency", "Can review emergency access")]

    def __str__(self):
        return f"emergency {self.id}"


class EmergencyContact(models.Model):
    """Whom a patient wants told when somebody opens their record in an emergency. They learn that it happened."""

    patient = models.ForeignKey(Patient, models.PROTECT, related_name="emergency_contacts")
    name = models.CharField(max_length=200)
    email = models.EmailField()
    language = models.CharField(max_length=10, default="en")
    made_at = models.DateTimeField(default=clock.now, editable=False)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["patient"], condition=Q(ended_at__isnull=True), name="emergency_contact_one_at_a_time"
            )
        ]

    def __str__(self):
        return f"contact of {self.patient_id}"
