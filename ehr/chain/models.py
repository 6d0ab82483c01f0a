"""What this side knows of the chain: contracts, transactions in every signed form, and the blocks they are in."""

from datetime import datetime

from django.db import models
from django.db.models import F, Q


class Deployment(models.Model):
    """Where a contract stands."""

    chain_id = models.PositiveBigIntegerField()
    name = models.CharField(max_length=60)
    address = models.CharField(max_length=42)
    block = models.PositiveBigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["chain_id", "name"], name="deployment_once_per_chain")]

    def __str__(self) -> str:
        return f"{self.name} at {self.address} on chain {self.chain_id}"


class Account(models.Model):
    """The relayer's account on one chain. Its row is the lock under which nonces are given out."""

    chain_id = models.PositiveBigIntegerField()
    address = models.CharField(max_length=42)
    # Hash of block 0: the same id with another beginning is another chain.
    genesis = models.BinaryField(max_length=32)
    next_nonce = models.PositiveBigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["chain_id", "address"], name="account_once_per_chain")]

    def __str__(self) -> str:
        return f"{self.address} on chain {self.chain_id}"


class Status(models.TextChoices):
    """How far a transaction has come; `confirmed` may still be undone by a reorganisation, `final` not."""

    QUEUED = "queued"
    SIGNED = "signed"
    SENT = "sent"
    CONFIRMED = "confirmed"
    FINAL = "final"
    FAILED = "failed"


class TransactionQuerySet(models.QuerySet["Transaction"]):
    def to_sign(self, at: datetime) -> "TransactionQuerySet":
        """Queued and due, and not before what they follow is in a block, or will never be."""
        free = Q(after=None) | Q(after__status__in=[Status.CONFIRMED, Status.FINAL, Status.FAILED])
        return self.filter(free, status=Status.QUEUED, due_at__lte=at).order_by("pk")

    def outstanding(self) -> "TransactionQuerySet":
        """Signed, and not seen in a block."""
        return self.filter(status__in=[Status.SIGNED, Status.SENT])


class Transaction(models.Model):
    """One call of a contract, or its creation where `method` is empty. Queued once for each digest, for ever."""

    digest = models.BinaryField(max_length=32, unique=True)
    contract = models.CharField(max_length=60)
    method = models.CharField(max_length=60, blank=True)
    calldata = models.BinaryField()
    value = models.DecimalField(max_digits=30, decimal_places=0, default=0)  # wei sent along
    # What must be in a block first: sent together, the second would fail before the first is counted.
    after = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="+")
    status = models.CharField(max_length=10, choices=Status, default=Status.QUEUED)
    queued_at = models.DateTimeField()
    # When it may be tried next, after the contract refused it in a trial run.
    due_at = models.DateTimeField()
    tries = models.PositiveSmallIntegerField(default=0)
    problem = models.CharField(max_length=200, blank=True)
    # Whose nonce it is: after a change of keys the old account's transactions are still sent, and never outbid.
    payer = models.CharField(max_length=42, blank=True)
    nonce = models.PositiveBigIntegerField(null=True)
    gas = models.PositiveBigIntegerField(null=True)
    block_number = models.PositiveBigIntegerField(null=True)
    block_hash = models.BinaryField(max_length=32, null=True)
    mined_hash = models.BinaryField(max_length=32, null=True)
    created_address = models.CharField(max_length=42, blank=True)
    gas_used = models.PositiveBigIntegerField(null=True)
    logs = models.JSONField(default=list)

    objects = TransactionQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["status", "due_at"], name="transaction_by_status"),
            models.Index(fields=["block_number"], name="transaction_by_block"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(status=Status.QUEUED, nonce=None) | Q(status=Status.FAILED) | Q(nonce__isnull=False),
                name="transaction_signed_has_nonce",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=[Status.CONFIRMED, Status.FINAL]) | Q(block_number__isnull=False),
                name="transaction_confirmed_has_block",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.contract}.{self.method or 'constructor'} {self.pk} ({self.status})"


class SignedForm(models.Model):
    """A transaction as signed for one fee. Stored before it is sent; any of its forms may be the one mined."""

    transaction = models.ForeignKey(Transaction, models.CASCADE, related_name="forms")
    hash = models.BinaryField(max_length=32, unique=True)
    raw = models.BinaryField()
    max_fee = models.DecimalField(max_digits=30, decimal_places=0)
    priority_fee = models.DecimalField(max_digits=30, decimal_places=0)
    signed_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(max_fee__gte=F("priority_fee")), name="form_fee_covers_tip")]

    def __str__(self) -> str:
        return f"0x{bytes(self.hash).hex()}"


class Block(models.Model):
    """A block that holds a transaction of ours; `confirmed` once the chain calls it final."""

    chain_id = models.PositiveBigIntegerField()
    number = models.PositiveBigIntegerField()
    hash = models.BinaryField(max_length=32)
    time = models.DateTimeField()
    confirmed = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["chain_id", "number"], name="block_once_per_chain")]
        indexes = [models.Index(fields=["confirmed", "number"], name="block_by_confirmed")]

    def __str__(self) -> str:
        return f"block {self.number} of chain {self.chain_id}"
