"""Grants, their endings, and what goes on chain because of them."""

import uuid

from django.db import models
from django.db.models import F, Q

from ehr import clock
from ehr.accounts.models import KeyVersion, Reader
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

    What is signed is computed from these columns each time, so a changed row opens nothing. `categories` are always
    named; where `entries` or `record_until` narrow the grant, it is a bundle: keys of those entries and no others.
    """

    class Kind(models.TextChoices):
        GIVEN = "given", "given by the patient"
        REFERRAL = "referral", "passed on by a reader, as the patient agreed"
        DELEGATE = "delegate", "what a delegate may see"
        LEGAL_COPY = "legal-copy", "what a former institution must keep"

    class Widened(models.TextChoices):
        QUARTERS = "quarters", "to quarters of the year"
        DAYS = "days", "to days, as once"

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
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.GIVEN)
    entries = models.JSONField(default=list)  # sorted FHIR ids of chosen entries; empty: all of the parts
    record_from = models.DateField(null=True, blank=True)  # dates of what is recorded, both included
    record_until = models.DateField(null=True, blank=True)
    places = models.JSONField(default=list)  # sorted ISO 3166-1 alpha-2; empty: everywhere
    # What it hangs from: it never covers more, and is over with it.
    parent = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="children")
    report_days = models.PositiveSmallIntegerField(null=True, blank=True)  # over so many days after the report
    mandate = models.ForeignKey("Mandate", models.PROTECT, null=True, blank=True, related_name="grants")
    delegation = models.ForeignKey("Delegation", models.PROTECT, null=True, blank=True, related_name="acts")
    made_at = models.DateTimeField(default=clock.now, editable=False)

    # On chain: addresses used once, a salted commitment and quarters of the year. Nothing that links two grants.
    widened = models.CharField(max_length=8, choices=Widened, default=Widened.QUARTERS)  # how moments stand there
    chain_id = models.PositiveBigIntegerField()
    contract = models.CharField(max_length=42)
    holder = models.CharField(max_length=42, unique=True)  # the reader's one-time address
    signer = models.CharField(max_length=42)  # the patient's one-time address
    ephemeral = models.BinaryField()  # sealed to the reader: what finds the holder's key (ERC-5564)
    salt = models.BinaryField()
    signature_r = models.BinaryField()
    signature_vs = models.BinaryField()  # EIP-2098
    # Who signed: the patient; under a mandate the referrer, under a delegation the delegate.
    patient_version = models.ForeignKey(KeyVersion, models.PROTECT, related_name="+")
    binding = models.BinaryField()  # the patient's author key over digest and signer; stays off chain

    objects = GrantQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(ends__gt=F("starts")), name="grant_ends_after_start"),
            models.CheckConstraint(
                condition=Q(record_from__isnull=True)
                | Q(record_until__isnull=True)
                | Q(record_until__gte=F("record_from")),
                name="grant_record_dates_in_order",
            ),
        ]
        indexes = [models.Index(fields=["patient", "reader", "ends"], name="grant_between")]
        permissions = [("explain_access", "Can ask who would be let in, and why")]

    def __str__(self):
        return f"grant {self.id}"

    @property
    def may_write(self) -> bool:
        return Action.WRITE in self.actions

    @property
    def is_bundle(self) -> bool:
        """True where the reader gets the keys of a fixed set of entries, not those of whole parts."""
        return bool(self.entries) or self.record_until is not None


class Ending(models.Model):
    """That a grant is over, since when and by whom. It counts from the next decision on; the keys follow."""

    class Cause(models.TextChoices):
        PATIENT = "patient", "stopped by the patient"
        TIME = "time", "over by itself"
        READER = "reader", "given back by the reader"
        STANDING = "standing", "the reader may not be let in any more"
        CHANGED = "changed", "replaced by another, as the patient chose"
        PARENT = "parent", "what it hung from is over"
        BLOCK = "block", "the patient blocked the reader"
        WITHDRAWN = "withdrawn", "the app was taken out of use"
        VISIT = "visit", "the visit it came with was called off"

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


class Report(models.Model):
    """That a specialist filed the report a grant was for. The days after it count from here."""

    grant = models.OneToOneField(Grant, models.PROTECT, related_name="report")
    logical_id = models.UUIDField()  # the report's FHIR id
    filed_at = models.DateTimeField(default=clock.now, editable=False)

    def __str__(self):
        return f"report for {self.grant_id}"


class FeedCursor(models.Model):
    """How far consent has read the log: the number of the next event."""

    name = models.CharField(max_length=40, unique=True)
    next = models.PositiveBigIntegerField(default=0)

    def __str__(self):
        return f"{self.name} at {self.next}"
