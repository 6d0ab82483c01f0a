"""Passing on: what a reader proposes, and what a patient has agreed to beforehand."""

import uuid

from django.db import models
from django.db.models import F, Q

from consent.models.grants import Grant
from ehr import clock
from ehr.accounts.models import KeyVersion, Reader
from patients.models import Patient


class Mandate(models.Model):
    """What a referrer may pass on without asking each time: which parts, to whom, for how long. Signed by the patient.

    What is signed is computed from these columns, so a changed row lets nobody pass on anything.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    patient = models.ForeignKey(Patient, models.PROTECT, related_name="mandates")
    referrer = models.ForeignKey(Reader, models.PROTECT, related_name="mandates")
    categories = models.JSONField()  # sorted; the most that may be passed on
    roles = models.JSONField()  # sorted roles of those it may be passed on to
    days = models.PositiveSmallIntegerField()  # the longest each referral may last
    until = models.DateTimeField()  # no referral is made after this
    sentence = models.TextField()  # what the patient confirmed, word for word
    patient_version = models.ForeignKey(KeyVersion, models.PROTECT, related_name="+")
    signature = models.BinaryField()
    made_at = models.DateTimeField(default=clock.now, editable=False)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(days__gte=1), name="mandate_for_a_day_or_more")]

    def __str__(self):
        return f"mandate {self.id}"


class Referral(models.Model):
    """A reader's proposal that somebody else see part of what they may see themselves. It lapses by itself."""

    class State(models.TextChoices):
        PROPOSED = "proposed", "waiting for the patient"
        APPROVED = "approved", "approved, perhaps for less"
        DECLINED = "declined", "declined"
        WITHDRAWN = "withdrawn", "withdrawn by who proposed it"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    patient = models.ForeignKey(Patient, models.PROTECT, related_name="referrals")
    parent = models.ForeignKey(Grant, models.PROTECT, related_name="referrals")  # by which the referrer sees
    referrer = models.ForeignKey(Reader, models.PROTECT, related_name="referrals_made")
    to = models.ForeignKey(Reader, models.PROTECT, related_name="referrals_received")
    key_version = models.ForeignKey(KeyVersion, models.PROTECT, related_name="+")  # whose author key signed the words
    categories = models.JSONField()
    actions = models.JSONField()
    entries = models.JSONField(default=list)
    days = models.PositiveSmallIntegerField()
    report_days = models.PositiveSmallIntegerField(null=True, blank=True)
    message = models.BinaryField()  # signature ‖ words, sealed to the patient's log lockbox
    made_at = models.DateTimeField(default=clock.now, editable=False)
    lapses_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=State, default=State.PROPOSED)
    answered_at = models.DateTimeField(null=True, blank=True)
    grant = models.OneToOneField(Grant, models.PROTECT, null=True, blank=True, related_name="referral")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(lapses_at__gt=F("made_at")), name="referral_lapses_after_made"),
            models.CheckConstraint(condition=Q(days__gte=1), name="referral_for_a_day_or_more"),
        ]
        indexes = [models.Index(fields=["patient", "state", "lapses_at"], name="referral_of_patient")]

    def __str__(self):
        return f"referral {self.id}"
