"""What a patient says against it that nobody came."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from appointments.models.visits import Change
from ehr import clock
from ehr.accounts.models import User


class Dispute(models.Model):
    """A patient says that they did come, or could not. Free words are sealed to them and to whose time it was."""

    class Reason(models.TextChoices):
        WAS_THERE = "was-there", _("I was there")
        HAD_CANCELLED = "had-cancelled", _("I had cancelled")
        TOLD_OTHERWISE = "told-otherwise", _("I was told another time or place")
        NOT_LET_IN = "not-let-in", _("it was closed, or I could not get in")
        OTHER = "other", _("something else")

    class Outcome(models.TextChoices):
        OPEN = "open", _("waits for an answer")
        LIFTED = "lifted", _("it is taken back")
        UPHELD = "upheld", _("it stands")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    change = models.OneToOneField(Change, models.PROTECT, related_name="dispute")  # by which it was said
    reason = models.CharField(max_length=16, choices=Reason)
    words = models.JSONField(default=dict)  # seals in base64, by reader
    outcome = models.CharField(max_length=8, choices=Outcome, default=Outcome.OPEN)
    made_at = models.DateTimeField(default=clock.now, editable=False)
    answered_at = models.DateTimeField(null=True, blank=True)
    answered_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        ordering = ["made_at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(outcome="open", answered_at__isnull=True)
                | (~models.Q(outcome="open") & models.Q(answered_at__isnull=False)),
                name="dispute_answered_once_it_has_an_outcome",
            )
        ]

    def __str__(self):
        return f"dispute {self.id}"
