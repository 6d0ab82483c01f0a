"""Who pays, what they said beforehand, and what they paid."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from appointments.models.availability import VisitType
from appointments.models.visits import Appointment
from ehr import clock
from ehr.accounts.models import User
from ehr.outbox.models import Parcel
from patients.models import Patient
from providers.models import Institution


class Payer(models.Model):
    """Somebody who pays for visits at one institution, and the system of theirs that answers."""

    class Way(models.TextChoices):
        FHIR = "fhir", _("FHIR")
        X12 = "x12", _("X12 270/271")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    institution = models.ForeignKey(Institution, models.PROTECT, related_name="payers")
    name = models.CharField(_("name"), max_length=120)
    number = models.CharField(_("the payer's number"), max_length=80)
    our_number = models.CharField(_("our number with them"), max_length=80)
    way = models.CharField(_("how they are asked"), max_length=4, choices=Way, default=Way.FHIR)
    url = models.URLField(_("address for eligibility"), max_length=300)
    claims_url = models.URLField(_("address for claims, by FHIR"), max_length=300, blank=True)
    token = models.BinaryField(default=bytes, editable=False)  # a bearer token, under STORAGE_KEY; empty for none
    retired_at = models.DateTimeField(_("no longer asked"), null=True, blank=True)
    made_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["institution", "number"], condition=Q(retired_at__isnull=True), name="payer_number_once"
            )
        ]

    def __str__(self):
        return self.name


class Tariff(models.Model):
    """By which code a kind of visit is claimed. Without one, nothing is claimed for it."""

    visit_type = models.OneToOneField(VisitType, models.PROTECT, related_name="tariff")
    system = models.CharField(_("code system"), max_length=200)
    code = models.CharField(_("code"), max_length=40)

    def __str__(self):
        return self.code


class Policy(models.Model):
    """A patient's insurance on file with one payer. FHIR: Coverage.

    It must be asked about while its patient sleeps, so the number is kept under STORAGE_KEY, not under their keys.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    patient = models.ForeignKey(Patient, models.PROTECT, related_name="policies")
    payer = models.ForeignKey(Payer, models.PROTECT, related_name="policies")
    member = models.BinaryField()  # the member number, under STORAGE_KEY
    added_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    made_at = models.DateTimeField(default=clock.now, editable=False)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "policies"
        constraints = [
            models.UniqueConstraint(
                fields=["patient", "payer"], condition=Q(ended_at__isnull=True), name="policy_once_with_a_payer"
            )
        ]

    def __str__(self):
        return f"policy {self.id}"


class Eligibility(models.Model):
    """One question to a payer, whether a policy is in force on the day of a visit, and the answer with its date."""

    class Outcome(models.TextChoices):
        WAITING = "waiting", _("asked, not yet answered")
        ACTIVE = "active", _("in force")
        INACTIVE = "inactive", _("not in force")
        UNKNOWN = "unknown", _("not known to the payer")
        UNANSWERED = "unanswered", _("the payer could not be asked")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    policy = models.ForeignKey(Policy, models.PROTECT, related_name="checks")
    appointment = models.ForeignKey(Appointment, models.PROTECT, related_name="checks")
    day = models.DateField()
    outcome = models.CharField(max_length=10, choices=Outcome, default=Outcome.WAITING)
    code = models.CharField(max_length=20, blank=True)  # the payer's own
    copay = models.PositiveIntegerField(null=True, blank=True)  # smallest unit
    currency = models.CharField(max_length=3, blank=True)
    asked_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    asked_at = models.DateTimeField(default=clock.now, editable=False)
    answered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "eligibilities"
        ordering = ["-asked_at", "pk"]

    def __str__(self):
        return f"{self.outcome} {self.day}"


class Claim(models.Model):
    """What is claimed for one visit, and what the payer made of it. FHIR: Claim and ClaimResponse."""

    class State(models.TextChoices):
        WAITING = "waiting", _("sent, not yet answered")
        PAID = "paid", _("paid")
        PARTLY = "partly", _("partly paid")
        DENIED = "denied", _("not paid")
        FAILED = "failed", _("could not be sent")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    appointment = models.OneToOneField(Appointment, models.PROTECT, related_name="claim")
    policy = models.ForeignKey(Policy, models.PROTECT, related_name="claims")
    system = models.CharField(max_length=200)
    code = models.CharField(max_length=40)
    amount = models.PositiveIntegerField()  # smallest unit
    currency = models.CharField(max_length=3)
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    paid = models.PositiveIntegerField(default=0)
    reason = models.CharField(max_length=20, blank=True)  # the payer's own code
    reference = models.CharField(max_length=60, blank=True)  # the payer's own number
    made_at = models.DateTimeField(default=clock.now, editable=False)
    answered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(paid__lte=models.F("amount")), name="claim_paid_at_most_once_over")
        ]

    def __str__(self):
        return f"claim {self.id}"


class PayerParcel(Parcel):
    """A question or a claim on its way to a payer. It holds an id; names and numbers are put in when it leaves."""

    about = models.UUIDField()

    class Meta(Parcel.Meta):
        abstract = False
        indexes = [models.Index(fields=["due_at"], condition=Q(delivered_at=None), name="payer_parcel_waiting")]
