"""People who sign in, and whoever may be let in."""

import uuid

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.db.models.functions import Lower
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from ehr import clock


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
            ),
            # A service is found by its name, so nobody puts a second one beside it.
            models.UniqueConstraint(fields=["name"], condition=models.Q(kind="service"), name="reader_service_once"),
        ]

    def __str__(self):
        return self.name
