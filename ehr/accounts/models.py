"""People who sign in, whoever may be let in, and their keys. Private keys are stored wrapped only."""

import uuid

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.utils.translation import gettext_lazy as _

from ehr import clock


class UserQuerySet(models.QuerySet):
    def by_email(self, email: str) -> models.QuerySet:
        return self.filter(email=email.strip().casefold())


class UserManager(BaseUserManager.from_queryset(UserQuerySet)):
    """How Django's authentication finds a person. Accounts are made by `operations`, which also makes the keyring."""

    def get_by_natural_key(self, username):
        return self.get(email=username.strip().casefold())


class User(AbstractBaseUser, PermissionsMixin):
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

    objects = UserManager()
    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["name"]

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(email=models.functions.Lower("email")), name="user_email_is_lower")
        ]

    def __str__(self):
        return self.name

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
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["reader", "number"], name="key_version_once")]
        ordering = ["reader", "number"]

    def __str__(self):
        return f"{self.reader_id} key {self.number}"


class Keyring(models.Model):
    """A reader's private keys, each copy wrapped under something only they have. Never unwrapped at rest."""

    reader = models.OneToOneField(Reader, models.PROTECT, related_name="keyring")
    version = models.ForeignKey(KeyVersion, models.PROTECT, related_name="+")
    by_passphrase = models.BinaryField(null=True, blank=True)
    by_recovery_code = models.BinaryField(null=True, blank=True)
    recovery_confirmed_at = models.DateTimeField(null=True, blank=True)
    changed_at = models.DateTimeField(default=clock.now)

    def __str__(self):
        return f"keyring of {self.reader_id}"
