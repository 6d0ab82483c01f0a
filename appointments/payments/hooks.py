"""What booking tells of a visit, in its own transaction. Only rows and parcels are written; money moves afterwards.

Each says what is owed by the policy that was shown at the booking. The rest follows from the sums: see `position`.
"""

from datetime import datetime

from django.conf import settings
from django.db.models import F

from appointments.models import Appointment, Ground, Invoice, InvoiceBook, Movement
from appointments.payments import escrow, ledger, policy, telling
from appointments.rules import UNDO
from ehr import clock


def invoice_of(appointment: Appointment) -> Invoice | None:
    """Return the invoice of a visit, or None for a visit that costs nothing."""
    return Invoice.objects.filter(appointment=appointment).first()


def open_invoice(appointment: Appointment) -> Invoice | None:
    """Make the invoice of a visit, once; None where it costs nothing. Call it when the visit is booked."""
    if not appointment.price:
        return None
    found = invoice_of(appointment)
    if found is not None:
        return found
    institution = appointment.schedule.institution
    invoice = Invoice.objects.create(
        appointment=appointment,
        institution=institution,
        number=_next_number(institution),
        amount=appointment.price,
        owed=appointment.price,
        currency=appointment.currency,
        way=settings.PAYMENTS.way,
        self_pay=appointment.self_pay,
    )
    telling.happened(invoice, "invoice.opened")
    return invoice


def on_cancelled(appointment: Appointment, at: datetime | None = None, *, by_clinic: bool = False) -> Invoice | None:
    """A visit was called off. In time, or by the clinic, nothing is owed; late, the part the policy names."""
    at = at or clock.now()
    ground = Ground.CANCELLED if by_clinic else policy.cancelled(appointment.starts, appointment.policy, at)
    return _follow(appointment, ground, decided=clock.now())


def on_no_show(appointment: Appointment, at: datetime | None = None) -> Invoice | None:
    """Nobody came. What the policy keeps is taken, and the rest given back, once that cannot be undone any more."""
    at = at or clock.now()
    invoice = _follow(appointment, Ground.MISSED, decided=at + UNDO)
    if invoice:
        escrow.tell(invoice, "reportMissed", at)
    return invoice


def on_no_show_undone(appointment: Appointment) -> Invoice | None:
    """Somebody had come after all: the visit counts as before."""
    return on_undone(appointment)


def on_undone(appointment: Appointment) -> Invoice | None:
    """A cancellation, a no-show or an end was taken back: the price is owed as before, and nothing is decided."""
    found = invoice_of(appointment)
    if found and found.ground in {Ground.MISSED, Ground.LIFTED}:
        escrow.tell(found, "withdrawMissed", clock.now())
    return _follow(appointment, Ground.AHEAD, decided=None)


def on_disputed(appointment: Appointment) -> Invoice | None:
    """A patient says that they were there: nothing is taken until somebody answers."""
    invoice = _of(appointment)
    if invoice is None or invoice.ground != Ground.MISSED or invoice.disputed_at:
        return invoice
    invoice.disputed_at = clock.now()
    invoice.save(update_fields=["disputed_at"])
    escrow.tell(invoice, "dispute", invoice.disputed_at)
    ledger.settle(invoice)
    return invoice


def on_dispute_answered(appointment: Appointment, *, stands: bool) -> Invoice | None:
    """Somebody answered: the fee stands, or is lifted and what was taken of it given back."""
    invoice = _of(appointment)
    if invoice is None or invoice.disputed_at is None:
        return invoice
    ground = Ground.MISSED if stands else Ground.LIFTED
    return _follow(appointment, ground, decided=max(clock.now(), invoice.decided_at) if stands else clock.now())


def on_fulfilled(appointment: Appointment) -> Invoice | None:
    """The visit took place: its price is taken."""
    return _follow(appointment, Ground.SEEN, decided=clock.now())


def on_mistake(appointment: Appointment) -> Invoice | None:
    """The visit never was: nothing is owed for it."""
    return _follow(appointment, Ground.MISTAKE, decided=clock.now())


def on_moved(old: Appointment, new: Appointment) -> Invoice | None:
    """A visit was moved: its invoice goes with it and asks for the new one's price, by the new one's policy.

    Call it instead of `on_cancelled` for the old one. Raises ValueError where the currency is another.
    """
    invoice = _of(old)
    if invoice is None:
        return open_invoice(new)
    if invoice.currency != new.currency:
        raise ValueError("An invoice stays in its currency; cancel the visit and book anew.")
    invoice.appointment, invoice.amount, invoice.self_pay = new, new.price, new.self_pay
    invoice.owed = min(invoice.owed, new.price)
    invoice.save(update_fields=["appointment", "amount", "self_pay", "owed"])
    return _follow(new, Ground.AHEAD, decided=None)


def on_payer_paid(appointment: Appointment, amount: int, *, key: str) -> Invoice | None:
    """The patient's insurer paid, once per key. What the patient paid beyond the rest is given back.

    Raises ValueError for a visit that its patient pays alone.
    """
    invoice = _of(appointment)
    if invoice is None or not amount:
        return invoice
    if invoice.self_pay:
        raise ValueError("No payer hears of this visit, so none can have paid.")
    movement = ledger.add(invoice, Movement.Kind.PAYER_PAID, amount, key=f"payer:{key}")
    if movement:
        telling.moved(invoice, movement)
        ledger.settle(invoice)
    return invoice


def _follow(appointment: Appointment, ground: str, *, decided: datetime | None) -> Invoice | None:
    """Owe what the policy says on this ground, from a moment on, and write what is to be done next."""
    invoice = _of(appointment)
    if invoice is None:
        return None
    invoice.owed = policy.owed(invoice.amount, invoice.appointment.policy, ground)
    invoice.ground, invoice.decided_at = ground, decided
    invoice.disputed_at = invoice.settled_at = None
    invoice.save(update_fields=["owed", "ground", "decided_at", "disputed_at", "settled_at"])
    ledger.settle(invoice)
    return invoice


def _of(appointment: Appointment) -> Invoice | None:
    """Return a visit's invoice, which nobody else changes until the caller's transaction ends."""
    found = invoice_of(appointment)
    return ledger.locked(found.pk) if found else None


def _next_number(institution) -> int:
    """Return the number after the last. Two at once wait for one another, so that no number is missing or twice."""
    InvoiceBook.objects.get_or_create(institution=institution)
    InvoiceBook.objects.filter(institution=institution).update(last=F("last") + 1)
    return InvoiceBook.objects.values_list("last", flat=True).get(institution=institution)
