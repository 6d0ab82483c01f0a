"""What people are told in the portal, the e-mails that say there is something to read, and hooks of institutions."""

import uuid

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from ehr import clock
from ehr.accounts.models import User
from ehr.notices.timing import Pace
from ehr.outbox.models import Parcel


class NoticeQuerySet(models.QuerySet):
    def unread(self) -> models.QuerySet:
        return self.filter(read_at=None)


class Notice(models.Model):
    """One thing a person is told. Its words are made from the kind when it is shown, in their language."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="notices")
    kind = models.CharField(max_length=60)
    about = models.UUIDField(null=True, blank=True)  # the grant, credential or case it is about, by id
    params = models.JSONField(default=dict)
    key = models.CharField(max_length=200, unique=True)  # the same cause tells once
    created_at = models.DateTimeField(default=clock.now, editable=False)
    read_at = models.DateTimeField(null=True, blank=True)

    objects = NoticeQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["user", "-created_at"], name="notice_by_user"),
            models.Index(fields=["user"], condition=Q(read_at=None), name="notice_unread"),
        ]

    def __str__(self):
        return f"{self.kind} for {self.user_id}"


class Preference(models.Model):
    """How one person wants e-mail about what is new. Whoever has no row is told at once, at any hour."""

    user = models.OneToOneField(User, models.CASCADE, related_name="notice_preference")
    pace = models.CharField(max_length=10, choices=Pace, default=Pace.INSTANT)
    # On the person's wall clock; from late to early runs over midnight.
    quiet_from = models.TimeField(null=True, blank=True)
    quiet_until = models.TimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(quiet_from=None, quiet_until=None)
                | Q(quiet_from__isnull=False, quiet_until__isnull=False) & ~Q(quiet_from=F("quiet_until")),
                name="quiet_hours_begin_and_end",
            )
        ]

    def __str__(self):
        return f"{self.pace} for {self.user_id}"


class Telephone(models.Model):
    """Where somebody gets text messages, once they proved that it is theirs. The number is under STORAGE_KEY."""

    user = models.OneToOneField(User, models.CASCADE, related_name="telephone")
    sealed_number = models.BinaryField()  # bound to its person
    code_digest = models.BinaryField(max_length=32, default=bytes, blank=True)  # of the six digits sent to it
    code_until = models.DateTimeField(null=True, blank=True)
    proven_at = models.DateTimeField(null=True, blank=True)
    made_at = models.DateTimeField(default=clock.now, editable=False)

    def __str__(self):
        return f"telephone of {self.user_id}"


class Digest(Parcel):
    """One letter for all that came in a day or a week. It counts by topic when it is sent; at most one a day each."""

    user = models.ForeignKey(User, models.CASCADE, related_name="digests")

    class Meta(Parcel.Meta):
        abstract = False
        indexes = [models.Index(fields=["due_at"], condition=Q(delivered_at=None), name="digest_waiting")]


class Mail(Parcel):
    """The e-mail of one notice: it says that there is something new, never what."""

    notice = models.ForeignKey(Notice, models.CASCADE, related_name="mails")
    # The letter it went into instead of leaving by itself; then it counts as delivered here.
    digest = models.ForeignKey(Digest, models.CASCADE, null=True, blank=True, related_name="mails")

    class Meta(Parcel.Meta):
        abstract = False
        indexes = [models.Index(fields=["due_at"], condition=Q(delivered_at=None), name="mail_waiting")]


class Hook(models.Model):
    """Where an institution's own system wants to hear that something happened. By id: institutions stand above."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    institution = models.UUIDField()
    url = models.URLField(max_length=500)
    sealed_secret = models.BinaryField()  # under STORAGE_KEY, bound to this row
    enabled = models.BooleanField(default=True)
    made_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        permissions = [("manage_hook", "Can set up and stop the hooks of institutions")]
        constraints = [
            models.UniqueConstraint(fields=["institution"], condition=Q(enabled=True), name="one_hook_an_institution")
        ]

    def __str__(self):
        return f"hook {self.id}"


class HookParcel(Parcel):
    """One thing an institution's system is told: a kind, a time and an id. No names, nothing about health."""

    hook = models.ForeignKey(Hook, models.PROTECT, related_name="parcels")

    class Meta(Parcel.Meta):
        abstract = False
        indexes = [models.Index(fields=["due_at"], condition=Q(delivered_at=None), name="hook_parcel_waiting")]


class Errand(models.Model):
    """Something that somebody without a mailbox must hear, until somebody at the desk wrote or called."""

    class How(models.TextChoices):
        LETTER = "letter", _("by letter")
        TELEPHONE = "telephone", _("by telephone")
        IN_PERSON = "in-person", _("face to face")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="errands")
    kind = models.CharField(max_length=60)
    key = models.CharField(max_length=200, unique=True)  # the same cause makes one
    made_at = models.DateTimeField(default=clock.now, editable=False)
    due_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True, blank=True)
    done_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    how = models.CharField(max_length=10, choices=How, blank=True)

    class Meta:
        permissions = [("run_errand", "Can tell people without e-mail what must reach them")]
        indexes = [models.Index(fields=["due_at"], condition=Q(done_at=None), name="errand_waiting")]
        constraints = [
            models.CheckConstraint(
                condition=Q(done_at=None, done_by=None, how="")
                | Q(done_at__isnull=False, done_by__isnull=False) & ~Q(how=""),
                name="errand_done_by_somebody",
            )
        ]

    def __str__(self):
        return f"{self.kind} for {self.user_id}"
