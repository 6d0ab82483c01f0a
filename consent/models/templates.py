"""Common situations, offered to patients as a beginning; and acts on many grants at once."""

import uuid

from django.db import models
from django.db.models import Q

from ehr import clock
from ehr.accounts.models import User
from ehr.words import Purpose
from patients.models import Patient


class GrantTemplate(models.Model):
    """A common situation and what is usually shared in it. It fills a form; the patient signs a sentence."""

    name = models.CharField(max_length=80, unique=True)
    description = models.CharField(max_length=300)
    categories = models.JSONField()  # never a sensitive one: those are chosen by hand
    actions = models.JSONField()
    purpose = models.CharField(max_length=10, choices=[(purpose, purpose) for purpose in Purpose])
    days = models.PositiveSmallIntegerField()
    place = models.PositiveSmallIntegerField(default=100)  # in the list, from the top
    active = models.BooleanField(default=True)
    changed_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(days__gte=1), name="template_for_a_day_or_more")]
        ordering = ["place", "name"]

    def __str__(self):
        return self.name


class BulkAct(models.Model):
    """One act on many things, step by step, so that it goes on after a reload and may be looked at while it runs."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    patient = models.ForeignKey(Patient, models.PROTECT, null=True, blank=True, related_name="bulk_acts")
    by = models.ForeignKey(User, models.PROTECT, related_name="bulk_acts")
    kind = models.CharField(max_length=20)  # "approve", "end", "move"
    items = models.JSONField()  # ids, in the order in which they are done
    done = models.PositiveIntegerField(default=0)
    # What its patient read when they confirmed it, closed with their own keys: nobody else makes an act that signs.
    confirmed = models.BinaryField(default=bytes)
    refused = models.JSONField(default=dict)  # id → machine word of why it was left as it is
    started_at = models.DateTimeField(default=clock.now, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)

    def __str__(self):
        return f"{self.kind} of {len(self.items)}"
