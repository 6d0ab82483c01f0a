"""People who sign in, and whoever may be let in."""

import uuid

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.db.models.functions import Lower
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from ehr import clock
from ehr.accounts import names


class UserManager(BaseUserManager["User"]):
    """How Django's authentication finds a person. Accounts are made by `operations`, which also makes the keyring."""

    def by_email(self, email: str) -> models.QuerySet["User"]:
        return self.filter(email=email.strip().casefold())

    def known_as(self, typed: str) -> models.QuerySet["User"]:
        """Return whoever signs in with this: an e-mail address, or the sign-in name of somebody who was given one."""
        folded = names.folded(typed)
        return self.filter(email=folded) if "@" in folded else self.filter(sign_in_name=folded)

    def proven_as(self, typed: str) -> models.QuerySet["User"]:
        """Return the active person who signs in with this, once their address is proven or staff vouched for them."""
        proven = models.Q(email_verified_at__isnull=False) | models.Q(vouched_at__isnull=False)
        return self.known_as(typed).filter(proven, is_active=True)

    def get_by_natural_key(self, username):
        return self.known_as(username).get()


# django-otp has no types, so the managers of what derives from its Device are not known.
class User(AbstractBaseUser, PermissionsMixin):  # type: ignore[django-manager-missing]
    """One human being with one sign-in. Which portals open is decided from what else refers to them."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # None for people without one, so that it is unique among those who have one.
    email = models.EmailField(_("e-mail address"), unique=True, null=True, blank=True)
    # Made by us, for people whom two members of staff invited on paper. It has no @, so it is nobody's address.
    sign_in_name = models.CharField(_("sign-in name"), max_length=20, unique=True, null=True, blank=True)
    name = models.CharField(_("full name"), max_length=200)
    time_zone = models.CharField(max_length=64, default="UTC")
    language = models.CharField(max_length=10, default="en")
    email_verified_at = models.DateTimeField(null=True, blank=True)
    # When they used a paper for which two members of staff saw who they are: that stands for a proven address.
    vouched_at = models.DateTimeField(null=True, blank=True)
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
        constraints = [
            models.CheckConstraint(condition=models.Q(email=Lower("email")), name="user_email_is_lower"),
            models.CheckConstraint(condition=~models.Q(email=""), name="user_email_is_none_or_an_address"),
            models.CheckConstraint(
                condition=models.Q(email__isnull=False) | models.Q(sign_in_name__isnull=False),
                name="user_signs_in_with_something",
            ),
            models.CheckConstraint(condition=~models.Q(sign_in_name__contains="@"), name="sign_in_name_is_no_address"),
            models.CheckConstraint(
                condition=models.Q(vouched_at__isnull=True) | models.Q(sign_in_name__isnull=False),
                name="vouched_people_have_a_name",
            ),
        ]

    def __str__(self):
        return self.name

    @property
    def is_proven(self) -> bool:
        """Whether it is known that this is somebody: they read a letter of ours, or two members of staff saw them."""
        return self.email_verified_at is not None or self.vouched_at is not None

    @property
    def signs_in_with(self) -> str:
        """What they type to sign in: their e-mail address, or their sign-in name where they have none."""
        return self.email or self.sign_in_name or ""

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
