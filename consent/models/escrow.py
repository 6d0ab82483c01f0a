"""What the keyholder has done: each use of a key that it holds, counted in the transaction that allowed it."""

from django.db import models

from ehr import clock
from ehr.accounts.models import Reader
from patients.models import Patient


class EscrowUse(models.Model):
    """One use of the escrow's key. Their number equals that of claims, emergencies and successions together."""

    event_id = models.UUIDField(unique=True)  # the committed event that allowed it
    patient = models.ForeignKey(Patient, models.PROTECT, related_name="escrow_uses")
    why = models.CharField(max_length=20)
    actor = models.UUIDField(null=True, blank=True)  # who acted, as the event says
    at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        indexes = [models.Index(fields=["why", "at"], name="escrow_use_lately")]

    def __str__(self):
        return f"escrow used for {self.patient_id}"


class ShareUse(models.Model):
    """One release of the institution's share of somebody's keys. It opens no record by itself."""

    event_id = models.UUIDField(unique=True)
    reader = models.ForeignKey(Reader, models.PROTECT, related_name="share_uses")
    at = models.DateTimeField(default=clock.now, editable=False)

    def __str__(self):
        return f"share used for {self.reader_id}"
