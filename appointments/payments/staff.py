"""What people at the front desk do with money: take it, give it back, and ask for less.

Each verb asks whether its person works at that institution's desk, now. `once` is a UUID made with the form: sent twice
it is done once.
"""

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from appointments.models import Concession, Invoice, Movement, Payment, PaymentParcel, Way
from appointments.payments import ledger, providers, telling
from appointments.refusals import NotPossible, NotTheirs
from appointments.standing import is_at_the_desk
from ehr import clock
from ehr.accounts.models import User

Kind = Movement.Kind


@transaction.atomic
def pay_at_desk(invoice: Invoice, *, amount: int, means: str, by: User, once: UUID) -> Payment:
    """Write down that somebody paid over the desk, and return that payment.

    Where the invoice is kept in escrow, the deposit follows. Raises NotPossible for more than is still to be paid, and
    NotTheirs for somebody who does not work at that desk.
    """
    invoice = _at_the_desk(invoice, by)
    if (made := Payment.objects.filter(pk=once, invoice=invoice).first()) is not None:
        return made
    here = ledger.check(invoice)
    if not 0 < amount <= here.to_pay - _on_its_way(invoice):
        raise NotPossible(_("That is more than is still to be paid. Look at the bill again."), because="too-much")
    way = Way.ESCROW if invoice.way == Way.ESCROW and invoice.decided_at is None else Way.DESK
    payment = begin(invoice, way=way, amount=amount, means=means, by=by, pk=once)
    if way == Way.ESCROW:
        telling.happened(invoice, "payment.deposited", by=by)
        ledger.write(invoice, PaymentParcel.Kind.AUTHORISE, payment, amount)
        return payment
    seen = providers.of(way).capture(payment, amount, key=str(once))
    ledger.note(invoice, payment, seen, by=by)
    ledger.settle(invoice)
    return payment


@transaction.atomic
def hand_back(invoice: Invoice, *, amount: int, by: User, once: UUID) -> list[Movement]:
    """Write down that money was given back over the desk; return what was added, nothing for the second time.

    Raises NotPossible for more than is to be given back by hand.
    """
    invoice = _at_the_desk(invoice, by)
    done = Movement.objects.filter(invoice=invoice, key__startswith=f"{once}:")
    if done.exists():
        return list(done)
    if not 0 < amount <= by_hand(invoice):
        raise NotPossible(_("That is more than is to be given back. Look at the bill again."), because="too-much")
    added = []
    for paid in ledger.check(invoice).payments:
        part = min(amount, paid.kept) if paid.way == Way.DESK else 0
        if part:
            payment = Payment.objects.get(pk=paid.id)
            movement = ledger.add(invoice, Kind.REFUNDED, part, key=f"{once}:{payment.number}", payment=payment, by=by)
            telling.moved(invoice, movement)
            added.append(movement)
            amount -= part
    ledger.settle(invoice)
    return added


def by_hand(invoice: Invoice, at: datetime | None = None) -> int:
    """Return how much the desk has to give back now; nothing before what is owed is certain."""
    if invoice.decided_at is not None and invoice.decided_at > (at or clock.now()):
        return 0
    return ledger.check(invoice).by_hand


@transaction.atomic
def concede(invoice: Invoice, *, amount: int, because: str, by: User, once: UUID) -> Concession:
    """Ask for less than is owed, and say why. What was paid of it already is given back.

    Above settings.PAYMENTS.alone it waits until somebody else at the desk agrees. Concessions that count or wait are
    added up, so that no sum passes in pieces. Raises NotPossible for more than is owed.
    """
    invoice = _at_the_desk(invoice, by)
    if (made := Concession.objects.filter(pk=once, invoice=invoice).first()) is not None:
        return made
    if because not in Concession.Because.values:
        raise ValueError(f"{because!r} is no reason to ask for less.")
    others = Concession.objects.filter(invoice=invoice, declined_at=None)
    before = sum(others.values_list("amount", flat=True))
    waiting = sum(others.filter(agreed_at=None).values_list("amount", flat=True))
    if not 0 < amount <= ledger.check(invoice).due - waiting:
        raise NotPossible(_("That is more than is owed. Look at the bill again."), because="too-much")
    made = Concession.objects.create(pk=once, invoice=invoice, amount=amount, because=because, asked_by=by)
    if before + amount <= settings.PAYMENTS.alone:
        _count(invoice, made, by=by)
    return made


@transaction.atomic
def agree(concession: Concession, *, by: User) -> Concession:
    """Let a concession count that somebody else asked for. Raises NotPossible for one's own, or an answered one."""
    invoice, concession = _to_answer(concession, by)
    if concession.asked_by_id == by.pk:
        raise NotPossible(_("Somebody else at your desk has to agree."), because="own")
    if concession.amount > ledger.check(invoice).due:
        raise NotPossible(_("That is more than is owed by now. Decline it."), because="too-much")
    _count(invoice, concession, by=by)
    return concession


@transaction.atomic
def decline(concession: Concession, *, by: User) -> Concession:
    """Decline a concession, or take back one's own, before it counts."""
    _invoice, concession = _to_answer(concession, by)
    concession.declined_at = clock.now()
    concession.save(update_fields=["declined_at"])
    return concession


@transaction.atomic
def try_again(invoice: Invoice, *, by: User) -> None:
    """Let a provider be asked once more for what it refused before."""
    invoice = _at_the_desk(invoice, by)
    invoice.stuck_at = None
    invoice.save(update_fields=["stuck_at"])
    ledger.settle(invoice)


def begin(invoice: Invoice, *, way: str, amount: int, by: User | None, means: str = "", pk: UUID | None = None):
    """Add a payment of an invoice, numbered. The caller holds the invoice."""
    facts = {"pk": pk} if pk else {}
    number = Payment.objects.filter(invoice=invoice).count() + 1
    return Payment.objects.create(invoice=invoice, number=number, way=way, amount=amount, means=means, by=by, **facts)


def _on_its_way(invoice: Invoice) -> int:
    """Return what was handed over for the escrow and is not in it yet."""
    waiting = PaymentParcel.objects.filter(
        invoice=invoice, kind=PaymentParcel.Kind.AUTHORISE, delivered_at=None, gave_up_at=None
    )
    return sum(parcel.payload["amount"] for parcel in waiting)


def _count(invoice: Invoice, concession: Concession, *, by: User) -> None:
    concession.agreed_by, concession.agreed_at = by, clock.now()
    concession.save(update_fields=["agreed_by", "agreed_at"])
    movement = ledger.add(invoice, Kind.WRITTEN_OFF, concession.amount, key=f"concession:{concession.pk}", by=by)
    telling.moved(invoice, movement)
    ledger.settle(invoice)


def _to_answer(concession: Concession, by: User) -> tuple[Invoice, Concession]:
    invoice = _at_the_desk(concession.invoice, by)
    fresh = Concession.objects.get(pk=concession.pk)
    if fresh.agreed_at or fresh.declined_at:
        raise NotPossible(_("Somebody answered that already."), because="answered")
    return invoice, fresh


def _at_the_desk(invoice: Invoice, by: User) -> Invoice:
    """Return the invoice, which nobody else changes now. Raises NotTheirs."""
    if not is_at_the_desk(by, invoice.institution_id):
        raise NotTheirs(_("There is no such bill at your desk."), because="not-theirs")
    return ledger.locked(invoice.pk)
