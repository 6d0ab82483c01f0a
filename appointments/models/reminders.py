"""What reminds people of visits: one row for each visit, moment and way. The words are made when it leaves."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from appointments.models.visits import Appointment
from ehr.outbox.models import Parcel


class Reminder(Parcel):
    """One reminder of one visit, so many hours before it. Its link is a secret of which only a digest is here."""

    class Channel(models.TextChoices):
        PORTAL = "portal", _("in the portal")
        MAIL = "mail", _("by e-mail")
        SMS = "sms", _("by text message")

    appointment = models.ForeignKey(Appointment, models.PROTECT, related_name="reminders")
    hours = models.PositiveSmallIntegerField()  # before the start, in absolute time
    channel = models.CharField(max_length=6, choices=Channel)
    link_digest = models.BinaryField(max_length=32, unique=True)
    confirmed_at = models.DateTimeField(null=True, blank=True)  # when its link was used to say "I will come"

    class Meta(Parcel.Meta):
        abstract = False
        indexes = [models.Index(fields=["due_at"], condition=Q(delivered_at=None), name="reminder_waiting")]
        constraints = [
            models.UniqueConstraint(fields=["appointment", "hours", "channel"], name="reminded_once_each_way")
        ]

    def __str__(self):
        return f"reminder {self.id}"
