"""Figures of a population, made once a month for a study that is for them: runs, and what each measure was told."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q

from research.models.studies import Study
from research.models.work import Work


class FigureRun(Work):
    """One month's figures of one study, however they were begun. Nothing is told before all of it is ready."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey(Study, models.PROTECT, related_name="figure_runs")
    month = models.DateField()  # the first day of the month in which it was asked for
    first = models.DateField()  # of the days that the measures are about
    last = models.DateField()
    asked_by = models.ForeignKey(  # type: ignore[assignment] # nobody where the clock did
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ["-month", "-asked_at", "pk"]
        indexes = [models.Index(fields=["state", "seen_at"], name="figures_by_state")]
        constraints = [
            models.UniqueConstraint(
                fields=["study", "month"],
                condition=Q(state__in=["asked", "running", "ready"]),
                name="figures_once_a_month",
            ),
        ]

    def __str__(self):
        return f"figures {self.id}"


class Figure(models.Model):
    """What is told of one measure from a run on: new numbers, or those of an earlier run, which stand.

    Numbers are as anybody may see them. The true ones stand nowhere; who was counted, for later ones to be held
    against, stands under the study's keys.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    run = models.ForeignKey(FigureRun, models.PROTECT, related_name="figures")
    measure = models.CharField(max_length=40)
    version = models.PositiveSmallIntegerField()
    stands = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="+")
    level = models.CharField(max_length=12, blank=True)  # by what it is told apart
    everybody = models.JSONField(default=list)  # [people, of them so many], rounded; null where a number is hidden
    groups = models.JSONField(default=list)  # [[group, people, of them so many], …], the same
    assigned = models.BinaryField(null=True, blank=True)  # who was counted where, of one length for all

    class Meta:
        ordering = ["run", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["run", "measure"], name="figure_once_a_run"),
            models.CheckConstraint(
                condition=Q(stands__isnull=True, assigned__isnull=False)
                | Q(stands__isnull=False, assigned__isnull=True, level="", everybody=[], groups=[]),
                name="figure_new_or_stands",
            ),
        ]

    def __str__(self):
        return f"{self.measure} {self.run_id}"
