"""What a visit costs, what was paid and given back, and what is still to be told to whoever moves the money.

Amounts are whole numbers of the currency's smallest unit. Movements and provider events are only ever added: triggers
refuse to change or delete them (appointments/payments/triggers.py).
"""

import secrets
import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from appointments.models.visits import Appointment
from ehr import clock
from ehr.accounts.models import User
from ehr.outbox.models import Parcel
from providers.models import Institution


class Way(models.TextChoices):
    """How money is moved. The values are the names of the providers."""

    DESK = "desk", _("at the front desk")
    STRIPE = "stripe", _("by card, online")
    ESCROW = "escrow", _("kept in escrow")


class Ground(models.TextChoices):
    """Why what is owed is owed."""

    AHEAD = "ahead", _("the visit is ahead")
    SEEN = "seen", _("the visit took place")
    CANCELLED = "cancelled", _("cancelled in time")
    LATE = "late", _("cancelled late")
    MISSED = "missed", _("nobody came")
    LIFTED = "lifted", _("nobody came, and the fee was lifted")
    MISTAKE = "mistake", _("entered by mistake")


class Invoice(models.Model):
    """What one visit costs and who brought that about. It follows its visit when that is moved."""

    class State(models.TextChoices):
        OPEN = "open", _("to be paid")
        RESERVED = "reserved", _("reserved, not taken")
        PAID = "paid", _("paid")
        RETURNED = "returned", _("given back")
        NOTHING = "nothing", _("nothing to pay")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    appointment = models.OneToOneField(Appointment, models.PROTECT, related_name="invoice")
    institution = models.ForeignKey(Institution, models.PROTECT, related_name="invoices")
    number = models.PositiveIntegerField(_("number"))  # counted in its institution, without a gap
    amount = models.PositiveIntegerField(_("price"))
    currency = models.CharField(_("currency"), max_length=3)
    way = models.CharField(_("paid"), max_length=6, choices=Way, default=Way.DESK)  # how it is to be paid
    self_pay = models.BooleanField(default=False)  # the payer hears nothing of this visit
    # What is owed by the policy as things stand, and why. While the visit is ahead that is the price.
    owed = models.PositiveIntegerField()
    ground = models.CharField(max_length=9, choices=Ground, default=Ground.AHEAD)
    # From when money is taken or given back for it; empty while the visit is ahead.
    decided_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)  # once that moment has passed and was acted on
    disputed_at = models.DateTimeField(null=True, blank=True)  # nothing is taken until that is answered
    # What the provider refused for good: somebody looks at it, and nothing is tried meanwhile.
    stuck_at = models.DateTimeField(null=True, blank=True)
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.OPEN)
    made_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ["-made_at", "pk"]
        indexes = [
            models.Index(fields=["institution", "state", "made_at"], name="invoice_of_institution"),
            models.Index(fields=["settled_at", "decided_at"], name="invoice_to_settle"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["institution", "number"], name="invoice_number_once"),
            models.CheckConstraint(condition=Q(owed__lte=models.F("amount")), name="invoice_owes_its_price_at_most"),
            models.CheckConstraint(
                condition=Q(ground="ahead", decided_at__isnull=True) | ~Q(ground="ahead") & Q(decided_at__isnull=False),
                name="invoice_decided_when_not_ahead",
            ),
        ]

    def __str__(self):
        return f"invoice {self.id}"


class InvoiceBook(models.Model):
    """The number of an institution's last invoice. Its row is the lock under which numbers are given out."""

    institution = models.OneToOneField(Institution, models.PROTECT, primary_key=True, related_name="invoice_book")
    last = models.PositiveIntegerField(default=0)

    def __str__(self):
        return f"invoices of {self.institution_id}"


def _salt():
    return secrets.token_bytes(32)


class Payment(models.Model):
    """One way somebody set out to pay an invoice: over the desk, one card page, one deposit."""

    class Means(models.TextChoices):
        CASH = "cash", _("cash")
        CARD = "card", _("card")
        TRANSFER = "transfer", _("bank transfer")

    class LetGo(models.TextChoices):
        REFUSED = "refused", _("it was refused for good")
        CLOSED = "closed", _("the card or the account is closed")
        ASKED = "asked", _("the patient asks for another way")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="payments")
    number = models.PositiveSmallIntegerField()  # 1, 2, 3 … in one invoice
    way = models.CharField(max_length=6, choices=Way)
    means = models.CharField(max_length=8, choices=Means, blank=True)  # how it came over the desk
    amount = models.PositiveIntegerField()
    reference = models.CharField(max_length=255, blank=True)  # the provider's id of it
    salt = models.BinaryField(max_length=32, default=_salt)  # without it nobody tells whose deposit one is
    by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    made_at = models.DateTimeField(default=clock.now, editable=False)
    ended_at = models.DateTimeField(null=True, blank=True)  # nothing can come of it any more
    # From when its provider is asked for nothing more: people at the desk finish it another way, and say why.
    let_go_at = models.DateTimeField(null=True, blank=True)
    let_go_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    let_go_because = models.CharField(max_length=8, choices=LetGo, blank=True)
    # A deposit that was let go: what was handed over for it is money at the desk.
    instead_of = models.OneToOneField("self", models.PROTECT, null=True, blank=True, related_name="stead")

    class Meta:
        ordering = ["invoice", "number"]
        constraints = [
            models.UniqueConstraint(fields=["invoice", "number"], name="payment_once_in_its_place"),
            models.UniqueConstraint(
                fields=["way", "reference"], condition=~Q(reference=""), name="payment_reference_once"
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="payment_of_something"),
            models.CheckConstraint(
                condition=Q(let_go_at=None, let_go_by=None, let_go_because="")
                | Q(let_go_at__isnull=False, let_go_by__isnull=False) & ~Q(let_go_because=""),
                name="payment_let_go_by_somebody_and_why",
            ),
        ]

    def __str__(self):
        return f"payment {self.id}"


class Movement(models.Model):
    """Money that moved from one account to another, or changed its name. Rows are only ever added."""

    class Kind(models.TextChoices):
        AUTHORISED = "authorised", _("reserved")
        VOIDED = "voided", _("reservation ended")
        CAPTURED = "captured", _("paid")
        REFUNDED = "refunded", _("given back")
        BOUNCED = "bounced", _("what was given back came back")
        PAID_BACK = "paid-back", _("given back another way")
        MISTAKEN = "mistaken", _("noted by mistake")
        HANDED_OUT = "handed-out", _("what came free of escrow was given back")
        PAYER_PAID = "payer-paid", _("paid by the insurer")
        EARNED = "earned", _("for the visit")
        UNEARNED = "unearned", _("no longer for the visit")
        FEE_KEPT = "fee-kept", _("kept as a fee")
        FEE_LIFTED = "fee-lifted", _("no longer kept as a fee")
        WRITTEN_OFF = "written-off", _("no longer asked for")
        ASKED_AGAIN = "asked-again", _("asked for again")

    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="movements")
    payment = models.ForeignKey(Payment, models.PROTECT, null=True, blank=True, related_name="movements")
    kind = models.CharField(max_length=11, choices=Kind)
    amount = models.PositiveIntegerField()
    key = models.CharField(max_length=200, unique=True)  # the same news twice is one movement
    by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")  # empty: by a rule
    at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(fields=["invoice", "kind"], name="movement_of_invoice")]
        constraints = [models.CheckConstraint(condition=Q(amount__gt=0), name="movement_of_something")]

    def __str__(self):
        return f"{self.kind} {self.amount}"


class Concession(models.Model):
    """That staff ask for less than is owed, and why. Above a limit it counts once somebody else agreed."""

    class Because(models.TextChoices):
        GOODWILL = "goodwill", _("as a courtesy")
        OUR_FAULT = "our-fault", _("something went wrong on our side")
        HARDSHIP = "hardship", _("the patient cannot pay it")
        WRONG_PRICE = "wrong-price", _("the price was wrong")
        UNCOLLECTABLE = "uncollectable", _("it cannot be collected")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="concessions")
    amount = models.PositiveIntegerField()
    because = models.CharField(max_length=13, choices=Because)
    asked_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(default=clock.now, editable=False)
    # Who let it count: whoever asked, up to the limit; above it somebody else.
    agreed_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    agreed_at = models.DateTimeField(null=True, blank=True)
    declined_at = models.DateTimeField(null=True, blank=True)
    # Somebody took it back, within a day, though it counted: that much is asked for again.
    taken_back_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    taken_back_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["asked_at", "pk"]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="concession_of_something"),
            models.CheckConstraint(
                condition=Q(taken_back_at__isnull=True) | Q(agreed_at__isnull=False),
                name="concession_taken_back_after_it_counted",
            ),
            models.CheckConstraint(
                condition=Q(agreed_at__isnull=True) | Q(declined_at__isnull=True), name="concession_answered_once"
            ),
        ]

    def __str__(self):
        return f"concession {self.id}"


class ProviderEvent(models.Model):
    """That a provider told of something. Its words are not kept and not believed: the provider is asked."""

    provider = models.CharField(max_length=6, choices=Way)
    event = models.CharField(max_length=255)
    kind = models.CharField(max_length=80)
    digest = models.BinaryField(max_length=32)  # SHA-256 of what was posted
    at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["provider", "event"], name="provider_event_once")]

    def __str__(self):
        return f"{self.kind} {self.pk}"


class PaymentParcel(Parcel):
    """What a provider is to be told, or asked. One act of an invoice is under way at a time."""

    class Kind(models.TextChoices):
        AUTHORISE = "authorise", "authorise"
        CAPTURE = "capture", "capture"
        VOID = "void", "void"
        REFUND = "refund", "refund"
        LOOK = "look", "look"

    invoice = models.ForeignKey(Invoice, models.PROTECT, related_name="parcels")
    payment = models.ForeignKey(Payment, models.PROTECT, related_name="parcels")

    class Meta:
        indexes = [models.Index(fields=["invoice", "delivered_at"], name="payment_parcel_of_invoice")]
