"""What people are told in the portal, and the e-mails that say there is something to read."""

import uuid

from django.db import models

from ehr import clock
from ehr.accounts.models import User
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
        indexes = [models.Index(fields=["user", "-created_at"], name="notice_by_user")]

    def __str__(self):
        return f"{self.kind} for {self.user_id}"


class Mail(Parcel):
    """The e-mail of one notice: it says that there is something new, never what."""

    notice = models.ForeignKey(Notice, models.CASCADE, related_name="mails")

    class Meta(Parcel.Meta):
        abstract = False
        indexes = [models.Index(fields=["due_at"], condition=models.Q(delivered_at=None), name="mail_waiting")]
