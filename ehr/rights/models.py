"""What a patient had made to take along or hand out. The content lies here as ciphertext this server cannot open."""

import uuid

from django.db import models
from django.db.models import F, Q

from ehr import clock
from patients.models import Patient


class Package(models.Model):
    """A whole record made ready to be saved once, within a day, by its patient: closed under their own keyring."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    patient = models.ForeignKey(Patient, models.CASCADE, related_name="packages")
    made_at = models.DateTimeField(default=clock.now, editable=False)
    expires_at = models.DateTimeField()
    size = models.PositiveBigIntegerField(default=0)  # bytes of the file; 0 until it is whole
    pieces_count = models.PositiveIntegerField(default=0)
    taken_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(expires_at__gt=F("made_at")), name="package_expires_after_made"),
        ]

    def __str__(self):
        return f"package {self.id}"


class PackagePiece(models.Model):
    """About a megabyte of a package, closed under its patient's keyring and bound to its place."""

    package = models.ForeignKey(Package, models.CASCADE, related_name="pieces")
    number = models.PositiveIntegerField()
    body = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["package", "number"], name="one_piece_a_place")]

    def __str__(self):
        return f"piece {self.number} of {self.package_id}"


class HealthLink(models.Model):
    """A SMART Health Link a patient handed out: the copy behind it as ciphertext, its key in the QR code alone."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    patient = models.ForeignKey(Patient, models.CASCADE, related_name="health_links")
    address_digest = models.BinaryField(unique=True)  # of the 256 random bits in the link's address
    parts = models.JSONField()
    purpose = models.BinaryField()  # what its patient calls it, closed under their own keyring
    passcode_digest = models.BinaryField()  # keyed
    tries_left = models.PositiveSmallIntegerField()
    openings = models.PositiveIntegerField(default=0)
    may_keep = models.BooleanField(default=False)  # whether the page that shows it offers to save the file
    made_at = models.DateTimeField(default=clock.now, editable=False)
    expires_at = models.DateTimeField()
    stopped_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(expires_at__gt=F("made_at")), name="health_link_expires_after_made"),
        ]

    def __str__(self):
        return f"health link {self.id}"


class HealthLinkFile(models.Model):
    """What a link leads to: a compact JWE (dir, A256GCM). Deleted when the link stops."""

    link = models.OneToOneField(HealthLink, models.CASCADE, related_name="file")
    body = models.TextField()

    def __str__(self):
        return f"file of {self.link_id}"
