"""What people are due for releases, and how it went to the payments of the institution that owes it."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from ehr import clock
from patients.models import Patient
from providers.models import Institution
from research.models.releases import Release


class Payout(models.Model):
    """What an institution owes people in one currency, handed to its payments in one file. Paid once, as a whole."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    institution = models.ForeignKey(Institution, models.PROTECT, related_name="payouts")
    currency = models.CharField(max_length=3)
    total = models.PositiveBigIntegerField()  # minor units: the sum of its dues when it was made
    made_at = models.DateTimeField(default=clock.now, editable=False)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    paid_at = models.DateTimeField(null=True, blank=True)
    paid_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    reference = models.CharField(max_length=100, blank=True)  # the institution's own, of its booking

    class Meta:
        ordering = ["-made_at", "pk"]
        permissions = [("pay_participants", _("Hands on what people are due for research, and notes that it was paid"))]
        constraints = [
            models.CheckConstraint(
                condition=Q(paid_at__isnull=True, paid_by__isnull=True)
                | Q(paid_at__isnull=False, paid_by__isnull=False),
                name="payout_paid_by_somebody",
            ),
        ]

    def __str__(self):
        return f"payout {self.id}"


class Due(models.Model):
    """What one person is due for one release. Written when the release left; never changed but for its payout."""

    release = models.ForeignKey(Release, models.PROTECT, related_name="dues")
    patient = models.ForeignKey(Patient, models.PROTECT, related_name="dues")
    amount = models.PositiveIntegerField()  # minor units
    currency = models.CharField(max_length=3)
    at = models.DateTimeField(default=clock.now, editable=False)
    payout = models.ForeignKey(Payout, models.PROTECT, null=True, blank=True, related_name="dues")

    class Meta:
        ordering = ["at", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["release", "patient"], name="due_once_a_release"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="due_is_something"),
        ]

    def __str__(self):
        return f"due {self.pk}"
