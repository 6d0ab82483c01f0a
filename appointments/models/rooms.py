"""Where two people talk by video: the room's name is sealed to the two of them, and no link of theirs is kept."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from appointments.models.visits import Appointment
from ehr import clock


class Room(models.Model):
    """What happens around one visit by video: that its patient agreed, who is there, and how it is called."""

    appointment = models.OneToOneField(Appointment, models.PROTECT, primary_key=True, related_name="room")
    agreed_at = models.DateTimeField(null=True, blank=True)
    agreed_to = models.CharField(max_length=255, blank=True)  # the host of the service that the patient agreed to
    patient_seen_at = models.DateTimeField(null=True, blank=True)  # when they last had the waiting page open
    clinician_seen_at = models.DateTimeField(null=True, blank=True)
    let_in_at = models.DateTimeField(null=True, blank=True)
    name = models.JSONField(default=dict, blank=True)  # seals in base64, by reader; empty while there is no room
    made_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(agreed_at__isnull=True, agreed_to="") | (Q(agreed_at__isnull=False) & ~Q(agreed_to="")),
                name="agreed_to_a_service_by_name",
            )
        ]

    def __str__(self):
        return f"room of {self.appointment_id}"


class RoomLink(models.Model):
    """One side's way into a room, good for one opening. Its secret is made from the deployment's key."""

    class Side(models.TextChoices):
        PATIENT = "patient", _("the patient")
        CLINICIAN = "clinician", _("the clinician")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    room = models.ForeignKey(Room, models.CASCADE, related_name="links")
    side = models.CharField(max_length=9, choices=Side)
    made_at = models.DateTimeField(default=clock.now, editable=False)
    opened_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)  # another one took its place

    class Meta:
        ordering = ["made_at", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["room", "side"], condition=Q(ended_at=None), name="one_link_a_side")
        ]

    def __str__(self):
        return f"link {self.id}"
