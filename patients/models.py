"""The people records are about, and their sealed entries. What stands here in clear is what must work without a key."""

import uuid

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from ehr import clock
from ehr.accounts.models import KeyVersion, Reader, User
from ehr.words import Category

LOG_PART = "log"  # the lockbox for free words on the patient's log; not a part of the record
PARTS = (*Category, LOG_PART)


class Patient(models.Model):
    """The person a record is about. The record may arrive before they do: then `user` is empty."""

    class Sex(models.TextChoices):
        FEMALE = "female", _("female")
        MALE = "male", _("male")
        OTHER = "other", _("other")
        UNKNOWN = "unknown", _("not said")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.OneToOneField(User, models.PROTECT, null=True, blank=True, related_name="patient")
    name = models.CharField(max_length=200)
    birth_date = models.DateField()
    sex = models.CharField(max_length=10, choices=Sex, default=Sex.UNKNOWN)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    claimed_at = models.DateTimeField(null=True, blank=True)
    # By which rules, and up to which delivery of a feed, entries were last looked at for whether their part is right.
    sorted_by = models.CharField(max_length=60, blank=True, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(user__isnull=True, claimed_at__isnull=True)
                | Q(user__isnull=False, claimed_at__isnull=False),
                name="patient_claimed_by_a_user",
            )
        ]

    def __str__(self):
        return self.name


class Identifier(models.Model):
    """A keyed digest of one identifier of a patient: it can be matched, not read."""

    patient = models.ForeignKey(Patient, models.PROTECT, related_name="identifiers")
    digest = models.BinaryField(db_index=True)
    # The naming system in clear, so that staff can be asked for the same number: it says whose numbers, not which.
    system = models.CharField(max_length=200)
    verified_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            # Anybody may claim to be somebody; only one can have shown it.
            models.UniqueConstraint(
                fields=["digest"], condition=Q(verified_at__isnull=False), name="identifier_verified_once"
            ),
            models.UniqueConstraint(fields=["patient", "digest"], name="identifier_once_a_patient"),
        ]
        permissions = [("check_identity", "Can confirm who patients are")]

    def __str__(self):
        return f"identifier of {self.patient_id}"


class IdentityCheck(models.Model):
    """One staff member saw a document that shows whose identifier this is. It takes two of them."""

    identifier = models.ForeignKey(Identifier, models.PROTECT, related_name="checks")
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    document = models.CharField(max_length=100)  # which kind of document was seen, not its number
    at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["identifier", "by"], name="identity_checked_by_two_people")]

    def __str__(self):
        return f"check of identifier {self.identifier_id}"


class Source(models.Model):
    """Another system that sends records, known by the key it signs with."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=200, unique=True)
    public = models.BinaryField()  # Ed25519, 32 bytes
    registered_at = models.DateTimeField(default=clock.now, editable=False)

    def __str__(self):
        return self.name


class LockboxQuerySet(models.QuerySet):
    def current(self):
        return self.filter(closed_at__isnull=True)

    def of(self, patient, parts=PARTS):
        return self.filter(patient=patient, part__in=[str(part) for part in parts])


class Lockbox(models.Model):
    """The public half of the key of one patient × part × epoch. A closed epoch receives nothing more."""

    patient = models.ForeignKey(Patient, models.PROTECT, related_name="lockboxes")
    part = models.CharField(max_length=16)
    epoch = models.PositiveIntegerField()
    public = models.BinaryField()  # ML-KEM-768 ‖ X25519, 1,216 bytes
    # Signed by whoever opened the epoch, so that nobody swaps the key to catch what arrives.
    opened_by = models.ForeignKey(KeyVersion, models.PROTECT, related_name="+")
    signature = models.BinaryField()
    opened_at = models.DateTimeField(default=clock.now, editable=False)
    closed_at = models.DateTimeField(null=True, blank=True)

    objects = LockboxQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["patient", "part", "epoch"], name="lockbox_epoch_once"),
            models.UniqueConstraint(
                fields=["patient", "part"], condition=Q(closed_at__isnull=True), name="lockbox_one_open"
            ),
            models.CheckConstraint(condition=Q(part__in=[str(part) for part in PARTS]), name="lockbox_part_known"),
        ]

    def __str__(self):
        return f"{self.part} of {self.patient_id}, epoch {self.epoch}"


class Seal(models.Model):
    """A lockbox's key, closed for one reader. Without this row there is no key, and so no record.

    `blob` is an HPKE seal to the reader, or an AES-GCM wrap: under a grant's key, or under a key that only the owner
    has. Its first byte says which.
    """

    lockbox = models.ForeignKey(Lockbox, models.PROTECT, related_name="seals")
    reader = models.ForeignKey(Reader, models.PROTECT, related_name="seals")
    key_version = models.ForeignKey(KeyVersion, models.PROTECT, related_name="+")
    # The grant it was made for; empty for the patient's own and the escrow's. By id, for consent stands above.
    grant_id = models.UUIDField(null=True, blank=True, db_index=True)
    blob = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["lockbox", "grant_id"], condition=Q(grant_id__isnull=False), name="seal_grant_once"
            ),
            models.UniqueConstraint(
                fields=["lockbox", "reader"], condition=Q(grant_id__isnull=True), name="seal_owner_once"
            ),
        ]

    def __str__(self):
        return f"seal of lockbox {self.lockbox_id} to {self.reader_id}"


class GrantSeal(models.Model):
    """The one HPKE seal of a grant: a fresh key, sealed to its reader, under which all that the grant opens is wrapped.

    It may be made anew for a later key of the same reader; the grant stays the same.
    """

    grant_id = models.UUIDField(unique=True)  # by id, for consent stands above
    reader = models.ForeignKey(Reader, models.PROTECT, related_name="grant_seals")
    key_version = models.ForeignKey(KeyVersion, models.PROTECT, related_name="+")
    blob = models.BinaryField()

    def __str__(self):
        return f"seal of grant {self.grant_id}"


class BatchKey(models.Model):
    """A key made for one ingest, sealed to a lockbox and forgotten: writing needs no reading key."""

    lockbox = models.ForeignKey(Lockbox, models.PROTECT, related_name="batch_keys")
    sealed = models.BinaryField()

    def __str__(self):
        return f"batch key {self.pk}"


class Manifest(models.Model):
    """Who wrote a set of entries: the digests of all of them, signed once."""

    patient = models.ForeignKey(Patient, models.PROTECT, related_name="manifests")
    author = models.ForeignKey(KeyVersion, models.PROTECT, null=True, blank=True, related_name="+")
    source = models.ForeignKey(Source, models.PROTECT, null=True, blank=True, related_name="+")
    author_name = models.CharField(max_length=200)  # as it was
    digests = models.BinaryField()  # 32 bytes each, in the order of Entry.position
    signature = models.BinaryField()
    written_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(author__isnull=False, source__isnull=True) | Q(author__isnull=True, source__isnull=False),
                name="manifest_one_author",
            )
        ]

    def __str__(self):
        return f"manifest {self.pk}"


class Entry(models.Model):
    """One FHIR resource of one patient in one version, sealed; never overwritten."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    patient = models.ForeignKey(Patient, models.PROTECT, related_name="entries")
    logical_id = models.UUIDField()  # the FHIR id, the same in all versions
    version = models.PositiveIntegerField(default=1)
    current = models.BooleanField(default=True)
    shares = models.PositiveSmallIntegerField(default=1)  # how many lockboxes hold a share of the DEK
    manifest = models.ForeignKey(Manifest, models.PROTECT, related_name="entries")
    position = models.PositiveIntegerField()
    body = models.BinaryField()  # key commitment ‖ AES-256-GCM of the resource's JSON
    search = models.BinaryField()  # AES-256-GCM of its search values
    # HMAC of the source's own identifier, so that the same thing sent twice is stored once.
    origin = models.BinaryField(null=True, blank=True)
    written_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["patient", "logical_id", "version"], name="entry_version_once"),
            models.UniqueConstraint(
                fields=["patient", "logical_id"], condition=Q(current=True), name="entry_one_current"
            ),
            models.UniqueConstraint(
                fields=["patient", "origin"], condition=Q(origin__isnull=False), name="entry_origin_once"
            ),
            models.CheckConstraint(condition=Q(version__gte=1), name="entry_version_counts_from_one"),
            models.CheckConstraint(condition=Q(shares__in=[1, 2]), name="entry_one_or_two_shares"),
        ]

    def __str__(self):
        return f"entry {self.logical_id} version {self.version}"


class WrappedKey(models.Model):
    """An entry's DEK, or its share of it, wrapped under a lockbox. Destroying this row erases the entry."""

    entry = models.ForeignKey(Entry, models.PROTECT, related_name="wrapped_keys")
    lockbox = models.ForeignKey(Lockbox, models.PROTECT, related_name="wrapped_keys")
    batch = models.ForeignKey(BatchKey, models.PROTECT, null=True, blank=True, related_name="+")
    blob = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["entry", "lockbox"], name="wrapped_key_once")]

    def __str__(self):
        return f"key of {self.entry_id}"


class BundledKey(models.Model):
    """One chosen entry's DEK, wrapped under a grant's key: the bundle holds it, and no key of the part it is in."""

    grant_id = models.UUIDField(db_index=True)
    entry = models.ForeignKey(Entry, models.PROTECT, related_name="bundled_keys")
    blob = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["grant_id", "entry"], name="bundled_key_once")]

    def __str__(self):
        return f"key of {self.entry_id} for {self.grant_id}"


class Chunk(models.Model):
    """A piece of a picture or PDF that belongs to an entry, under a key derived from the entry's."""

    entry = models.ForeignKey(Entry, models.PROTECT, related_name="chunks")
    number = models.PositiveIntegerField()
    body = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["entry", "number"], name="chunk_once")]
        ordering = [F("number").asc()]

    def __str__(self):
        return f"chunk {self.number} of {self.entry_id}"
