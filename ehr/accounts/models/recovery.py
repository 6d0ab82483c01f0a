"""The way back to lost keys: three shares, of which any two open and one opens nothing, and a wait that can be stopped.

No share is stored in clear. The paper's is nowhere but on paper; the institution's and the guardian's are sealed to
them; and each is kept a second time under the owner's own keys, so that pairs can be made anew while these are open.
"""

import uuid
from datetime import datetime, timedelta

from django.db import models
from django.utils.translation import gettext_lazy as _

from ehr import clock
from ehr.accounts.models.keys import KeyVersion
from ehr.accounts.models.people import Reader, User

# A way back that nobody walked to its end within this time is over.
LIFE = timedelta(days=30)


class Share(models.Model):
    """One share of the way back to a reader's keys: 32 bytes, sealed to whoever keeps it."""

    class Holder(models.TextChoices):
        PAPER = "paper", _("paper")
        INSTITUTION = "institution", _("institution")
        GUARDIAN = "guardian", _("guardian")

    reader = models.ForeignKey(Reader, models.PROTECT, related_name="shares")
    holder = models.CharField(max_length=11, choices=Holder)
    sealed_to = models.ForeignKey(KeyVersion, models.PROTECT, null=True, blank=True, related_name="+")
    blob = models.BinaryField(null=True, blank=True)  # none for paper
    kept = models.BinaryField()  # under the owner's own keys
    made_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["reader", "holder"], name="share_once"),
            models.CheckConstraint(
                condition=models.Q(holder="paper", blob=None, sealed_to=None)
                | models.Q(blob__isnull=False, sealed_to__isnull=False) & ~models.Q(holder="paper"),
                name="share_sealed_unless_paper",
            ),
        ]

    def __str__(self):
        return f"{self.holder} share of {self.reader_id}"


class SharePair(models.Model):
    """A keyring's private keys, encrypted under what two shares make together."""

    class Of(models.TextChoices):
        PAPER_INSTITUTION = "paper+institution", _("paper and institution")
        PAPER_GUARDIAN = "paper+guardian", _("paper and guardian")
        INSTITUTION_GUARDIAN = "institution+guardian", _("institution and guardian")

    reader = models.ForeignKey(Reader, models.PROTECT, related_name="share_pairs")
    version = models.ForeignKey(KeyVersion, models.PROTECT, related_name="+")
    of = models.CharField(max_length=20, choices=Of)
    blob = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["reader", "of"], name="share_pair_once")]

    def __str__(self):
        return f"{self.of} of {self.reader_id}"


class Guardian(models.Model):
    """Somebody who keeps a share for another person, having agreed to. One at a time."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, models.PROTECT, related_name="guardians")
    # As it was typed: whether it is anybody's address is not told before they agree.
    asked = models.CharField(max_length=254)
    guardian = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="wards")
    asked_at = models.DateTimeField(default=clock.now, editable=False)
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_with = models.ForeignKey(KeyVersion, models.PROTECT, null=True, blank=True, related_name="+")
    signature = models.BinaryField(null=True, blank=True)  # the guardian's, over what they agreed to
    entrusted_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user"], condition=models.Q(ended_at__isnull=True), name="guardian_one_at_a_time"
            ),
            models.CheckConstraint(
                condition=models.Q(guardian__isnull=True) | ~models.Q(guardian=models.F("user")),
                name="guardian_is_another",
            ),
        ]

    def __str__(self):
        return f"guardian of {self.user_id}"


class Recovery(models.Model):
    """Somebody's way back to their keys: when it began, when it may end, and the key to which shares are handed.

    That key's private half is stored encrypted; what opens it is in the browser where it began, and nowhere else.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, models.PROTECT, related_name="recoveries")
    version = models.ForeignKey(KeyVersion, models.PROTECT, related_name="+")  # the keys that are lost
    public = models.BinaryField()
    sealed_private = models.BinaryField()
    started_at = models.DateTimeField(default=clock.now)
    ready_at = models.DateTimeField()
    cancelled_at = models.DateTimeField(null=True, blank=True)
    cancelled_because = models.CharField(max_length=20, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "recoveries"
        permissions = [("check_recovery", "Can check who gets lost keys back")]
        constraints = [
            models.UniqueConstraint(
                fields=["user"],
                condition=models.Q(cancelled_at__isnull=True, finished_at__isnull=True),
                name="recovery_one_at_a_time",
            ),
            models.CheckConstraint(
                condition=models.Q(cancelled_at__isnull=True) | models.Q(finished_at__isnull=True),
                name="recovery_ends_once",
            ),
        ]

    def __str__(self):
        return f"recovery of {self.user_id}"

    @property
    def over_at(self) -> datetime:
        """When it ends by itself."""
        return self.started_at + LIFE

    def is_open(self, at: datetime) -> bool:
        """Tell whether it is under way: neither stopped nor finished nor given up."""
        return self.cancelled_at is None and self.finished_at is None and at < self.over_at


class IdentityCheck(models.Model):
    """One member of staff who saw a document of whoever is getting their keys back."""

    recovery = models.ForeignKey(Recovery, models.CASCADE, related_name="checks")
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    document = models.CharField(max_length=200)
    in_person = models.BooleanField(default=False)  # two of these shorten the wait
    at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["recovery", "by"], name="identity_check_once")]

    def __str__(self):
        return f"check of {self.recovery_id} by {self.by_id}"


class GivenShare(models.Model):
    """A share handed to one recovery, sealed to its key and bound to the line of the log that says so."""

    recovery = models.ForeignKey(Recovery, models.CASCADE, related_name="given")
    holder = models.CharField(max_length=11, choices=Share.Holder)
    event_id = models.UUIDField()
    blob = models.BinaryField()
    at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["recovery", "holder"], name="given_share_once")]

    def __str__(self):
        return f"{self.holder} share given to {self.recovery_id}"
