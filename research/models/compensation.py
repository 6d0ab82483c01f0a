"""What people are due for releases, and how it went to the payments of the institution that owes it."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from ehr import clock
from ehr.accounts.models import KeyVersion
from patients.models import Patient
from providers.models import Institution
from research.models.releases import Release


class Payout(models.Model):
    """What an institution owes people in one currency, handed to its payments in one file. Paid once, as a whole."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    institution = models.ForeignKey(Institution, models.PROTECT, related_name="payouts")
    currency = models.CharField(max_length=3)
    total = models.PositiveBigIntegerField()  # minor units: the sum of its dues when it was made
    made_at = models.DateTimeField(default=clock.now, editable=False)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    paid_at = models.DateTimeField(null=True, blank=True)
    paid_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    reference = models.CharField(max_length=100, blank=True)  # the institution's own, of its booking

    class Meta:
        ordering = ["-made_at", "pk"]
        permissions = [("pay_participants", _("Hands on what people are due for research, and notes that it was paid"))]
        constraints = [
            models.CheckConstraint(
                condition=Q(paid_at__isnull=True, paid_by__isnull=True)
                | Q(paid_at__isnull=False, paid_by__isnull=False),
                name="payout_paid_by_somebody",
            ),
        ]

    def __str__(self):
        return f"payout {self.id}"


class SetAside(models.Model):
    """What people are due for one release, as it stands in the contract: the root over their shares, and a sum.

    There are more shares than people in the sum, so that it does not tell how many they are (`padded`).
    """

    release = models.OneToOneField(Release, models.PROTECT, related_name="set_aside")
    root = models.BinaryField()  # 32 bytes
    unit = models.PositiveBigIntegerField()  # wei for one minor unit
    total = models.PositiveBigIntegerField()  # minor units, the padding with it
    padded = models.PositiveBigIntegerField()  # minor units of the total that are nobody's
    at = models.DateTimeField(default=clock.now, editable=False)
    ready_at = models.DateTimeField(null=True, blank=True)  # the chain holds it for good, and people were told
    reminded_at = models.DateTimeField(null=True, blank=True)  # who had not claimed was told that the time ends soon
    refused_at = models.DateTimeField(null=True, blank=True)  # the chain never took it: then the institution pays
    over_at = models.DateTimeField(null=True, blank=True)  # what nobody claimed went back

    class Meta:
        ordering = ["-at", "pk"]
        constraints = [
            models.CheckConstraint(condition=Q(unit__gt=0, total__gt=F("padded")), name="set_aside_is_something"),
        ]

    def __str__(self):
        return f"set aside for {self.release_id}"


class Due(models.Model):
    """What one person is due for one release, written when the release left. Only how it is paid is added later.

    By the contract it is a share at a one-time address, whose key only the person's keyring makes: `claimant`, found
    with `ephemeral` and the keys of `key_version`. It is paid out of a file from then on where `way` becomes FILE.
    """

    class Way(models.TextChoices):
        FILE = "file", _("by the institution")
        CONTRACT = "contract", _("through the contract")

    release = models.ForeignKey(Release, models.PROTECT, related_name="dues")
    patient = models.ForeignKey(Patient, models.PROTECT, related_name="dues")
    amount = models.PositiveIntegerField()  # minor units
    currency = models.CharField(max_length=3)
    at = models.DateTimeField(default=clock.now, editable=False)
    payout = models.ForeignKey(Payout, models.PROTECT, null=True, blank=True, related_name="dues")
    way = models.CharField(max_length=8, choices=Way, default=Way.FILE)
    set_aside = models.ForeignKey(SetAside, models.PROTECT, null=True, blank=True, related_name="dues")
    claimant = models.CharField(max_length=42, null=True, blank=True, unique=True)
    ephemeral = models.BinaryField(null=True, blank=True)  # 33 bytes
    key_version = models.ForeignKey(KeyVersion, models.PROTECT, null=True, blank=True, related_name="+")
    # To where the person signed that it goes: an account of theirs, or the institution's, which then pays it.
    payee = models.CharField(max_length=42, blank=True)
    to_institution = models.BooleanField(default=False)
    chosen_at = models.DateTimeField(null=True, blank=True)
    taken_at = models.DateTimeField(null=True, blank=True)  # the chain credited it to them, and that is final
    lapsed_at = models.DateTimeField(null=True, blank=True)  # nobody claimed it in time, and it went back

    class Meta:
        ordering = ["at", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["release", "patient"], name="due_once_a_release"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="due_is_something"),
            models.CheckConstraint(
                condition=Q(way="file")
                | Q(
                    payout=None,
                    set_aside__isnull=False,
                    claimant__isnull=False,
                    ephemeral__isnull=False,
                    key_version__isnull=False,
                ),
                name="due_by_contract_has_a_share",
            ),
            models.CheckConstraint(
                condition=Q(way="contract") | Q(taken_at=None, lapsed_at=None), name="due_is_paid_one_way"
            ),
            models.CheckConstraint(condition=Q(taken_at=None) | Q(lapsed_at=None), name="due_is_taken_or_lapsed"),
        ]

    def __str__(self):
        return f"due {self.pk}"
