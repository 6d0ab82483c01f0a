"""What a patient keeps out: people by name, and parts even in an emergency."""

from django.db import models
from django.db.models import Q

from ehr import clock
from ehr.accounts.models import Reader
from ehr.words import Category
from patients.models import Patient


class Block(models.Model):
    """That a patient keeps somebody out by name. It beats every grant and team, and its subject learns nothing."""

    patient = models.ForeignKey(Patient, models.PROTECT, related_name="blocks")
    reader = models.ForeignKey(Reader, models.PROTECT, related_name="+")
    made_at = models.DateTimeField(default=clock.now, editable=False)
    lifted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["patient", "reader"], condition=Q(lifted_at__isnull=True), name="block_once_at_a_time"
            )
        ]

    def __str__(self):
        return f"block {self.pk}"


class EmergencyOptOut(models.Model):
    """That a part stays shut even in an emergency, where the law of the place allows the patient to say so."""

    patient = models.ForeignKey(Patient, models.PROTECT, related_name="emergency_opt_outs")
    part = models.CharField(max_length=16, choices=[(str(part), str(part)) for part in Category])
    made_at = models.DateTimeField(default=clock.now, editable=False)
    lifted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["patient", "part"], condition=Q(lifted_at__isnull=True), name="opt_out_once_at_a_time"
            )
        ]

    def __str__(self):
        return f"opt-out {self.pk}"
