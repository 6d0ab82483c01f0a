"""What other systems say that a patient agreed to, until the patient has looked at it."""

import uuid

from django.db import models
from django.db.models import F, Q

from ehr import clock
from ehr.accounts.models import Reader
from patients.models import Patient


class ConsentDraftQuerySet(models.QuerySet):
    def waiting(self, at):
        """Those that nobody has looked at, and that have not lapsed."""
        return self.filter(state=ConsentDraft.State.WAITING, lapses_at__gt=at)


class ConsentDraft(models.Model):
    """A Consent that came from elsewhere, as a proposal. It opens nothing, whatever becomes of it: patients sign here.

    `reader` is whoever was recognised by licence or by their identifier here; nobody is guessed by name. `unclear`
    says in machine words what of it could not be taken over.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "waiting for the patient"
        TAKEN = "taken", "taken up by the patient, who decides and signs anew"
        DISMISSED = "dismissed", "put aside by the patient"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    patient = models.ForeignKey(Patient, models.PROTECT, related_name="consent_drafts")
    reader = models.ForeignKey(Reader, models.PROTECT, null=True, blank=True, related_name="+")
    categories = models.JSONField()  # sorted as in Category; may be empty
    actions = models.JSONField()
    ends = models.DateTimeField(null=True, blank=True)
    unclear = models.JSONField(default=list)  # sorted machine words
    source = models.CharField(max_length=200)  # the system, or the app, that sent it
    whom = models.BinaryField()  # who was named, in the sender's words, sealed to the patient's log lockbox
    digest = models.BinaryField()  # keyed, of source and content: the same sent twice is one draft
    received_at = models.DateTimeField(default=clock.now, editable=False)
    lapses_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    looked_at = models.DateTimeField(null=True, blank=True)

    objects = ConsentDraftQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["patient", "digest"], name="consent_draft_once"),
            models.CheckConstraint(condition=Q(lapses_at__gt=F("received_at")), name="consent_draft_lapses_later"),
            models.CheckConstraint(
                condition=Q(state="waiting", looked_at__isnull=True)
                | (~Q(state="waiting") & Q(looked_at__isnull=False)),
                name="consent_draft_looked_at_some_time",
            ),
        ]
        indexes = [models.Index(fields=["patient", "state", "lapses_at"], name="consent_draft_of_patient")]

    def __str__(self):
        return f"consent draft {self.id}"
