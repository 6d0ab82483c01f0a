"""How somebody comes in: links by e-mail, tries that are counted, second factors."""

import time
import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _
from django_otp.models import Device
from django_otp.oath import TOTP

from ehr import clock
from ehr.accounts import codes, stored
from ehr.accounts.models.people import User


class Link(models.Model):
    """A link sent by e-mail, good for one use. The row holds no secret: the link carries this id, signed."""

    class Kind(models.TextChoices):
        VERIFY = "verify", _("prove an e-mail address")
        RESET = "reset", _("choose a new passphrase")
        STOP = "stop", _("stop a recovery")
        ADD = "add-email", _("add an e-mail address")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="links")
    kind = models.CharField(max_length=10, choices=Kind)
    # The address that this link proves, where it is not the account's yet.
    email = models.EmailField(blank=True)
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
