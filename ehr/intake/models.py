"""Who may send, what came of what they sent, and what could not be taken in. None of it says what a message says."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from ehr import clock
from ehr.accounts.models import KeyVersion, User
from patients.models import Patient, Source
from providers.models import Institution


class Kind(models.TextChoices):
    """What a feed may send."""

    HL7V2 = "hl7v2", _("HL7 version 2 messages")
    CCDA = "ccda", _("C-CDA documents")
    FHIR = "fhir", _("FHIR bundles and NDJSON")


class Feed(models.Model):
    """Another system that may write and never read: how it shows who it is, and what its own names mean."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    source = models.OneToOneField(Source, models.PROTECT, related_name="feed")
    institution = models.ForeignKey(Institution, models.PROTECT, related_name="+")
    kinds = models.JSONField(default=list)
    token_digest = models.BinaryField(unique=True)  # of 256 random bits, so a plain SHA-256 does
    # Networks from which it may connect by MLLP, and the application and facility (MSH-3, MSH-4) it names itself there.
    peers = models.JSONField(default=list)
    application = models.CharField(max_length=200, blank=True)
    facility = models.CharField(max_length=200, blank=True)
    charset = models.CharField(max_length=30, blank=True)  # what is meant where MSH-18 says nothing
    registered_at = models.DateTimeField(default=clock.now, editable=False)
    stopped_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        permissions = [("manage_feed", _("Can register systems that send, and stop them"))]

    def __str__(self):
        return f"feed {self.id}"


class Translation(models.Model):
    """What one of a sender's own names means: a code, a unit, or whose numbers an authority gives out."""

    class Of(models.TextChoices):
        CODE = "code", _("a code")
        UNIT = "unit", _("a unit")
        AUTHORITY = "authority", _("an authority that numbers patients")

    feed = models.ForeignKey(Feed, models.PROTECT, related_name="translations")
    of = models.CharField(max_length=10, choices=Of)
    given_system = models.CharField(
        max_length=100, blank=True
    )  # of a code: its third component, as the sender writes it
    given = models.CharField(max_length=200)
    system = models.CharField(max_length=200, blank=True)
    code = models.CharField(max_length=200, blank=True)
    display = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["feed", "of", "given_system", "given"], name="translation_once_a_feed")
        ]

    def __str__(self):
        return f"translation {self.pk}"


class Taken(models.Model):
    """A message that was taken in: whose record it went to and which entries it made. Recognised by digests."""

    feed = models.ForeignKey(Feed, models.PROTECT, related_name="taken")
    kind = models.CharField(max_length=20)
    control_digest = models.BinaryField()  # keyed, of the message control id or the document's id
    content_digest = models.BinaryField()  # keyed, of every byte
    patient = models.ForeignKey(Patient, models.PROTECT, null=True, blank=True, related_name="+")
    named_digest = models.BinaryField(null=True, blank=True)  # the identifier by which the patient was found
    entries = models.JSONField(default=list)  # ids of the rows it made
    at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["feed", "control_digest", "content_digest"], name="message_taken_once")
        ]

    def __str__(self):
        return f"message {self.pk}"


class Said(models.Model):
    """When a sender last said what an entry says, by the sender's own clock: what is older comes too late."""

    patient = models.ForeignKey(Patient, models.PROTECT, related_name="+")
    logical_id = models.UUIDField(unique=True)
    at = models.DateTimeField()

    def __str__(self):
        return f"last word on {self.logical_id}"


class Broken(models.Model):
    """A message that could not be taken in, sealed to the keyholder's repair key, and what is wrong with it."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        MENDED = "mended", _("taken in")
        GIVEN_UP = "given-up", _("given up")
        EXPIRED = "expired", _("kept no longer")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    feed = models.ForeignKey(Feed, models.PROTECT, related_name="broken")
    channel = models.CharField(max_length=10, choices=Kind)
    kind = models.CharField(max_length=20, blank=True)  # of a fixed list, empty where it could not be told
    problems = models.JSONField(default=list)  # [{"where", "words"}]: places and rules, never content
    control_digest = models.BinaryField(null=True, blank=True)
    content_digest = models.BinaryField()
    size = models.PositiveIntegerField()
    key_version = models.ForeignKey(KeyVersion, models.PROTECT, related_name="+")
    sealed_key = models.BinaryField()  # HPKE to the repair key; empty once the message is not kept any more
    body = models.BinaryField()  # AES-256-GCM under that key
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    times = models.PositiveIntegerField(default=1)  # how often the sender has sent it
    received_at = models.DateTimeField(default=clock.now, editable=False)
    tried_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    reason = models.CharField(max_length=500, blank=True)

    class Meta:
        permissions = [("repair_message", _("Can have messages tried again, and give them up"))]
        constraints = [
            models.UniqueConstraint(fields=["feed", "content_digest"], name="message_broken_once"),
            models.CheckConstraint(
                condition=Q(state="waiting", closed_at__isnull=True) | ~Q(state="waiting") & Q(closed_at__isnull=False),
                name="message_closed_at_a_time",
            ),
        ]
        indexes = [models.Index(fields=["state", "received_at"], name="messages_waiting")]

    def __str__(self):
        return f"broken message {self.id}"


class Device(models.Model):
    """A device of a patient's that may write readings and nothing else, until a day."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    patient = models.ForeignKey(Patient, models.PROTECT, related_name="devices")
    name = models.CharField(max_length=60)
    token_digest = models.BinaryField(unique=True)
    made_at = models.DateTimeField(default=clock.now, editable=False)
    ends_at = models.DateTimeField()
    stopped_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    # How often it has sent within the minute that began then.
    minute_began_at = models.DateTimeField(null=True, blank=True)
    minute_count = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(ends_at__gt=models.F("made_at")), name="device_ends_later")]

    def __str__(self):
        return f"device {self.id}"


class Stray(models.Model):
    """Entries that landed in the wrong record: two people say so, and their keys there are destroyed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    patient = models.ForeignKey(Patient, models.PROTECT, related_name="+")  # in whose record they are
    taken = models.ForeignKey(Taken, models.PROTECT, null=True, blank=True, related_name="strays")
    entries = models.JSONField(default=list)
    reason = models.CharField(max_length=500, blank=True)
    said_by = models.ForeignKey(User, models.PROTECT, related_name="+")  # a member of staff, or the patient
    said_at = models.DateTimeField(default=clock.now, editable=False)
    decided_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    removed = models.BooleanField(default=False)
    # What its patient handed back, so that it can go where it belongs: sealed as a broken message is, emptied once it
    # is decided, or after 30 days. It opens in no other row.
    feed = models.ForeignKey(Feed, models.PROTECT, null=True, blank=True, related_name="+")
    key_version = models.ForeignKey(KeyVersion, models.PROTECT, null=True, blank=True, related_name="+")
    sealed_key = models.BinaryField(default=b"")
    body = models.BinaryField(default=b"")
    # To whom one of the staff says it belongs; another one decides.
    target = models.ForeignKey(Patient, models.PROTECT, null=True, blank=True, related_name="+")
    target_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    moved = models.BooleanField(default=False)

    class Meta:
        permissions = [("remove_stray", _("Can take entries out of the wrong person's record"))]

    def __str__(self):
        return f"stray {self.id}"


class Joining(models.Model):
    """Two records of one person: whose numbers lead where from now on, decided by two people, and undone by two."""

    class State(models.TextChoices):
        PROPOSED = "proposed", _("proposed")
        JOINED = "joined", _("joined")
        REFUSED = "refused", _("refused")
        UNDOING = "undoing", _("to be undone")
        UNDONE = "undone", _("undone")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kept = models.ForeignKey(Patient, models.PROTECT, related_name="+")
    gone = models.ForeignKey(Patient, models.PROTECT, related_name="+")
    feed = models.ForeignKey(Feed, models.PROTECT, null=True, blank=True, related_name="+")  # which said so, if one did
    state = models.CharField(max_length=10, choices=State, default=State.PROPOSED)
    moved = models.JSONField(default=list)  # ids of the identifiers that went along
    proposed_at = models.DateTimeField(default=clock.now, editable=False)
    first_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    second_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    joined_at = models.DateTimeField(null=True, blank=True)
    undo_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    undone_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    closed_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=500, blank=True)

    class Meta:
        permissions = [("join_records", _("Can bring two records of one person together, and apart again"))]
        constraints = [
            models.CheckConstraint(condition=~Q(kept=models.F("gone")), name="joining_of_two_records"),
            models.UniqueConstraint(
                fields=["kept", "gone"], condition=Q(state__in=["proposed", "joined", "undoing"]), name="joining_once"
            ),
        ]

    def __str__(self):
        return f"joining {self.id}"
