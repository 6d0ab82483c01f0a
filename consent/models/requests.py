"""Asking to be let in: requests, codes shown in person, and patients found by what they are known by."""

import uuid

from django.db import models
from django.db.models import F, Q

from consent.models.grants import Grant
from ehr import clock
from ehr.accounts.models import KeyVersion, Reader
from ehr.words import Purpose
from patients.models import Patient


class AccessRequestQuerySet(models.QuerySet):
    def open(self, at):
        """Those that wait for an answer and have not lapsed."""
        return self.filter(state=AccessRequest.State.ASKED, lapses_at__gt=at)


class AccessRequest(models.Model):
    """A clinician's request to be let in. It lapses by itself; what became of it is decided by time and `state`."""

    class State(models.TextChoices):
        ASKED = "asked", "waiting for the patient"
        APPROVED = "approved", "approved, perhaps for less"
        DECLINED = "declined", "declined"
        WITHDRAWN = "withdrawn", "withdrawn by who asked"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    patient = models.ForeignKey(Patient, models.PROTECT, related_name="requests")
    reader = models.ForeignKey(Reader, models.PROTECT, related_name="requests")
    key_version = models.ForeignKey(KeyVersion, models.PROTECT, related_name="+")  # whose author key signed the words
    categories = models.JSONField()  # sorted as in Category
    actions = models.JSONField()
    purpose = models.CharField(max_length=10, choices=[(purpose, purpose) for purpose in Purpose])
    days = models.PositiveSmallIntegerField()
    entries = models.JSONField(default=list)  # FHIR ids, where single entries are asked for
    record_from = models.DateField(null=True, blank=True)
    record_until = models.DateField(null=True, blank=True)
    message = models.BinaryField()  # signature ‖ words, sealed to the patient's log lockbox
    asked_at = models.DateTimeField(default=clock.now, editable=False)
    lapses_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=State, default=State.ASKED)
    answered_at = models.DateTimeField(null=True, blank=True)
    grant = models.OneToOneField(Grant, models.PROTECT, null=True, blank=True, related_name="request")
    # "Why?", asked once by the patient, sealed to the reader; the answer sealed to the patient's log lockbox.
    question = models.BinaryField(null=True, blank=True)
    question_at = models.DateTimeField(null=True, blank=True)
    reply = models.BinaryField(null=True, blank=True)
    reply_at = models.DateTimeField(null=True, blank=True)

    objects = AccessRequestQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(lapses_at__gt=F("asked_at")), name="request_lapses_after_asking"),
            models.CheckConstraint(condition=Q(days__gte=1), name="request_for_a_day_or_more"),
            models.CheckConstraint(
                condition=Q(state="approved", grant__isnull=False) | (~Q(state="approved") & Q(grant__isnull=True)),
                name="request_approved_by_a_grant",
            ),
            models.CheckConstraint(
                condition=Q(state="asked", answered_at__isnull=True)
                | (~Q(state="asked") & Q(answered_at__isnull=False)),
                name="request_answered_at_some_time",
            ),
        ]
        indexes = [
            models.Index(fields=["patient", "state", "lapses_at"], name="request_of_patient"),
            models.Index(fields=["reader", "asked_at"], name="request_by_reader"),
        ]

    def __str__(self):
        return f"request {self.id}"


class ShownCode(models.Model):
    """A code a patient shows to one clinician in person. It works once, for minutes, and lets them ask: no more."""

    patient = models.ForeignKey(Patient, models.PROTECT, related_name="shown_codes")
    digest = models.BinaryField(unique=True)  # HMAC of the code under the index key
    made_at = models.DateTimeField(default=clock.now, editable=False)
    ends_at = models.DateTimeField()
    used_by = models.ForeignKey(Reader, models.PROTECT, null=True, blank=True, related_name="codes_used")
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(used_by__isnull=True, used_at__isnull=True)
                | Q(used_by__isnull=False, used_at__isnull=False),
                name="shown_code_used_by_somebody",
            )
        ]

    def __str__(self):
        return f"code of {self.patient_id}"


class Found(models.Model):
    """That a clinician found a patient by name, birth date and an identifier. For a while it lets them ask: no more."""

    patient = models.ForeignKey(Patient, models.PROTECT, related_name="found_by")
    reader = models.ForeignKey(Reader, models.PROTECT, related_name="found")
    at = models.DateTimeField(default=clock.now, editable=False)
    ends_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["reader", "patient", "ends_at"], name="found_patient")]

    def __str__(self):
        return f"{self.patient_id} found"
