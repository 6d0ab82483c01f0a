"""What somebody asked a worker to do: how far it is, and which worker is at it."""

from django.conf import settings
from django.db import models

from ehr import clock


class Work(models.Model):
    """Something a researcher asked for that takes longer than a page. `research.studies.work` moves it on."""

    class State(models.TextChoices):
        ASKED = "asked", "asked"
        RUNNING = "running", "running"
        READY = "ready", "ready"
        CANCELLED = "cancelled", "cancelled"
        STOPPED = "stopped", "stopped"

    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(default=clock.now, editable=False)
    state = models.CharField(max_length=9, choices=State, default=State.ASKED)
    attempt = models.UUIDField(null=True, blank=True)  # which worker's: one that was taken for dead puts nothing down
    attempts = models.PositiveSmallIntegerField(default=0)
    seen_at = models.DateTimeField(null=True, blank=True)  # when a worker was last at it
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    because = models.CharField(max_length=500, blank=True)  # why it stopped, in words that hold nothing of a record
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True
