"""How many people of a study meet criteria: asked, counted by a worker, told rounded or not at all."""

import uuid

from django.db import models
from django.db.models import Q

from research.models.studies import Study
from research.models.work import Work


class CohortCount(Work):
    """A question how many people meet criteria, and what was said. The true number stands nowhere in clear."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey(Study, models.PROTECT, related_name="counts")
    criteria = models.JSONField()  # as research.criteria writes them
    digest = models.BinaryField(max_length=32)  # of the question, however it was asked
    # Of what is ready: the rounded number, empty for fewer than are told; and the earlier count that stands for it.
    said = models.PositiveIntegerField(null=True, blank=True)
    same_as = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="+")
    members = models.BinaryField(
        null=True, blank=True
    )  # who was counted, under the study's keys, of one length for all

    class Meta:
        ordering = ["-asked_at", "pk"]
        indexes = [models.Index(fields=["state", "seen_at"], name="count_by_state")]
        constraints = [
            models.UniqueConstraint(
                fields=["study", "digest"], condition=Q(state__in=["asked", "running"]), name="one_count_of_a_question"
            ),
            models.CheckConstraint(
                condition=Q(state="ready", members__isnull=False, ended_at__isnull=False)
                | ~Q(state="ready") & Q(members__isnull=True, said__isnull=True, same_as__isnull=True),
                name="count_said_when_ready",
            ),
        ]

    def __str__(self):
        return f"count {self.id}"
