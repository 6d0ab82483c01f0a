"""Claims of records that came before their patient, and who looked at whose document for them."""

import uuid
from datetime import datetime, timedelta

from django.db import models
from django.db.models import Q

from ehr import clock
from ehr.accounts.models import User
from patients.models import Patient

LIFE = timedelta(days=30)  # from being taken up: who has not come with a document by then is invited anew


class ClaimQuerySet(models.QuerySet):
    """Claims by how far they have come."""

    def waiting(self) -> "ClaimQuerySet":
        """Return those that nobody ended, whose record has no patient yet."""
        return self.filter(finished_at=None, refused_at=None, patient__user=None)

    def taken_up(self, at: datetime) -> "ClaimQuerySet":
        """Return those that somebody has taken up, not longer ago than they last."""
        return self.waiting().filter(claimant__isnull=False, claimed_at__gt=at - LIFE)

    def under_way(self, at: datetime) -> "ClaimQuerySet":
        """Return those that were taken up, or whose invitation can still be used."""
        usable = Q(claimant=None, expires_at__gt=at)
        return self.waiting().filter(usable | Q(claimant__isnull=False, claimed_at__gt=at - LIFE))


class Claim(models.Model):
    """A record that waits for its patient: the invitation, who used it, and the staff who saw who they are."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    patient = models.ForeignKey(Patient, models.PROTECT, related_name="claims")
    code_digest = models.BinaryField(unique=True)
    invited_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    invited_at = models.DateTimeField(default=clock.now, editable=False)
    expires_at = models.DateTimeField()
    claimant = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="claims")
    claimed_at = models.DateTimeField(null=True, blank=True)
    refused_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = ClaimQuerySet.as_manager()

    def __str__(self):
        return f"claim {self.id}"


class ClaimCheck(models.Model):
    """One staff member saw the claimant's document. It takes two of them."""

    claim = models.ForeignKey(Claim, models.PROTECT, related_name="checks")
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    document = models.CharField(max_length=100)
    at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["claim", "by"], name="claim_checked_by_two_people")]

    def __str__(self):
        return f"check of claim {self.claim_id}"
