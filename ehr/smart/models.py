"""Apps, what was allowed to them, and the digests and wrapped keys that stand for codes and tokens.

No row holds a code or a token: only SHA-256 digests, by which one that is shown is found, and a keyring encrypted under
a key that only the one shown gives.
"""

import uuid
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from oauth2_provider.models import AbstractApplication

from consent.models import Grant
from ehr import clock
from ehr.accounts.models import KeyVersion, Reader, User
from patients.models import Patient, Source
from providers.models import Institution

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class App(AbstractApplication):
    """A program that somebody registered: where it may be sent back to, what it may ask for, how it proves itself.

    It has no password here. Public ones prove nothing, confidential ones sign with a key whose public half is `jwks`.
    """

    # What django-oauth-toolkit keeps and nobody here reads: there are no shared secrets, and no skipping the question.
    client_secret = None
    hash_client_secret = None
    skip_authorization = None
    algorithm = ""
    post_logout_redirect_uris = None
    registration_source = None
    cimd_expires_at = None

    user = models.ForeignKey(User, models.PROTECT, related_name="apps")  # who registered it
    publisher = models.CharField(_("who stands behind it"), max_length=200)
    words = models.CharField(_("what it does, in one sentence"), max_length=300)
    launch_uri = models.CharField(_("where it begins when it is opened from a record"), max_length=500, blank=True)
    scope = models.TextField(_("what it may ask for"))  # SMART scopes, the most it is ever granted
    jwks = models.JSONField(default=dict, blank=True)
    source = models.ForeignKey(
        Source, models.PROTECT, null=True, blank=True, related_name="+"
    )  # a feed's, as a service
    # Of a service that reads: whose it is, and the reader whose keyring the keyholder has.
    institution = models.ForeignKey(Institution, models.PROTECT, null=True, blank=True, related_name="+")
    reader = models.OneToOneField(Reader, models.PROTECT, null=True, blank=True, related_name="+")
    may_introspect = models.BooleanField(default=False)
    reviewed_at = models.DateTimeField(null=True, blank=True)
    reviewed_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    stopped_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["name", "pk"]
        permissions = [("review_app", "Can look at apps, and take them out of use")]

    @property
    def is_public(self) -> bool:
        return self.client_type == self.CLIENT_PUBLIC

    @property
    def is_service(self) -> bool:
        return self.authorization_grant_type == self.GRANT_CLIENT_CREDENTIALS

    @property
    def is_reading(self) -> bool:
        """True for a service that reads of patients who let it in."""
        return self.is_service and self.reader_id is not None

    @property
    def reader_name(self) -> str:
        """What a patient signs and finds on their list: of an institution's service also whose it is."""
        return f"{self.name} ({self.publisher})"[:200] if self.is_reading else self.name

    def get_allowed_schemes(self) -> list[str]:
        """Return https, http for this machine itself, and private schemes that name a domain (RFC 8252 §7.1)."""
        told = {urlsplit(uri).scheme for uri in self.redirect_uris.split()}
        return ["https", "http", *sorted(scheme for scheme in told if "." in scheme)]

    def clean(self) -> None:
        """Check the addresses as django-oauth-toolkit does, and that http stays on one machine."""
        super().clean()
        for uri in self.redirect_uris.split():
            parts = urlsplit(uri)
            if parts.scheme == "http" and parts.hostname not in LOOPBACK:
                raise ValidationError({"redirect_uris": _("Give an https address: %(uri)s") % {"uri": uri}})


class Launch(models.Model):
    """That somebody opened an app from a record: which app, whose record, in which session. Good once, for minutes."""

    digest = models.BinaryField(max_length=32, unique=True)
    app = models.ForeignKey(App, models.PROTECT, related_name="launches")
    user = models.ForeignKey(User, models.PROTECT, related_name="+")
    patient = models.ForeignKey(Patient, models.PROTECT, related_name="+")
    session = models.BinaryField(max_length=32)  # digest of the session it was made in
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self):
        return f"launch {self.pk}"


class AuthorizationQuerySet(models.QuerySet):
    def live(self, at):
        """Those that were neither stopped nor are over."""
        return self.filter(stopped_at=None, ends_at__gt=at, app__stopped_at=None)


class Authorization(models.Model):
    """What one person allowed one app, once: which scopes, whose record, until when. Its tokens hang from it.

    A patient's app has keys and a grant of its own; a clinician's works with the clinician's keys; the tokens of a
    service that sends carry none. One that reads has a grant and keys for each patient, as an app has, and they are
    sealed to its own; its tokens carry that.
    """

    class Kind(models.TextChoices):
        PATIENT = "patient", _("a patient’s app")
        CLINICIAN = "clinician", _("a clinician’s app")
        SERVICE = "service", _("a service")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=10, choices=Kind)
    app = models.ForeignKey(App, models.PROTECT, related_name="authorizations")
    user = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    patient = models.ForeignKey(Patient, models.PROTECT, null=True, blank=True, related_name="+")
    grant = models.OneToOneField(Grant, models.PROTECT, null=True, blank=True, related_name="+")
    version = models.ForeignKey(KeyVersion, models.PROTECT, null=True, blank=True, related_name="+")  # whose keys
    scope = models.TextField()
    categories = models.JSONField(default=list)  # Category values: the most its tokens open
    session_epoch = models.PositiveIntegerField(default=0)  # of the person, when they allowed it
    # The one session it lives in, where the app may not work on its own. Empty where it may.
    session_key = models.CharField(max_length=40, blank=True)
    sentence = models.TextField(blank=True)  # what was confirmed, word for word
    made_at = models.DateTimeField(default=clock.now, editable=False)
    signed_in_at = models.DateTimeField(null=True, editable=False)  # when whoever allowed it had proved who they are
    ends_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    stopped_at = models.DateTimeField(null=True, blank=True)
    stopped_because = models.CharField(max_length=20, blank=True)

    objects = AuthorizationQuerySet.as_manager()

    class Meta:
        ordering = ["-made_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="patient", grant__isnull=False, user__isnull=False, version__isnull=False)
                # An app that only learns who somebody is: it opens nothing.
                | Q(kind="patient", grant__isnull=True, user__isnull=False, version__isnull=True)
                | Q(kind="clinician", grant__isnull=True, user__isnull=False, version__isnull=False)
                | Q(kind="service", grant__isnull=True, user__isnull=True, patient__isnull=True),
                name="authorization_has_its_keys",
            ),
        ]

    def __str__(self):
        return f"authorization {self.pk}"


class Deposit(models.Model):
    """The keyring that a patient made for a service that reads, sealed to the service's own key."""

    authorization = models.OneToOneField(Authorization, models.CASCADE, related_name="deposit")
    key_version = models.ForeignKey(KeyVersion, models.PROTECT, related_name="+")  # the service's
    sealed = models.BinaryField()

    def __str__(self):
        return f"deposit of {self.authorization_id}"


class Code(models.Model):
    """One authorization code, good once and for a minute: its digest, and the keyring under a key made from it."""

    authorization = models.OneToOneField(Authorization, models.CASCADE, related_name="code")
    digest = models.BinaryField(max_length=32, unique=True)
    keys = models.BinaryField()  # emptied when the code is used
    redirect_uri = models.TextField()
    challenge = models.CharField(max_length=43)  # PKCE, S256
    nonce = models.CharField(max_length=255, blank=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self):
        return f"code of {self.authorization_id}"


class Token(models.Model):
    """One access or refresh token: its digest, what it is good for, and the keyring under a key made from it."""

    class Kind(models.TextChoices):
        ACCESS = "access", _("access")
        REFRESH = "refresh", _("refresh")

    authorization = models.ForeignKey(Authorization, models.CASCADE, related_name="tokens")
    kind = models.CharField(max_length=7, choices=Kind)
    digest = models.BinaryField(max_length=32, unique=True)
    keys = models.BinaryField()
    scope = models.TextField()
    made_at = models.DateTimeField(default=clock.now, editable=False)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)  # of a refresh token: when another took its place

    def __str__(self):
        return f"{self.kind} token of {self.authorization_id}"


class Assertion(models.Model):
    """That an app proved itself with this signed statement; kept while it could be shown a second time."""

    app = models.ForeignKey(App, models.CASCADE, related_name="assertions")
    digest = models.BinaryField(max_length=32)  # of its jti
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["app", "digest"], name="assertion_once")]

    def __str__(self):
        return f"assertion of {self.app_id}"


class SigningKey(models.Model):
    """The RSA key by which apps check what is signed for them. It opens nothing. Only SMART_SIGNING_KEY opens it."""

    mark = models.BinaryField(max_length=32, unique=True)  # of the secret it is closed under: another makes another key
    closed = models.BinaryField()
    made_at = models.DateTimeField(default=clock.now, editable=False)

    def __str__(self):
        return f"signing key {self.pk}"
