"""People who sign in, whoever may be let in, and their keys. Private keys are stored wrapped only."""

import hashlib
import os
import time
import uuid

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.db.models.functions import Lower
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _
from django_otp.models import Device
from django_otp.oath import TOTP

from ehr import clock
from ehr.accounts import codes, stored
from ehr.crypto import digests
from ehr.outbox.models import Parcel


def new_salt() -> bytes:
    """Return 32 random bytes."""
    return os.urandom(32)


class UserManager(BaseUserManager["User"]):
    """How Django's authentication finds a person. Accounts are made by `operations`, which also makes the keyring."""

    def by_email(self, email: str) -> models.QuerySet["User"]:
        return self.filter(email=email.strip().casefold())

    def get_by_natural_key(self, username):
        return self.get(email=username.strip().casefold())


# django-otp has no types, so the managers of what derives from its Device are not known.
class User(AbstractBaseUser, PermissionsMixin):  # type: ignore[django-manager-missing]
    """One human being with one sign-in. Which portals open is decided from what else refers to them."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(_("e-mail address"), unique=True)
    name = models.CharField(_("full name"), max_length=200)
    time_zone = models.CharField(max_length=64, default="UTC")
    language = models.CharField(max_length=10, default="en")
    email_verified_at = models.DateTimeField(null=True, blank=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    joined_at = models.DateTimeField(default=clock.now, editable=False)
    # Raised to end every session at once; each session remembers the number it began with.
    session_epoch = models.PositiveIntegerField(default=0)
    # Set while an authenticator app is enrolled; then no session counts without its code.
    second_factor_at = models.DateTimeField(null=True, blank=True)

    objects = UserManager()
    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["name"]

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(email=Lower("email")), name="user_email_is_lower")]

    def __str__(self):
        return self.name

    def _get_session_auth_hash(self, secret=None):
        """Tie a session to the passphrase and the epoch: change either, and every other session is over."""
        told = f"{self.password}\x00{self.session_epoch}"
        return salted_hmac("ehr.accounts.session", told, secret=secret, algorithm="sha256").hexdigest()

    def get_full_name(self):
        return self.name

    def get_short_name(self):
        return self.name


class Reader(models.Model):
    """Whoever may be let in: a person, a team, an app, a study, a service. A reader has keys."""

    class Kind(models.TextChoices):
        PERSON = "person", _("person")
        TEAM = "team", _("team")
        APP = "app", _("app")
        STUDY = "study", _("study")
        SERVICE = "service", _("service")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.PERSON)
    user = models.OneToOneField(User, models.PROTECT, null=True, blank=True, related_name="reader")
    name = models.CharField(max_length=200)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind="person", user__isnull=False) | ~models.Q(kind="person"),
                name="reader_person_has_user",
            )
        ]

    def __str__(self):
        return self.name


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


class Link(models.Model):
    """A link sent by e-mail, good for one use. The row holds no secret: the link carries this id, signed."""

    class Kind(models.TextChoices):
        VERIFY = "verify", _("prove an e-mail address")
        RESET = "reset", _("choose a new passphrase")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="links")
    kind = models.CharField(max_length=10, choices=Kind)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    ends_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(ends_at__gt=models.F("created_at")), name="link_ends")]

    def __str__(self):
        return f"{self.kind} link of {self.user_id}"


class Attempt(models.Model):
    """One try at something that can be guessed or abused. Who and whence are kept as keyed digests only."""

    kind = models.CharField(max_length=20)
    account = models.BinaryField()
    address = models.BinaryField()
    at = models.DateTimeField(default=clock.now)
    # A try counts against its account until it turned out well.
    failed = models.BooleanField(default=True)

    class Meta:
        indexes = [
            models.Index(fields=["kind", "account", "at"], name="attempt_by_account"),
            models.Index(fields=["kind", "address", "at"], name="attempt_by_address"),
        ]

    def __str__(self):
        return f"{self.kind} at {self.at:%Y-%m-%d %H:%M:%S}"


class AuthenticatorApp(Device):
    """A second factor: six digits that change every 30 seconds (RFC 6238). The secret is encrypted at rest.

    Guessing is stopped by `attempts`, before a code is tried.
    """

    STEP_SECONDS = 30
    sealed_secret = models.BinaryField()
    # The last 30-second step that was accepted: a code works once.
    last_step = models.BigIntegerField(default=-1)

    @property
    def secret(self) -> bytes:
        """The 20 bytes shared with the app. Raises stored.NotOurs when the row was copied from another person."""
        return stored.take_out(bytes(self.sealed_secret), about=self.user_id.bytes, label="authenticator")

    @secret.setter
    def secret(self, value: bytes) -> None:
        self.sealed_secret = stored.put_away(value, about=self.user_id.bytes, label="authenticator")

    def verify_token(self, token: str) -> bool:
        """Tell whether token is right now, one step of 30 s back or ahead, and was not used before."""
        digits = token.replace(" ", "")
        totp = TOTP(self.secret, self.STEP_SECONDS)
        totp.time = time.time()
        if digits.isascii() and digits.isdigit() and totp.verify(int(digits), 1, self.last_step + 1):
            self.last_step = totp.t()
            self.save(update_fields=["last_step"])
            return True
        return False


class BackupCodes(Device):
    """A second factor on paper: a sheet of codes for the day the phone is lost."""

    def verify_token(self, token: str) -> bool:
        """Tell whether token is one of the sheet's unused codes, and use it up."""
        unused = self.codes.filter(digest=BackupCode.digest_of(self.user_id, token), used_at=None)
        return unused.update(used_at=clock.now()) == 1


class BackupCode(models.Model):
    """One code of a sheet, as a keyed digest. It works once."""

    sheet = models.ForeignKey(BackupCodes, models.CASCADE, related_name="codes")
    digest = models.BinaryField()
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["sheet", "digest"], name="backup_code_once")]

    def __str__(self):
        return f"backup code {self.pk}"

    @staticmethod
    def digest_of(user_id: uuid.UUID, code: str) -> bytes:
        """Return the 32-byte keyed digest under which a code is kept."""
        return stored.index("backup-code", f"{user_id}:{codes.plain(code)}")


class Letter(Parcel):
    """A letter about an account: a link, a lock, a change. `ehr.notices` words it, sends it and shelves a copy."""

    user = models.ForeignKey(User, models.CASCADE, related_name="letters")
    link = models.ForeignKey(Link, models.CASCADE, null=True, blank=True, related_name="+")
    # When its copy was put among the person's notices; letters with links have no copy.
    shelved_at = models.DateTimeField(null=True, blank=True)

    class Meta(Parcel.Meta):
        abstract = False
        indexes = [models.Index(fields=["due_at"], condition=models.Q(delivered_at=None), name="letter_waiting")]
