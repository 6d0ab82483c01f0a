"""Access without a grant: what was opened, by whom and why, and what the review made of it."""

import uuid
from datetime import datetime

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from ehr import clock
from ehr.accounts.models import Reader, User
from ehr.outbox.models import Parcel
from patients.models import Patient


class Emergency(models.Model):
    """One breaking of the glass: one reader, one patient, one session, four hours."""

    class Reason(models.TextChoices):
        UNCONSCIOUS = "unconscious", _("the patient cannot speak for themselves")
        LIFE = "life", _("danger to life or limb")
        URGENT = "urgent", _("urgent care that cannot wait")
        OTHERS = "others", _("danger to others")

    class EndedBy(models.TextChoices):
        READER = "reader", _("who opened it")
        PATIENT = "patient", _("the patient")
        OFFICER = "officer", _("a privacy officer")
        FAILED = "failed", _("nobody: it never opened")

    class Outcome(models.TextChoices):
        JUSTIFIED = "justified", _("justified")
        UNJUSTIFIED = "unjustified", _("not justified")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    patient = models.ForeignKey(Patient, models.PROTECT, related_name="emergencies")
    reader = models.ForeignKey(Reader, models.PROTECT, related_name="emergencies")
    reason = models.CharField(max_length=20, choices=Reason)
    parts = models.JSONField(default=list)  # those it opens, in the order of Category
    # The committed event that opened it. Why, in words, stands there, sealed to the patient and the officers.
    event_id = models.UUIDField(unique=True)
    session_digest = models.BinaryField()  # of the one session it holds in
    opened_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.CharField(max_length=10, choices=EndedBy, blank=True)
    # When the patient's own keys locked the opened parts anew; until then the keys that were let go still fit.
    relocked_at = models.DateTimeField(null=True, blank=True)
    review_due_at = models.DateTimeField()
    reviewed_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    reviewed_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=12, choices=Outcome, blank=True)
    review_event_id = models.UUIDField(null=True, blank=True)  # the event that says what the review found, sealed alike
    case_id = models.UUIDField(null=True, blank=True)  # what an unjustified one opened, by id
    overdue_told_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gt=F("opened_at")), name="emergency_ends_after_start"),
            models.CheckConstraint(
                condition=Q(outcome="", reviewed_at__isnull=True, reviewed_by__isnull=True)
                | (~Q(outcome="") & Q(reviewed_at__isnull=False, reviewed_by__isnull=False)),
                name="emergency_reviewed_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, ended_by="") | (Q(ended_at__isnull=False) & ~Q(ended_by="")),
                name="emergency_ended_by_somebody",
            ),
        ]
        indexes = [
            models.Index(fields=["patient", "reader", "ends_at"], name="emergency_between"),
            models.Index(fields=["review_due_at"], condition=Q(outcome=""), name="emergency_to_review"),
        ]
        permissions = [("review_emergency", "Can review emergency access")]

    def __str__(self):
        return f"emergency {self.id}"

    @property
    def opened(self) -> bool:
        """False where the keyholder let nothing go, so that nobody saw anything."""
        return self.ended_by != self.EndedBy.FAILED

    def is_open(self, at: datetime) -> bool:
        """Tell whether it holds at a moment. Half-open, as everywhere."""
        return self.ended_at is None and self.opened_at <= at < self.ends_at


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


class ContactParcel(Parcel):
    """The e-mail to an emergency contact, who need have no account. It names nobody and says nothing about health."""

    emergency = models.ForeignKey(Emergency, models.PROTECT, related_name="contact_parcels")
    contact = models.ForeignKey(EmergencyContact, models.PROTECT, related_name="parcels")

    class Meta(Parcel.Meta):
        abstract = False
        indexes = [models.Index(fields=["due_at"], condition=Q(delivered_at=None), name="contact_parcel_waiting")]
