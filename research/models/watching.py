"""Unusual use by a researcher, as it is put before the privacy officer."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from ehr import clock


class Unusual(models.Model):
    """What a rule found in what one researcher did, and what came of looking into it."""

    class Why(models.TextChoices):
        REFUSALS = "refusals", _("many refused questions in a day")
        BURST = "burst", _("many questions within an hour")
        NIGHT = "night", _("releases fetched at night")

    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    why = models.CharField(max_length=8, choices=Why)
    first = models.DateTimeField()
    last = models.DateTimeField()
    count = models.PositiveIntegerField()
    found_at = models.DateTimeField(default=clock.now, editable=False)
    reviewed_at = models.DateTimeField(null=True, blank=True)
    reviewed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    said = models.CharField(max_length=500, blank=True)

    class Meta:
        verbose_name_plural = "unusual"
        ordering = ["-found_at", "pk"]
        permissions = [("review_unusual", _("Reviews unusual use by researchers"))]
        indexes = [models.Index(fields=["by", "why", "last"], name="unusual_of_researcher")]

    def __str__(self):
        return f"unusual use {self.pk}"
