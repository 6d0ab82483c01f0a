"""What the log stores. `audit.triggers` let nothing here be changed or taken away, but where `Erasure` says so."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from ehr import clock


class Event(models.Model):
    """Something happened. What, by whom and why is in its body; this row fixes the body by its hash."""

    id = models.UUIDField(primary_key=True, editable=False)  # version 7: ids sort by time
    time = models.DateTimeField()
    subject = models.UUIDField(null=True)  # the patient it is about, by id: audit looks nobody up
    body_hash = models.BinaryField()  # sha256(salt ‖ payload)

    class Meta:
        indexes = [models.Index(fields=["subject", "id"], name="event_story")]

    def __str__(self):
        return str(self.id)


class EventBody(models.Model):
    """The words of an event: canonical JSON, and the salt without which its hash says nothing."""

    event = models.OneToOneField(Event, models.PROTECT, primary_key=True, related_name="body")
    salt = models.BinaryField()  # 32 bytes
    payload = models.BinaryField()

    def __str__(self):
        return f"body of {self.event_id}"


class Queued(models.Model):
    """An event that has no leaf yet. Written in the event's own commit, so that no reader can miss one."""

    event = models.OneToOneField(Event, models.PROTECT, related_name="queued")

    def __str__(self):
        return f"{self.event_id} waits"


class Erasure(models.Model):
    """The permission to delete one event's body, and the record that it was."""

    event = models.OneToOneField(Event, models.PROTECT, primary_key=True, related_name="erasure")
    at = models.DateTimeField(default=clock.now, editable=False)
    because = models.CharField(max_length=100)

    def __str__(self):
        return f"{self.event_id} erased"


class Leaf(models.Model):
    """An event's place in the tree. Numbers start at 0 and have no gaps."""

    number = models.BigIntegerField(primary_key=True)
    event = models.OneToOneField(Event, models.PROTECT, related_name="leaf")
    subject = models.UUIDField(null=True)
    patient_seq = models.BigIntegerField()  # 1, 2, 3 … within one subject; 0 where there is none
    salt = models.BinaryField()  # 32 bytes; hides the sequence number and the previous leaf from everybody else
    hash = models.BinaryField()  # RFC 6962 leaf hash

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["subject", "patient_seq"], name="leaf_once_in_a_list"),
            models.CheckConstraint(
                condition=models.Q(subject__isnull=True, patient_seq=0)
                | models.Q(subject__isnull=False, patient_seq__gte=1),
                name="leaf_seq_counts_a_subject",
            ),
        ]

    def __str__(self):
        return f"leaf {self.number}"


class Tile(models.Model):
    """Up to 256 neighbouring hashes of one level of the tree; level n holds the roots of full tiles of level n - 1."""

    level = models.PositiveSmallIntegerField()
    index = models.BigIntegerField()
    hashes = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["level", "index"], name="tile_once")]

    def __str__(self):
        return f"tile {self.level}/{self.index}"


class Head(models.Model):
    """How many leaves there are. One row; its lock elects the sequencer that writes."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    size = models.BigIntegerField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="head_is_one_row")]

    def __str__(self):
        return f"{self.size} leaves"


class Tail(models.Model):
    """The end of one subject's list: how many leaves, and the last one's hash."""

    subject = models.UUIDField(primary_key=True)
    count = models.BigIntegerField()
    last = models.BinaryField()
    salt = models.BinaryField()  # 32 bytes; hides count and last from neighbours in the map

    def __str__(self):
        return f"{self.count} leaves of {self.subject}"


class MapTile(models.Model):
    """Eight levels of the map from subject to (count, last leaf), as it was at the last checkpoint."""

    prefix = models.CharField(max_length=64, primary_key=True)  # the key's leading bytes in hex; "" is the root
    slots = models.BinaryField()

    def __str__(self):
        return f"map {self.prefix or 'root'}"


class Checkpoint(models.Model):
    """A signed head: a C2SP signed note over size, root and the root of the subject map."""

    size = models.BigIntegerField(unique=True)
    root = models.BinaryField()
    map_root = models.BinaryField()
    at = models.DateTimeField()
    note = models.TextField()

    class Meta:
        ordering = ["size"]

    def __str__(self):
        return f"checkpoint of {self.size}"


class Anchor(models.Model):
    """One checkpoint's way to the chain. What became of it is pulled from `ehr.chain`."""

    class Status(models.TextChoices):
        QUEUED = "queued", _("waiting to be sent")
        CONFIRMED = "confirmed", _("on the chain")
        FINAL = "final", _("final on the chain")
        FAILED = "failed", _("refused by the chain")

    checkpoint = models.OneToOneField(Checkpoint, models.PROTECT, related_name="anchor")
    from_size = models.BigIntegerField()  # the anchored head its consistency proof starts from; 0 for the first
    digest = models.BinaryField(unique=True)  # names the transaction
    status = models.CharField(max_length=10, choices=Status, default=Status.QUEUED)
    block = models.BigIntegerField(null=True)
    queued_at = models.DateTimeField(default=clock.now, editable=False)

    def __str__(self):
        return f"anchor of {self.checkpoint_id}, {self.status}"


class Download(models.Model):
    """A subject took their list at this size; later lists carry the proof that they continue it."""

    subject = models.UUIDField()
    size = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["subject", "size"], name="download_once")]

    def __str__(self):
        return f"list of {self.subject} at {self.size}"


class Case(models.Model):
    """A patient does not recognise a line of their log. An officer answers within ten days."""

    class State(models.TextChoices):
        OPEN = "open", _("waiting for an answer")
        ANSWERED = "answered", _("answered")
        CLOSED = "closed", _("closed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    subject = models.UUIDField(db_index=True)
    event = models.ForeignKey(Event, models.PROTECT, related_name="cases")
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    opened_at = models.DateTimeField(default=clock.now, editable=False)
    due_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    # Which officer looks after it, by id and as they are called; nobody while empty.
    assigned_to = models.UUIDField(null=True, blank=True)
    assigned_name = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["due_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["event"], condition=~models.Q(state="closed"), name="case_once_while_it_is_not_closed"
            )
        ]

    def __str__(self):
        return f"case {self.id}"


class CaseMessage(models.Model):
    """Words in a case, sealed before they come here: by whom and when in clear, what only for those it is sealed to."""

    case = models.ForeignKey(Case, models.PROTECT, related_name="messages")
    by = models.JSONField()  # the party as it was
    at = models.DateTimeField(default=clock.now, editable=False)
    sealed = models.JSONField()  # for whom → base64 of the seal

    class Meta:
        ordering = ["id"]

    def __str__(self):
        return f"message in {self.case_id}"
