"""What the desk still has to do with money, and one bill as it sees it. Read only; no word of what a visit was for."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db.models import F, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from appointments.models import Concession, Invoice, Movement, Payment, Way
from appointments.payments import amounts, ledger, staff, stuck
from appointments.payments.position import Paid, Position, problems
from ehr import clock
from ehr.accounts.models import User

Kind = Movement.Kind
MOST = 100
# What comes in, goes out, and is no longer asked for: enough to find bills whose money is to be handed back.
_IN = (Kind.CAPTURED, Kind.BOUNCED, Kind.PAYER_PAID)
_OUT = (Kind.REFUNDED, Kind.PAID_BACK, Kind.MISTAKEN)


@dataclass(frozen=True)
class Work:
    """The bills at some desks that somebody must do something with, oldest visit first; at most 100 of each."""

    stuck: list[Invoice]
    waiting: list[tuple[Invoice, str]]  # asked for by one person, to be agreed to by another
    to_hand_back: list[tuple[Invoice, str]]
    unpaid: list[tuple[Invoice, str]]  # after the visit


def of_desks(desks: Iterable[UUID]) -> Work:
    """Return what is to be done at these institutions' desks, by nine queries and two for each bill to hand back."""
    rows, at = _rows(desks), clock.now()
    waiting = Concession.objects.filter(invoice__in=rows, agreed_at=None, declined_at=None)
    over = rows.filter(state=Invoice.State.OPEN, appointment__ends__lte=at, stuck_at=None)
    over = over.filter(Q(decided_at=None) | Q(decided_at__lte=at))
    found = [(one, ledger.position(one).by_hand) for one in _too_much(rows, at)]
    return Work(
        stuck=list(rows.exclude(stuck_at=None)[:MOST]),
        waiting=[
            (one.invoice, amounts.words(one.amount, one.invoice.currency))
            for one in waiting.select_related("invoice__appointment__patient")[:MOST]
        ],
        to_hand_back=[(one, amounts.words(back, one.currency)) for one, back in found if back],
        unpaid=[(one, amounts.words(ledger.position(one).to_pay, one.currency)) for one in over[:MOST]],
    )


def one(desks: Iterable[UUID], invoice: UUID) -> Invoice | None:
    """Return one bill at these desks, or None."""
    return _rows(desks).filter(pk=invoice).first()


def _rows(desks: Iterable[UUID]) -> QuerySet[Invoice]:
    rows = Invoice.objects.filter(institution__in=list(desks)).select_related("appointment__patient", "institution")
    return rows.order_by("appointment__starts", "pk")


def _too_much(rows: QuerySet[Invoice], at: datetime) -> QuerySet[Invoice]:
    """Return bills for which more is held than is owed, or something came free of escrow.

    Whether a person gives it back is read from the position.
    """

    def total(*kinds: str, only: Q = Q()) -> Coalesce:  # noqa: B008 - Q() is never changed
        return Coalesce(Sum("movements__amount", filter=Q(movements__kind__in=kinds) & only), 0)

    rows = rows.filter(stuck_at=None).filter(Q(decided_at=None) | Q(decided_at__lte=at))
    less = total(Kind.WRITTEN_OFF) - total(Kind.ASKED_AGAIN)
    rows = rows.annotate(kept=total(*_IN) - total(*_OUT), due=F("owed") - less)
    deposit = Q(movements__payment__way=Way.ESCROW, movements__payment__stead=None)
    rows = rows.annotate(free=total(Kind.VOIDED, Kind.REFUNDED, only=deposit) - total(Kind.HANDED_OUT))
    return rows.filter(Q(kept__gt=0) & Q(kept__gt=F("due")) | Q(free__gt=0))[:MOST]


@dataclass(frozen=True)
class PaymentRow:
    """One payment, and what can be done about it."""

    id: UUID
    words: str
    amount: str
    let_go: str  # why it was let go; empty where it was not
    may_be_let_go: bool
    may_be_taken_up: bool
    may_be_mistaken: bool


@dataclass(frozen=True)
class LessRow:
    """One concession, and what can be done about it."""

    id: UUID
    amount: str
    because: str
    asked_by: str
    state: str  # "waiting", "counts", "declined" or "taken-back"
    may_agree: bool
    may_be_taken_back: bool


@dataclass(frozen=True)
class Line:
    """One movement as the desk reads it."""

    at: datetime
    what: str
    amount: str
    by: str


@dataclass(frozen=True)
class Case:
    """One bill as the desk sees it: amounts in the smallest unit, and what can be done."""

    invoice: Invoice
    here: Position
    adds_up: bool
    to_pay: int
    by_hand: int
    most_less: int  # how much less can still be asked for
    alone: int  # up to here by one person alone
    payments: tuple[PaymentRow, ...]
    less: tuple[LessRow, ...]
    lines: tuple[Line, ...]

    def words(self, amount: int) -> str:
        """Return an amount of this bill as people read it."""
        return amounts.words(amount, self.invoice.currency)


def case(invoice: Invoice, *, reader: User) -> Case:
    """Return one bill with what this reader can do about it."""
    here = ledger.position(invoice)
    less = [_less(one, invoice, reader) for one in invoice.concessions.select_related("asked_by", "invoice")]
    waiting = invoice.concessions.filter(agreed_at=None, declined_at=None).aggregate(all=Sum("amount"))["all"] or 0
    by_id = {paid.id: paid for paid in here.payments}
    payments = invoice.payments.select_related("invoice")
    adds_up = not problems(here)
    return Case(
        invoice=invoice,
        here=here,
        adds_up=adds_up,
        to_pay=here.to_pay if adds_up else 0,
        by_hand=staff.by_hand(invoice) if adds_up else 0,
        most_less=max(0, here.due - waiting) if adds_up else 0,
        alone=settings.PAYMENTS.alone,
        payments=tuple(_payment(one, by_id[one.pk], invoice) for one in payments),
        less=tuple(less),
        lines=tuple(_lines(invoice)),
    )


def _payment(payment: Payment, paid: Paid, invoice: Invoice) -> PaymentRow:
    how = [Way(payment.way).label, payment.get_means_display() if payment.means else ""]
    return PaymentRow(
        id=payment.pk,
        words=", ".join(str(word) for word in how if word),
        amount=amounts.words(payment.amount, invoice.currency),
        let_go=payment.get_let_go_because_display() if payment.let_go_at else "",
        may_be_let_go=invoice.stuck_at is not None and stuck.may_be_let_go(paid),
        may_be_taken_up=stuck.may_be_taken_up(payment),
        may_be_mistaken=staff.may_be_mistaken(payment),
    )


def _less(concession: Concession, invoice: Invoice, reader: User) -> LessRow:
    state = "counts" if concession.agreed_at else "declined" if concession.declined_at else "waiting"
    return LessRow(
        id=concession.pk,
        amount=amounts.words(concession.amount, invoice.currency),
        because=concession.get_because_display(),
        asked_by=concession.asked_by.name,
        state="taken-back" if concession.taken_back_at else state,
        may_agree=state == "waiting" and concession.asked_by_id != reader.pk,
        may_be_taken_back=staff.may_be_taken_back(concession),
    )


def _lines(invoice: Invoice) -> list[Line]:
    rows = Movement.objects.filter(invoice=invoice).select_related("by", "payment").order_by("pk")
    return [
        Line(one.at, one.get_kind_display(), amounts.words(one.amount, invoice.currency), one.by.name if one.by else "")
        for one in rows.exclude(kind=Kind.AUTHORISED, payment__way=Way.DESK)
    ]
