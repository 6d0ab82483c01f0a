"""People without an e-mail address: the paper that invites them, who saw them for it, and where letters reach them."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from ehr import clock
from ehr.accounts import stored
from ehr.accounts.models.people import User


class PaperInvitationQuerySet(models.QuerySet["PaperInvitation"]):
    def under_way(self, at) -> models.QuerySet["PaperInvitation"]:
        """Return those that may be checked or used at a moment."""
        return self.filter(used_at=None, ended_at=None, expires_at__gt=at)


class PaperInvitation(models.Model):
    """A paper that lets somebody choose a passphrase, once. It takes two members of staff, each of whom makes half."""

    class Kind(models.TextChoices):
        JOIN = "join", _("begin an account")
        BACK = "back", _("choose a new passphrase")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="paper_invitations")
    kind = models.CharField(max_length=10, choices=Kind)
    # A keyed digest of the number the first of the staff typed from the document: the second must type the same.
    # Forgotten with its use.
    document_digest = models.BinaryField()
    made_at = models.DateTimeField(default=clock.now, editable=False)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = PaperInvitationQuerySet.as_manager()

    class Meta:
        permissions = [("issue_paper", "Can see who people without e-mail are, and make papers for them")]
        constraints = [
            models.UniqueConstraint(
                fields=["user"],
                condition=models.Q(used_at__isnull=True, ended_at__isnull=True),
                name="paper_one_at_a_time",
            ),
            models.CheckConstraint(condition=models.Q(expires_at__gt=models.F("made_at")), name="paper_ends"),
        ]

    def __str__(self):
        return f"{self.kind} paper of {self.user_id}"


class PaperCheck(models.Model):
    """One member of staff who saw the person and their document, and the half of the code that this one handed over."""

    invitation = models.ForeignKey(PaperInvitation, models.CASCADE, related_name="checks")
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    half = models.PositiveSmallIntegerField()  # 1 or 2
    document = models.CharField(max_length=100)
    # A keyed digest: neither the table nor the other member of staff knows what this half says.
    half_digest = models.BinaryField()
    at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["invitation", "by"], name="paper_checked_by_two_people"),
            models.UniqueConstraint(fields=["invitation", "half"], name="paper_half_once"),
            models.CheckConstraint(condition=models.Q(half__in=[1, 2]), name="paper_has_two_halves"),
        ]

    def __str__(self):
        return f"check of {self.invitation_id} by {self.by_id}"


class PostalAddress(models.Model):
    """Where a letter or a call reaches somebody without e-mail. Encrypted at rest; read by whoever must tell them."""

    user = models.OneToOneField(User, models.CASCADE, related_name="postal_address")
    sealed = models.BinaryField()
    noted_at = models.DateTimeField(default=clock.now)

    class Meta:
        verbose_name_plural = "postal addresses"

    def __str__(self):
        return f"address of {self.user_id}"

    @property
    def text(self) -> str:
        """The address and telephone number, as they were told. Raises stored.NotOurs for a row copied from another."""
        return stored.take_out(bytes(self.sealed), about=self.user_id.bytes, label="postal-address").decode()

    @text.setter
    def text(self, value: str) -> None:
        self.sealed = stored.put_away(value.encode(), about=self.user_id.bytes, label="postal-address")
