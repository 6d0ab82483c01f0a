"""Readers' keys: public halves in a history, private ones wrapped only."""

import hashlib
import os

from django.db import models

from ehr import clock
from ehr.accounts.models.people import Reader
from ehr.crypto import digests


def new_salt() -> bytes:
    """Return 32 random bytes."""
    return os.urandom(32)


class KeyVersion(models.Model):
    """One link of a reader's key history. A successor is signed by its predecessor, so rotation keeps grants alive."""

    reader = models.ForeignKey(Reader, models.PROTECT, related_name="key_versions")
    number = models.PositiveIntegerField()
    kem_public = models.BinaryField()  # ML-KEM-768 ‖ X25519, 1,216 bytes
    author_public = models.BinaryField()  # Ed25519, 32 bytes
    stealth_spend_public = models.BinaryField()  # secp256k1 compressed, 33 bytes (ERC-5564 meta-address)
    stealth_view_public = models.BinaryField()
    signature = models.BinaryField(null=True, blank=True)  # by the predecessor's author key
    # The log's line that holds this version's digest: what stands here is believed only as far as it agrees with that.
    logged_as = models.UUIDField(null=True, blank=True)
    # Hides the person in the commitment that binds key to person in public.
    binding_salt = models.BinaryField(default=new_salt)
    commitment = models.BinaryField(null=True, blank=True)  # what stands in IdentityRegistry; people's keys only
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["reader", "number"], name="key_version_once")]
        ordering = ["reader", "number"]

    def __str__(self):
        return f"{self.reader_id} key {self.number}"

    @property
    def digest(self) -> bytes:
        """32 bytes that fix reader, number and all four public keys; the log and a predecessor's signature name it."""
        return hashlib.sha256(
            digests.joined(
                b"chartseal key v1",
                self.reader_id.bytes,
                self.number.to_bytes(4, "big"),
                bytes(self.kem_public),
                bytes(self.author_public),
                bytes(self.stealth_spend_public),
                bytes(self.stealth_view_public),
            )
        ).digest()

    @property
    def blinded(self) -> bytes:
        """32 bytes that fix this key and its reader for whoever is told the salt, and tell others nothing."""
        return hashlib.sha256(digests.joined(b"chartseal binding v1", bytes(self.binding_salt), self.digest)).digest()


class Keyring(models.Model):
    """A reader's private keys, each copy wrapped under something only they have. Never unwrapped at rest."""

    reader = models.OneToOneField(Reader, models.PROTECT, related_name="keyring")
    version = models.ForeignKey(KeyVersion, models.PROTECT, related_name="+")
    by_passphrase = models.BinaryField(null=True, blank=True)
    # Salt and cost of the stretch whose second half wraps `by_passphrase`. Equal to the sign-in's, unless the
    # passphrase was reset by e-mail: then signing in works and this copy stays shut.
    stretched_with = models.CharField(max_length=100, blank=True)
    # Of the keyholder's readers only: a second copy, under what its officers' shares rebuild. People have `SharePair`s.
    by_recovery_code = models.BinaryField(null=True, blank=True)
    recovery_confirmed_at = models.DateTimeField(null=True, blank=True)
    changed_at = models.DateTimeField(default=clock.now)

    def __str__(self):
        return f"keyring of {self.reader_id}"


class PastKeys(models.Model):
    """An older version's private keys, encrypted under a key made from its successor's: who holds that holds both."""

    version = models.OneToOneField(KeyVersion, models.PROTECT, related_name="+")
    under = models.OneToOneField(KeyVersion, models.PROTECT, related_name="+")
    blob = models.BinaryField()

    class Meta:
        verbose_name_plural = "past keys"
        constraints = [
            models.CheckConstraint(condition=~models.Q(version=models.F("under")), name="past_keys_under_another")
        ]

    def __str__(self):
        return f"key {self.version_id} under {self.under_id}"


class MemberSeal(models.Model):
    """A team's private keys, sealed to one member's key. Deleting the row ends what the member opens."""

    reader = models.ForeignKey(Reader, models.PROTECT, related_name="member_seals")  # the team
    version = models.ForeignKey(KeyVersion, models.PROTECT, related_name="+")  # the team's
    member = models.ForeignKey(KeyVersion, models.PROTECT, related_name="+")
    blob = models.BinaryField()
    made_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["version", "member"], name="member_seal_once")]

    def __str__(self):
        return f"seal of team {self.reader_id} to key {self.member_id}"
