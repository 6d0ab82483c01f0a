"""What a study found, as the people whose data it used read it: handed in by its researcher, shown by the committee."""

import uuid

from django.conf import settings
from django.core.validators import URLValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from ehr import clock
from research.models.studies import Study


class Result(models.Model):
    """One publication, in plain words. Nobody who takes part reads it before somebody of the committee has."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting for the committee")
        SHOWN = "shown", _("shown")
        REFUSED = "refused", _("not shown")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    study = models.ForeignKey(Study, models.PROTECT, related_name="results")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    at = models.DateTimeField(default=clock.now, editable=False)
    state = models.CharField(max_length=7, choices=State, default=State.WAITING)
    title = models.CharField(_("title"), max_length=160)
    plain = models.TextField(_("what was found, for everybody"), max_length=1500)
    # Where it is published. Only https: whoever reads it comes from a page about their own record.
    link = models.CharField(
        _("where it is published"), max_length=300, blank=True, validators=[URLValidator(["https"])]
    )
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["-at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state="waiting", decided_by=None) | ~Q(state="waiting") & Q(decided_by__isnull=False),
                name="result_decided_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(decided_by=None) | ~Q(decided_by=F("by")), name="result_decided_by_another"
            ),
        ]

    def __str__(self):
        return self.title
