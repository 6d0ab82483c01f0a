"""That somebody joined a study: under which permission, with which parts, and since when not any more."""

import uuid

from django.db import models
from django.db.models import Q

from consent.models import Grant
from ehr import clock
from ehr.outbox.models import Parcel
from patients.models import Patient
from research.models.studies import Study


class JoiningQuerySet(models.QuerySet):
    def standing(self, at):
        """Those not withdrawn whose permission holds. Whoever opens a record decides once more, by the permission."""
        return self.filter(withdrawn_at__isnull=True, until__gt=at, grant__ending__isnull=True, grant__ends__gt=at)


class Joining(models.Model):
    """A patient's part in a study. The permission is the grant; this says which study it is for, and keeps its salt.

    What stands in public is `commitment`: without the salt nobody tells of whom, nor of which study.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey(Study, models.PROTECT, related_name="joinings")
    patient = models.ForeignKey(Patient, models.PROTECT, related_name="joinings")
    grant = models.OneToOneField(Grant, models.PROTECT, related_name="joining")
    categories = models.JSONField()  # sorted list of Category values, as the grant's
    since = models.DateTimeField(default=clock.now)
    until = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    salt = models.BinaryField()
    commitment = models.BinaryField(unique=True)  # 32 bytes

    objects = JoiningQuerySet.as_manager()

    class Meta:
        ordering = ["-since", "pk"]
        indexes = [models.Index(fields=["study", "withdrawn_at"], name="joining_of_study")]
        constraints = [
            models.UniqueConstraint(
                fields=["study", "patient"], condition=Q(withdrawn_at__isnull=True), name="joined_once_at_a_time"
            ),
        ]

    def __str__(self):
        return f"joining {self.id}"


class JoiningParcel(Parcel):
    """A commitment, or the end of one, on its way to the chain. It leaves at a random moment, so that nothing tells
    whose opt-in it is by when it came.
    """

    class Kind(models.TextChoices):
        JOIN = "join", "join"
        WITHDRAW = "withdraw", "withdraw"

    joining = models.ForeignKey(Joining, models.PROTECT, related_name="parcels")
