"""Bills and receipts as their patient reads them: numbers, days, amounts, the institution; not what a visit was for."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from appointments.models import Concession, Ground, Invoice, Movement, Payment, Way
from appointments.payments import amounts, ledger, paying, position
from patients.models import Patient

Kind = Movement.Kind
# What of a bill's movements its patient sees: those that move their money, or what is asked for.
SHOWN = {
    Kind.AUTHORISED: _("Set aside, not taken"),
    Kind.VOIDED: _("No longer set aside"),
    Kind.CAPTURED: _("Paid"),
    Kind.REFUNDED: _("Given back to you"),
    Kind.BOUNCED: _("What was given back came back to us"),
    Kind.PAYER_PAID: _("Paid by your insurer"),
    Kind.PAID_BACK: _("Given back to you another way"),
    Kind.MISTAKEN: _("Had been noted as paid by mistake"),
    Kind.HANDED_OUT: _("Given back to you"),
    Kind.WRITTEN_OFF: _("No longer asked for"),
    Kind.ASKED_AGAIN: _("Asked for again"),
}
# In escrow the same has other words: what comes free there is handed out at the desk.
IN_ESCROW = {
    Kind.AUTHORISED: _("Kept in escrow"),
    Kind.VOIDED: _("Came free of escrow"),
    Kind.REFUNDED: _("Came free of escrow"),
}
# Why less was asked for, and why a payment was finished at the desk, as their patient reads it.
LESS = {
    Concession.Because.GOODWILL: _("No longer asked for, as a courtesy"),
    Concession.Because.OUR_FAULT: _("No longer asked for: something went wrong on our side"),
    Concession.Because.WRONG_PRICE: _("No longer asked for: the price was wrong"),
}
LET_GO = {
    Payment.LetGo.REFUSED: _("It could not be finished as it began. The front desk finishes it with you"),
    Payment.LetGo.CLOSED: _("The card or account takes nothing back any more. The front desk finishes it with you"),
    Payment.LetGo.ASKED: _("You asked for another way. The front desk finishes it with you"),
}
# Why what is owed is owed, in one sentence.
WHY = {
    Ground.AHEAD: _("The visit is ahead."),
    Ground.SEEN: _("The visit took place."),
    Ground.CANCELLED: _("It was cancelled in time, so nothing is owed."),
    Ground.LATE: _("It was cancelled late. What is kept is what was shown at the booking."),
    Ground.MISSED: _("It was noted that nobody came. What is kept is what was shown at the booking."),
    Ground.LIFTED: _("It had been noted that nobody came. That was looked at, and the fee was lifted."),
    Ground.MISTAKE: _("It had been entered by mistake, so nothing is owed."),
}


@dataclass(frozen=True)
class Line:
    """One thing that happened to a bill."""

    at: datetime
    what: str
    amount: str


@dataclass(frozen=True)
class Receipt:
    """That a payment was taken. Each payment has one; its number is the bill's, and which payment of it."""

    number: str
    at: datetime
    amount: str
    how: str
    mistaken: bool = False  # it had been noted by mistake: there is nothing to print


@dataclass(frozen=True)
class Bill:
    """One invoice, its sums in words, and what can be done about it."""

    id: UUID
    number: int
    institution: str
    visit_at: datetime
    state: str
    state_words: str
    why: str
    price: str
    owed: str
    held: str
    to_pay: str  # empty where nothing is
    on_its_way: str  # what was handed over and is not yet where it is kept until the visit; empty where nothing is
    to_come_back: str  # what is on its way to the patient; empty where nothing is
    by_hand: bool  # somebody at the desk gives that back
    disputed: bool
    decides_at: datetime | None  # until then nothing is taken or given back
    stuck: bool
    self_pay: bool
    by_card: bool
    lines: tuple[Line, ...] = ()
    receipts: tuple[Receipt, ...] = ()


def of_patient(patient: Patient) -> list[Bill]:
    """Return a patient's bills, newest first, without their lines."""
    return [_bill(invoice) for invoice in _rows(patient)]


def one(patient: Patient, invoice_id: UUID) -> Bill | None:
    """Return one bill of a patient with all that happened to it, or None where it is none of theirs."""
    invoice = _rows(patient).filter(pk=invoice_id).first()
    return _bill(invoice, whole=True) if invoice else None


def invoice(patient: Patient, invoice_id: UUID) -> Invoice | None:
    """Return one invoice of a patient, to be paid, or None where it is none of theirs."""
    return _rows(patient).filter(pk=invoice_id).first()


def receipt(patient: Patient, invoice_id: UUID, number: int) -> tuple[Bill, Receipt] | None:
    """Return the receipt of the first, second … payment of a bill, or None where there is none."""
    bill = one(patient, invoice_id)
    if bill is None or not 1 <= number <= len(bill.receipts) or bill.receipts[number - 1].mistaken:
        return None
    return bill, bill.receipts[number - 1]


def _rows(patient: Patient):
    rows = Invoice.objects.filter(appointment__patient=patient).order_by("-appointment__starts", "-pk")
    return rows.select_related("appointment", "institution")


def _bill(invoice: Invoice, *, whole: bool = False) -> Bill:
    here = ledger.position(invoice)
    moved = _movements(invoice) if whole else []
    return Bill(
        id=invoice.pk,
        number=invoice.number,
        institution=invoice.institution.name,
        visit_at=invoice.appointment.starts,
        state=position.state(here),
        state_words=Invoice.State(position.state(here)).label,
        why=str(WHY[Ground(invoice.ground)]),
        price=amounts.words(invoice.amount, invoice.currency),
        owed=amounts.words(here.due, invoice.currency),
        held=amounts.words(here.held, invoice.currency),
        to_pay=_unless_nothing(here.to_pay, invoice),
        on_its_way=_unless_nothing(here.handed, invoice),
        to_come_back=_unless_nothing(here.excess + here.free, invoice),
        by_hand=here.by_hand > 0,
        disputed=invoice.disputed_at is not None,
        decides_at=invoice.decided_at if invoice.settled_at is None else None,
        stuck=invoice.stuck_at is not None,
        self_pay=invoice.self_pay,
        by_card=paying.may_pay_by_card(invoice),
        lines=_lines(invoice, moved),
        receipts=tuple(_receipts(invoice, moved)),
    )


def _movements(invoice: Invoice) -> list[Movement]:
    """Return an invoice's movements in order. What is paid over the desk was never only set aside."""
    rows = Movement.objects.filter(invoice=invoice).select_related("payment").order_by("pk")
    return list(rows.exclude(kind=Kind.AUTHORISED, payment__way=Way.DESK))


def _lines(invoice: Invoice, moved: list[Movement]) -> tuple[Line, ...]:
    """Return all that happened, in order: what moved, and what people at the desk took in hand."""
    if not moved:  # a list of bills shows none
        return ()
    less = {f"concession:{one.pk}": LESS.get(Concession.Because(one.because)) for one in invoice.concessions.all()}
    lines = []
    for one in moved:
        known = IN_ESCROW if one.payment and one.payment.way == Way.ESCROW else SHOWN
        words = less.get(one.key) or known.get(Kind(one.kind)) or SHOWN.get(Kind(one.kind))
        if words:
            lines.append(Line(one.at, str(words), amounts.words(one.amount, invoice.currency)))
    for payment in invoice.payments.filter(let_go_at__isnull=False):
        amount = amounts.words(payment.amount, invoice.currency)
        lines.append(Line(payment.let_go_at, str(LET_GO[Payment.LetGo(payment.let_go_because)]), amount))
    return tuple(sorted(lines, key=lambda line: line.at))


def _receipts(invoice: Invoice, moved: list[Movement]) -> list[Receipt]:
    taken = [movement for movement in moved if movement.kind == Kind.CAPTURED]
    mistaken = {movement.payment_id for movement in moved if movement.kind == Kind.MISTAKEN}
    return [
        Receipt(
            f"{invoice.number}-{place}",
            movement.at,
            amounts.words(movement.amount, invoice.currency),
            str(Way(movement.payment.way).label),
            mistaken=movement.payment_id in mistaken,
        )
        for place, movement in enumerate(taken, start=1)
    ]


def _unless_nothing(amount: int, invoice: Invoice) -> str:
    return amounts.words(amount, invoice.currency) if amount else ""
