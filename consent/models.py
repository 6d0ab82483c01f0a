"""Grants, their endings, what goes on chain because of them, and claims of records that came before their patient."""

import uuid

from django.db import models
from django.db.models import F, Q

from ehr import clock
from ehr.accounts.models import KeyVersion, Reader, User
from ehr.outbox.models import Parcel
from ehr.words import Action, Purpose
from patients.models import Patient


class GrantQuerySet(models.QuerySet):
    def standing(self, at):
        """Those not ended and not over; they may begin later."""
        return self.filter(ending__isnull=True, ends__gt=at)

    def active(self, at):
        """Those that hold at a moment."""
        return self.standing(at).filter(starts__lte=at)


class Grant(models.Model):
    """A patient's signed permission for one reader to see parts of the record, for a purpose and a time.

    What is signed is computed from these columns each time, so a changed row opens nothing.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    patient = models.ForeignKey(Patient, models.PROTECT, related_name="grants")
    reader = models.ForeignKey(Reader, models.PROTECT, related_name="grants")
    key_version = models.ForeignKey(KeyVersion, models.PROTECT, related_name="+")
    categories = models.JSONField()  # sorted list of Category values
    actions = models.JSONField()  # sorted list of Action values
    purpose = models.CharField(max_length=10, choices=[(purpose, purpose) for purpose in Purpose])
    starts = models.DateTimeField()
    ends = models.DateTimeField()
    sentence = models.TextField()  # what the patient confirmed, word for word
    made_at = models.DateTimeField(default=clock.now, editable=False)

    # On chain: addresses used once, a salted commitment and whole days. Nothing that links two grants.
    chain_id = models.PositiveBigIntegerField()
    contract = models.CharField(max_length=42)
    holder = models.CharField(max_length=42, unique=True)  # the reader's one-time address
    signer = models.CharField(max_length=42)  # the patient's one-time address
    ephemeral = models.BinaryField()  # sealed to the reader: what finds the holder's key (ERC-5564)
    salt = models.BinaryField()
    signature_r = models.BinaryField()
    signature_vs = models.BinaryField()  # EIP-2098
    patient_version = models.ForeignKey(KeyVersion, models.PROTECT, related_name="+")
    binding = models.BinaryField()  # the patient's author key over digest and signer; stays off chain

    objects = GrantQuerySet.as_manager()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(ends__gt=F("starts")), name="grant_ends_after_start")]
        indexes = [models.Index(fields=["patient", "reader", "ends"], name="grant_between")]

    def __str__(self):
        return f"grant {self.id}"

    @property
    def may_write(self) -> bool:
        return Action.WRITE in self.actions


class Ending(models.Model):
    """That a grant is over, since when and by whom. It counts from the next decision on; the keys follow."""

    class Cause(models.TextChoices):
        PATIENT = "patient", "stopped by the patient"
        TIME = "time", "over by itself"
        READER = "reader", "given back by the reader"
        STANDING = "standing", "the reader may not be let in any more"

    grant = models.OneToOneField(Grant, models.PROTECT, related_name="ending")
    cause = models.CharField(max_length=10, choices=Cause)
    at = models.DateTimeField(default=clock.now, editable=False)
    # Empty until the patient's keyring was open: then a new epoch began and the burn was signed.
    epoch_turned_at = models.DateTimeField(null=True, blank=True)
    signature_r = models.BinaryField(null=True, blank=True)
    signature_vs = models.BinaryField(null=True, blank=True)

    def __str__(self):
        return f"ending of {self.grant_id}"


class GrantParcel(Parcel):
    """A mint or a burn on its way to the chain. It leaves at a random moment, so that batches link nothing."""

    class Kind(models.TextChoices):
        MINT = "mint", "mint"
        BURN = "burn", "burn"

    grant = models.ForeignKey(Grant, models.PROTECT, related_name="parcels")
    batch = models.BinaryField(null=True, blank=True)  # digest of the transaction it went with
    # What the chain made of it, once that is final: "arrived", or why it was passed over. Empty until then.
    outcome = models.CharField(max_length=20, blank=True)


class Claim(models.Model):
    """A record that waits for its patient: the invitation, who used it, and the staff who saw who they are."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    patient = models.ForeignKey(Patient, models.PROTECT, related_name="claims")
    code_digest = models.BinaryField(unique=True)
    invited_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    invited_at = models.DateTimeField(default=clock.now, editable=False)
    expires_at = models.DateTimeField()
    claimant = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="claims")
    claimed_at = models.DateTimeField(null=True, blank=True)
    refused_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    def __str__(self):
        return f"claim {self.id}"


class ClaimCheck(models.Model):
    """One staff member saw the claimant's document. It takes two of them."""

    claim = models.ForeignKey(Claim, models.PROTECT, related_name="checks")
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    document = models.CharField(max_length=100)
    at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["claim", "by"], name="claim_checked_by_two_people")]

    def __str__(self):
        return f"check of claim {self.claim_id}"


class EscrowUse(models.Model):
    """One use of the escrow's key. Their number equals that of claims, emergencies and successions together."""

    event_id = models.UUIDField(unique=True)  # the committed event that allowed it
    patient = models.ForeignKey(Patient, models.PROTECT, related_name="escrow_uses")
    why = models.CharField(max_length=20)
    at = models.DateTimeField(default=clock.now, editable=False)

    def __str__(self):
        return f"escrow used for {self.patient_id}"


class AccessRequestQuerySet(models.QuerySet):
    def open(self, at):
        """Those that wait for an answer and have not lapsed."""
        return self.filter(state=AccessRequest.State.ASKED, lapses_at__gt=at)


class AccessRequest(models.Model):
    """A clinician's request to be let in. It lapses by itself; what became of it is decided by time and `state`."""

    class State(models.TextChoices):
        ASKED = "asked", "waiting for the patient"
        APPROVED = "approved", "approved, perhaps for less"
        DECLINED = "declined", "declined"
        WITHDRAWN = "withdrawn", "withdrawn by who asked"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    patient = models.ForeignKey(Patient, models.PROTECT, related_name="requests")
    reader = models.ForeignKey(Reader, models.PROTECT, related_name="requests")
    key_version = models.ForeignKey(KeyVersion, models.PROTECT, related_name="+")  # whose author key signed the words
    categories = models.JSONField()  # sorted as in Category
    actions = models.JSONField()
    purpose = models.CharField(max_length=10, choices=[(purpose, purpose) for purpose in Purpose])
    days = models.PositiveSmallIntegerField()
    message = models.BinaryField()  # signature ‖ words, sealed to the patient's log lockbox
    asked_at = models.DateTimeField(default=clock.now, editable=False)
    lapses_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=State, default=State.ASKED)
    answered_at = models.DateTimeField(null=True, blank=True)
    grant = models.OneToOneField(Grant, models.PROTECT, null=True, blank=True, related_name="request")

    objects = AccessRequestQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(lapses_at__gt=F("asked_at")), name="request_lapses_after_asking"),
            models.CheckConstraint(condition=Q(days__gte=1), name="request_for_a_day_or_more"),
            models.CheckConstraint(
                condition=Q(state="approved", grant__isnull=False) | (~Q(state="approved") & Q(grant__isnull=True)),
                name="request_approved_by_a_grant",
            ),
            models.CheckConstraint(
                condition=Q(state="asked", answered_at__isnull=True)
                | (~Q(state="asked") & Q(answered_at__isnull=False)),
                name="request_answered_at_some_time",
            ),
        ]
        indexes = [
            models.Index(fields=["patient", "state", "lapses_at"], name="request_of_patient"),
            models.Index(fields=["reader", "asked_at"], name="request_by_reader"),
        ]

    def __str__(self):
        return f"request {self.id}"


class ShownCode(models.Model):
    """A code a patient shows to one clinician in person. It works once, for minutes, and lets them ask: no more."""

    patient = models.ForeignKey(Patient, models.PROTECT, related_name="shown_codes")
    digest = models.BinaryField(unique=True)  # HMAC of the code under the index key
    made_at = models.DateTimeField(default=clock.now, editable=False)
    ends_at = models.DateTimeField()
    used_by = models.ForeignKey(Reader, models.PROTECT, null=True, blank=True, related_name="codes_used")
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(used_by__isnull=True, used_at__isnull=True)
                | Q(used_by__isnull=False, used_at__isnull=False),
                name="shown_code_used_by_somebody",
            )
        ]

    def __str__(self):
        return f"code of {self.patient_id}"


class FeedCursor(models.Model):
    """How far consent has read the log: the number of the next event."""

    name = models.CharField(max_length=40, unique=True)
    next = models.PositiveBigIntegerField(default=0)

    def __str__(self):
        return f"{self.name} at {self.next}"
