"""What must leave the database. Written in the same commit as its cause, delivered afterwards, at least once."""

import uuid

from django.db import models

from ehr import clock


class Parcel(models.Model):
    """One thing to be delivered. Each app keeps its own table of them."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    key = models.CharField(max_length=200, unique=True)  # the same cause writes the same key: no second parcel
    kind = models.CharField(max_length=60)
    payload = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    due_at = models.DateTimeField(default=clock.now)
    attempts = models.PositiveIntegerField(default=0)
    delivered_at = models.DateTimeField(null=True, blank=True)
    gave_up_at = models.DateTimeField(null=True, blank=True)
    last_problem = models.CharField(max_length=100, blank=True)  # a class name, never a message

    class Meta:
        abstract = True

    def __str__(self):
        return f"{self.kind} {self.id}"
