"""What left for a study: asked for, made by a worker, closed to its recipient, fetched once, and of whom it is."""

import uuid

from django.db import models
from django.db.models import Q

from ehr.accounts.models import KeyVersion
from research.models.joining import Joining
from research.models.studies import Study
from research.models.work import Work


class Release(Work):
    """One table of a study's, without names, on its way to the researcher. Its row says how far it has come.

    The file lies here in pieces, each sealed to the researcher's public key: it appears whole, with the
    digest that stands on chain, in the commit that makes it READY, and is gone once it was fetched.
    """

    class State(models.TextChoices):  # of any work, and that it was fetched
        ASKED = "asked", "asked"
        RUNNING = "running", "running"
        READY = "ready", "ready"
        FETCHED = "fetched", "fetched"
        CANCELLED = "cancelled", "cancelled"
        STOPPED = "stopped", "stopped"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey(Study, models.PROTECT, related_name="releases")
    state = models.CharField(max_length=9, choices=State, default=State.ASKED)
    step = models.CharField(max_length=20, blank=True)
    # Of what is ready. `people` is how many are in it, `facts` what was done, as it stands in the file.
    digest = models.BinaryField(null=True, blank=True, unique=True)  # SHA-256 of the file, 32 bytes
    size = models.PositiveBigIntegerField(default=0)
    people = models.PositiveIntegerField(default=0)
    facts = models.JSONField(default=dict)
    mark = models.BinaryField(null=True, blank=True)  # what tells this recipient's copy, under the storage key
    to = models.ForeignKey(KeyVersion, models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        ordering = ["-asked_at", "pk"]
        indexes = [models.Index(fields=["state", "seen_at"], name="release_by_state")]
        constraints = [
            models.UniqueConstraint(
                fields=["study"], condition=Q(state__in=["asked", "running"]), name="one_release_at_a_time"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["ready", "fetched"]) | Q(digest__isnull=False, to__isnull=False, people__gt=0),
                name="release_ready_is_whole",
            ),
        ]

    def __str__(self):
        return f"release {self.id}"


class ReleasePiece(models.Model):
    """About a megabyte of a release's file, sealed to its recipient and bound to its place. Deleted when fetched."""

    release = models.ForeignKey(Release, models.CASCADE, related_name="pieces")
    number = models.PositiveIntegerField()
    body = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["release", "number"], name="one_release_piece_a_place")]

    def __str__(self):
        return f"piece {self.number} of {self.release_id}"


class Inclusion(models.Model):
    """That somebody's data are in a release: for their own page, for pay, and for a notice when they withdraw."""

    release = models.ForeignKey(Release, models.PROTECT, related_name="inclusions")
    joining = models.ForeignKey(Joining, models.PROTECT, related_name="inclusions")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["release", "joining"], name="included_once")]

    def __str__(self):
        return f"inclusion {self.pk}"
