"""Institutions, the people who work there, and what vouches for them."""

import uuid
from zoneinfo import available_timezones

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from ehr import clock
from ehr.accounts.models import Reader
from providers.roles import Role

ROLE_NAMES: dict[str, str | Promise] = {
    Role.PRIMARY_PHYSICIAN: _("primary physician"),
    Role.SPECIALIST: _("specialist"),
    Role.EMERGENCY: _("emergency personnel"),
    Role.NURSE: _("nurse"),
    Role.PHARMACIST: _("pharmacist"),
    Role.RESEARCHER: _("researcher"),
    Role.ADMINISTRATOR: _("administrator"),
    Role.FRONT_DESK: _("front desk"),
    Role.PRIVACY_OFFICER: _("privacy officer"),
    Role.CREDENTIAL_VERIFIER: _("credential verifier"),
}
ROLE_CHOICES = [(str(role), name) for role, name in ROLE_NAMES.items()]

country_code = RegexValidator(r"^[A-Z]{2}$", _("Give the country as two capital letters, such as CA or US."))


def known_zone(name: str) -> None:
    """Raise ValidationError unless the machine's time zone database knows the name."""
    if name not in available_timezones():
        raise ValidationError(_("Choose a time zone by its city, such as America/Toronto."))


class Institution(models.Model):
    """A place of care. Its people reach patients only while its agreement and its accreditation run."""

    class Kind(models.TextChoices):
        HOSPITAL = "hospital", _("hospital")
        CLINIC = "clinic", _("clinic")
        PRACTICE = "practice", _("practice")
        PHARMACY = "pharmacy", _("pharmacy")
        LABORATORY = "laboratory", _("laboratory")
        RESEARCH = "research", _("research institution")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=200)
    kind = models.CharField(_("kind"), max_length=12, choices=Kind)
    country = models.CharField(_("country"), max_length=2, validators=[country_code])
    region = models.CharField(_("region"), max_length=100, blank=True)
    time_zone = models.CharField(_("time zone"), max_length=64, default="UTC", validators=[known_zone])
    contact = models.CharField(_("contact"), max_length=200, help_text=_("Whom the desk calls, and how."))
    agreement_signed_at = models.DateTimeField(_("agreement signed"), null=True, blank=True)
    agreement_until = models.DateTimeField(_("agreement until"), null=True, blank=True)
    agreement_ended_at = models.DateTimeField(_("agreement ended"), null=True, blank=True)
    accreditation_number = models.CharField(_("accreditation number"), max_length=100, blank=True)
    accreditation_until = models.DateTimeField(_("accredited until"), null=True, blank=True)
    suspended_at = models.DateTimeField(_("suspended"), null=True, blank=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ["name", "id"]
        permissions = [
            ("administer_institution", _("Can administer this institution")),
            ("manage_institution", _("Can register institutions, and sign, end, suspend and restore them")),
        ]
        constraints = [
            models.UniqueConstraint(fields=["country", "name"], name="institution_once_in_a_country"),
            models.CheckConstraint(
                condition=Q(agreement_until__isnull=True) | Q(agreement_until__gt=F("agreement_signed_at")),
                name="agreement_ends_after_it_is_signed",
            ),
        ]

    def __str__(self):
        return self.name

    @property
    def place(self) -> str:
        """The region and country in one line."""
        return ", ".join(part for part in (self.region, self.country) if part)


class InstitutionUserPermission(UserObjectPermissionBase):
    """Who administers which institution. A direct foreign key keeps the look-up indexed."""

    content_object = models.ForeignKey(Institution, models.CASCADE)


class InstitutionGroupPermission(GroupObjectPermissionBase):
    """Which group administers which institution."""

    content_object = models.ForeignKey(Institution, models.CASCADE)


class Clinician(models.Model):
    """Somebody who registered as a provider. Registering opens nothing."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.PROTECT, related_name="clinician")
    title = models.CharField(_("title"), max_length=40, blank=True)
    professional_name = models.CharField(_("professional name"), max_length=200)
    registered_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ["professional_name", "pk"]
        indexes = [models.Index(fields=["professional_name", "id"], name="clinician_by_name")]

    def __str__(self):
        return self.full_name

    @property
    def full_name(self) -> str:
        """Title and name, as patients read it."""
        return f"{self.title} {self.professional_name}".strip()


class Membership(models.Model):
    """Somebody works at an institution. It counts once somebody else has confirmed it, and until it ends."""

    clinician = models.ForeignKey(Clinician, models.PROTECT, related_name="memberships")
    institution = models.ForeignKey(Institution, models.PROTECT, related_name="memberships")
    starts_at = models.DateTimeField(_("from"), default=clock.now)
    confirmed_at = models.DateTimeField(_("confirmed"), null=True, blank=True)
    confirmed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["clinician", "institution"], condition=Q(ended_at__isnull=True), name="membership_open_once"
            ),
            models.CheckConstraint(
                condition=Q(confirmed_at__isnull=True, confirmed_by__isnull=True)
                | Q(confirmed_at__isnull=False, confirmed_by__isnull=False),
                name="membership_confirmed_by_somebody",
            ),
        ]

    def __str__(self):
        return f"{self.clinician} · {self.institution}"


class Team(models.Model):
    """People of one institution who look after patients together. It is a reader: what is shared with it opens for
    whoever belongs to it at that moment.
    """

    reader = models.OneToOneField(Reader, models.PROTECT, primary_key=True, related_name="team")
    institution = models.ForeignKey(Institution, models.PROTECT, related_name="teams")
    name = models.CharField(_("name"), max_length=120)
    made_at = models.DateTimeField(default=clock.now, editable=False)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    # Since when somebody who left may remember its keys; the next member in session makes new ones.
    keys_due_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)

    class Meta:
        ordering = ["name", "pk"]
        permissions = [("lead_team", _("Leads this team"))]
        constraints = [
            models.UniqueConstraint(
                fields=["institution", "name"], condition=Q(ended_at__isnull=True), name="team_name_once_at_a_place"
            )
        ]

    def __str__(self):
        return f"{self.name} · {self.institution}"


class TeamUserPermission(UserObjectPermissionBase):
    """Who leads which team."""

    content_object = models.ForeignKey(Team, models.CASCADE)


class TeamMembershipQuerySet(models.QuerySet):
    def at(self, at) -> models.QuerySet:
        """Those whose dates hold at a moment, in teams that have not ended. Standing is asked for on its own."""
        return self.filter(
            Q(ends_at__isnull=True) | Q(ends_at__gt=at),
            ended_at__isnull=True,
            starts_at__lte=at,
            team__ended_at__isnull=True,
        )


class TeamMembership(models.Model):
    """Somebody belongs to a team, from a moment on and perhaps until one. By itself it opens nothing: keys and the
    standing of the person at the team's institution are asked for at each use.
    """

    team = models.ForeignKey(Team, models.PROTECT, related_name="memberships")
    clinician = models.ForeignKey(Clinician, models.PROTECT, related_name="team_memberships")
    starts_at = models.DateTimeField(_("from"), default=clock.now)
    ends_at = models.DateTimeField(_("until"), null=True, blank=True)
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    made_at = models.DateTimeField(default=clock.now, editable=False)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    ended_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")

    objects = TeamMembershipQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["clinician", "team"], condition=Q(ended_at__isnull=True), name="team_membership_open_once"
            ),
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True) | Q(ends_at__gt=F("starts_at")),
                name="team_membership_ends_after_start",
            ),
        ]

    def __str__(self):
        return f"{self.clinician} · {self.team}"


class CredentialQuerySet(models.QuerySet):
    def waiting(self) -> models.QuerySet:
        """Applications that need a decision, the oldest first."""
        return self.filter(status=Credential.Status.PENDING).order_by("submitted_at", "pk")

    def live(self) -> models.QuerySet:
        """Credentials that vouch, or would but for a suspension."""
        return self.filter(status__in=Credential.LIVE)


class Credential(models.Model):
    """A licence shown for one role. The rows of one licence share a digest, and stand and fall together."""

    class Status(models.TextChoices):
        PENDING = "pending", _("waiting for a decision")
        APPROVED = "approved", _("approved")
        REFUSED = "refused", _("refused")
        SUSPENDED = "suspended", _("suspended")
        REVOKED = "revoked", _("revoked")
        REPLACED = "replaced", _("replaced by a newer one")

    LIVE = ("approved", "suspended")
    WITHDRAWN = ("suspended", "revoked")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    clinician = models.ForeignKey(Clinician, models.PROTECT, related_name="credentials")
    role = models.CharField(_("role"), max_length=20, choices=ROLE_CHOICES)
    licence_number = models.CharField(_("licence number"), max_length=100)
    issuing_body = models.CharField(_("issuing body"), max_length=200)
    country = models.CharField(_("country"), max_length=2, validators=[country_code])
    training = models.TextField(_("training"), max_length=2000)
    expires_at = models.DateTimeField(_("valid until"))
    digest = models.BinaryField(_("digest on the registry"), max_length=32, editable=False)
    # Which of the licence's entries on the registry this is; restoring a withdrawn licence takes the next one.
    serial = models.PositiveSmallIntegerField(default=1, editable=False)
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.PENDING)
    reason = models.CharField(_("reason"), max_length=500, blank=True)
    submitted_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    submitted_at = models.DateTimeField(_("handed in"), default=clock.now, editable=False)
    # Kept beside the approvals, so that the database itself refuses an approval by the wrong people.
    first_approver = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    second_approver = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)
    confirmed_at = models.DateTimeField(_("last confirmed by the register"), null=True, blank=True)
    check_problem = models.CharField(_("what the last check met"), max_length=60, blank=True)

    objects = CredentialQuerySet.as_manager()

    class Meta:
        ordering = ["submitted_at", "pk"]
        permissions = [("decide_credential", _("Can approve, refuse, suspend and revoke credentials"))]
        indexes = [
            models.Index(fields=["clinician", "status"], name="credential_of_clinician"),
            models.Index(fields=["status", "submitted_at"], name="credential_waiting"),
            models.Index(fields=["digest"], name="credential_by_digest"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["digest", "role"], condition=Q(status__in=["approved", "suspended"]), name="licence_once_a_role"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["pending", "refused"]) | Q(first_approver__isnull=False),
                name="credential_approved_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["pending", "refused"])
                | ~Q(role=Role.EMERGENCY)
                | Q(second_approver__isnull=False),
                name="emergency_role_approved_by_two",
            ),
            models.CheckConstraint(
                condition=Q(first_approver__isnull=True) | ~Q(first_approver=F("submitted_by")),
                name="first_approver_is_not_the_submitter",
            ),
            models.CheckConstraint(
                condition=Q(second_approver__isnull=True)
                | (~Q(second_approver=F("submitted_by")) & ~Q(second_approver=F("first_approver"))),
                name="second_approver_is_somebody_else",
            ),
        ]

    def __str__(self):
        return f"{self.get_role_display()}, {self.issuing_body}"


class Evidence(models.Model):
    """The document that shows a licence, sealed at rest under the storage key. Apart, so that lists never load it."""

    credential = models.OneToOneField(Credential, models.PROTECT, related_name="evidence")
    media_type = models.CharField(max_length=40)
    sealed = models.BinaryField()
    size = models.PositiveIntegerField(help_text=_("bytes, before sealing"))

    class Meta:
        verbose_name_plural = "evidence"

    def __str__(self):
        return f"evidence for {self.credential_id}"


class Approval(models.Model):
    """One verifier's decision on one credential. Written once; nobody decides twice, nor on their own."""

    class Decision(models.TextChoices):
        APPROVED = "approved", _("approved")
        REFUSED = "refused", _("refused")

    credential = models.ForeignKey(Credential, models.PROTECT, related_name="approvals")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    submitted_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    decision = models.CharField(max_length=8, choices=Decision)
    reason = models.CharField(max_length=500)
    at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ["at", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["credential", "by"], name="approver_decides_once"),
            models.CheckConstraint(condition=~Q(by=F("submitted_by")), name="approver_is_not_the_submitter"),
        ]

    def __str__(self):
        return f"{self.get_decision_display()} {self.credential_id}"
