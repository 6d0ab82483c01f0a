"""What an app asked to be told of, and what was told. No word of a record stands here."""

import uuid

from django.db import models

from ehr import clock
from ehr.accounts.models import Reader
from ehr.outbox.models import Parcel
from ehr.smart.models import Authorization
from patients.models import Patient


class Subscription(models.Model):
    """That an app wants to know when something is new in one record, and where it is told so."""

    class State(models.TextChoices):
        REQUESTED = "requested", "the address has not answered yet"
        ACTIVE = "active", "the address answered"
        ERROR = "error", "the address answers no more"
        OFF = "off", "ended"

    class Content(models.TextChoices):
        EMPTY = "empty", "that something is new"
        ID_ONLY = "id-only", "in whose record"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    authorization = models.ForeignKey(Authorization, models.PROTECT, related_name="subscriptions")
    patient = models.ForeignKey(Patient, models.PROTECT, related_name="subscriptions")
    parts = models.JSONField()  # sorted Category values
    endpoint = models.CharField(max_length=500)
    content = models.CharField(max_length=7, choices=Content)
    sealed_header = models.BinaryField(null=True, blank=True)  # what the app wants sent along; may hold its secret
    sealed_secret = models.BinaryField()  # what is sent is signed with it
    state = models.CharField(max_length=9, choices=State, default=State.REQUESTED)
    events = models.PositiveBigIntegerField(default=0)  # told of since it began
    made_at = models.DateTimeField(default=clock.now, editable=False)
    ends_at = models.DateTimeField(null=True, blank=True)

    def __str__(self):
        return f"subscription {self.pk}"


class Notification(Parcel):
    """One message to an app on its way."""

    subscription = models.ForeignKey(Subscription, models.PROTECT, related_name="notifications")
    number = models.PositiveBigIntegerField()  # of the event; 0 for the handshake

    class Meta:
        constraints = [models.UniqueConstraint(fields=["subscription", "number"], name="notification_number_once")]


class Followed(models.Model):
    """How far the subscriptions have read the log: the number of the next event."""

    next = models.PositiveBigIntegerField(default=0)

    def __str__(self):
        return f"followed to {self.next}"


class Export(models.Model):
    """A bulk export that somebody asked for: whose, since when, until when. What of it is sealed for them alone."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    client = models.CharField(max_length=255)  # the program, as it is registered
    reader = models.ForeignKey(Reader, models.PROTECT, related_name="+")  # whose keyring opens it
    kept = models.BinaryField()  # what is asked, of whom, and how many of which type, under that keyring
    begun_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True)  # by the one request that goes on with it
    ends_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["client", "reader"], name="export_owner")]

    def __str__(self):
        return f"export {self.pk}"
