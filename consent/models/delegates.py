"""Who acts for a patient: parents, carers, attorneys; and what they are not to see."""

import uuid

from django.db import models
from django.db.models import F, Q

from ehr import clock
from ehr.accounts.models import KeyVersion, Reader, User
from patients.models import Patient


class Delegation(models.Model):
    """That somebody may act for a patient, in which matters, from and until.

    They are asked by their address, agree, and then the patient signs; where the patient has no keys, two verifiers
    do. What is signed is computed from these columns. What the delegate sees, a grant of kind "delegate" says.
    """

    class Basis(models.TextChoices):
        PARENT = "parent", "parent or guardian of a child"
        CARER = "carer", "carer"
        ATTORNEY = "attorney", "holder of a power of attorney"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    patient = models.ForeignKey(Patient, models.PROTECT, related_name="delegations")
    # Empty where nobody here has the address; who asked is not told.
    reader = models.ForeignKey(Reader, models.PROTECT, null=True, blank=True, related_name="delegations")
    asked = models.EmailField(blank=True, default="")  # the address, as the patient gave it
    basis = models.CharField(max_length=10, choices=Basis)
    rights = models.JSONField()  # sorted words: "read", "add", "share", "log", "appointments", "book"
    categories = models.JSONField()  # sorted; which parts "read", "add" and "share" are about
    starts = models.DateTimeField()
    ends = models.DateTimeField()  # a parent's at majority, whatever else
    sentence = models.TextField()  # what was confirmed, word for word
    signed_by = models.ForeignKey(KeyVersion, models.PROTECT, null=True, blank=True, related_name="+")
    signature = models.BinaryField(null=True, blank=True)
    made_at = models.DateTimeField(default=clock.now, editable=False)
    accepted_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.CharField(max_length=10, blank=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(ends__gt=F("starts")), name="delegation_ends_after_start")]
        indexes = [models.Index(fields=["reader", "patient", "ends"], name="delegation_between")]
        permissions = [("vouch_delegation", "Can confirm who acts for patients without keys")]

    def __str__(self):
        return f"delegation {self.id}"


class Vouching(models.Model):
    """One verifier saw the papers behind a delegation, and signed it. It takes two of them."""

    delegation = models.ForeignKey(Delegation, models.PROTECT, related_name="vouchings")
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    key_version = models.ForeignKey(KeyVersion, models.PROTECT, related_name="+")
    signature = models.BinaryField()
    document = models.CharField(max_length=100)  # which kind of paper was seen, not its number
    at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["delegation", "by"], name="delegation_vouched_for_by_two_people")
        ]

    def __str__(self):
        return f"vouching {self.pk}"


class Hidden(models.Model):
    """Safety mode: what a delegate does not see of a patient, without being told that it is there."""

    patient = models.ForeignKey(Patient, models.PROTECT, related_name="hidings")
    reader = models.ForeignKey(Reader, models.PROTECT, related_name="+")
    what = models.JSONField()  # sorted words: "address", "appointments", "log"
    made_at = models.DateTimeField(default=clock.now, editable=False)
    lifted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["patient", "reader"], condition=Q(lifted_at__isnull=True), name="hidden_once_at_a_time"
            )
        ]

    def __str__(self):
        return f"hiding {self.pk}"
