"""What is asked of whoever holds a release when somebody in it withdraws, and what they say they did."""

import uuid

from django.db import models
from django.db.models import Q

from ehr import clock
from ehr.accounts.models import KeyVersion
from research.models.releases import Inclusion, Release


class Crowd(models.Model):
    """Which rows of a release look alike, by pseudonym, sealed to its study. Nobody's name or id is in it.

    A run opens it when somebody withdraws, so that their row is asked back among all that look like it.
    """

    release = models.OneToOneField(Release, models.CASCADE, related_name="crowd")
    sealed = models.BinaryField()

    def __str__(self):
        return f"crowd of {self.release_id}"


class Recall(models.Model):
    """That rows of a release, or all of it, are to be destroyed by a day, and the signed word that they are.

    The rows are pseudonyms of that release, sealed to its recipient. `rows` is 0 where the whole file is meant.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    release = models.ForeignKey(Release, models.PROTECT, related_name="recalls")
    at = models.DateTimeField(default=clock.now, editable=False)
    due_at = models.DateTimeField()
    rows = models.PositiveIntegerField(default=0)
    sealed = models.BinaryField(null=True, blank=True)
    digest = models.BinaryField()  # SHA-256 of the list as it was sealed, 32 bytes; part of what is signed
    late_at = models.DateTimeField(null=True, blank=True)  # when the committee was told that it is overdue
    attested_at = models.DateTimeField(null=True, blank=True)
    key_version = models.ForeignKey(KeyVersion, models.PROTECT, null=True, blank=True, related_name="+")
    signature = models.BinaryField(null=True, blank=True)

    class Meta:
        ordering = ["-at", "pk"]
        indexes = [models.Index(fields=["attested_at", "due_at"], name="recall_by_state")]
        constraints = [
            models.CheckConstraint(
                condition=Q(attested_at__isnull=True, signature__isnull=True)
                | Q(attested_at__isnull=False, signature__isnull=False, key_version__isnull=False),
                name="recall_attested_with_signature",
            ),
            models.CheckConstraint(
                condition=Q(rows=0, sealed__isnull=True) | Q(rows__gt=0, sealed__isnull=False),
                name="recall_of_rows_or_of_all",
            ),
        ]

    def __str__(self):
        return f"recall {self.id}"


class Recalled(models.Model):
    """For whom somebody was asked to destroy something: each part in a release is asked back once."""

    recall = models.ForeignKey(Recall, models.PROTECT, related_name="people")
    inclusion = models.OneToOneField(Inclusion, models.PROTECT, related_name="recalled")

    def __str__(self):
        return f"recalled {self.pk}"
