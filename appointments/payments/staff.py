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
from appointments.payments.position import Paid
from appointments.refusals import NotPossible, NotTheirs
from appointments.rules import UNDO
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
    invoice = at_the_desk(invoice, by)
    if (made := Payment.objects.filter(pk=once, invoice=invoice).first()) is not None:
        return made
    here = ledger.check(invoice)
    if not 0 < amount <= here.to_pay:
        raise NotPossible(_("That is more than is still to be paid. Look at the bill again."), because="too-much")
    way = Way.ESCROW if invoice.way == Way.ESCROW and invoice.decided_at is None else Way.DESK
    payment = begin(invoice, way=way, amount=amount, means=means, by=by, pk=once)
    if way == Way.ESCROW:
        telling.happened(invoice, "payment.deposited", by=by)
        ledger.write(invoice, PaymentParcel.Kind.AUTHORISE, payment, amount)
        ledger.settle(invoice)
        return payment
    return count(invoice, payment, by=by)


def count(invoice: Invoice, payment: Payment, *, by: User) -> Payment:
    """Write down that a payment's whole amount came in over the desk. The caller holds the invoice."""
    seen = providers.of(Way.DESK).capture(payment, payment.amount, key=str(payment.pk))
    ledger.note(invoice, payment, seen, by=by)
    ledger.settle(invoice)
    return payment


@transaction.atomic
def mistaken(payment: Payment, *, by: User) -> Payment:
    """Take back that somebody paid over the desk, for it was noted by mistake. Twice is once.

    Raises NotPossible after 24 hours, and where something of it was given back.
    """
    invoice = at_the_desk(payment.invoice, by)
    key = f"{payment.pk}:{Kind.MISTAKEN}"
    if Movement.objects.filter(key=key).exists():
        return payment
    if not may_be_mistaken(payment):
        raise NotPossible(_("That can no longer be taken back. Look at the bill again."), because="too-late")
    ledger.unname(invoice, payment.amount)
    movement = ledger.add(invoice, Kind.MISTAKEN, payment.amount, key=key, payment=payment, by=by)
    telling.moved(invoice, movement)
    ledger.settle(invoice)
    return payment


def may_be_mistaken(payment: Payment) -> bool:
    """Tell whether a payment can still be taken back as a mistake: within 24 hours, while all of it is there."""
    if payment.way != Way.DESK or payment.instead_of_id or clock.now() >= payment.made_at + UNDO:
        return False
    kinds = set(payment.movements.values_list("kind", flat=True))
    return kinds == {Kind.AUTHORISED, Kind.CAPTURED}


@transaction.atomic
def hand_back(invoice: Invoice, *, amount: int, by: User, once: UUID) -> list[Movement]:
    """Write down that money was given back over the desk; return what was added, nothing for the second time.

    Raises NotPossible for more than is to be given back by hand.
    """
    invoice = at_the_desk(invoice, by)
    done = Movement.objects.filter(invoice=invoice, key__startswith=f"{once}:")
    if done.exists():
        return list(done)
    if not 0 < amount <= by_hand(invoice):
        raise NotPossible(_("That is more than is to be given back. Look at the bill again."), because="too-much")
    added = []
    for paid in ledger.check(invoice).payments:
        payment = Payment.objects.get(pk=paid.id)
        for kind, most in _by_hand(paid):
            part = min(amount, most)
            if not part:
                continue
            if kind == Kind.PAID_BACK:
                _not_alone(payment, paid.by_desk + part, by)
            key = f"{once}:{payment.number}:{kind}"
            movement = ledger.add(invoice, kind, part, key=key, payment=payment, by=by)
            telling.moved(invoice, movement)
            added.append(movement)
            amount -= part
    ledger.settle(invoice)
    return added


def _by_hand(paid: Paid) -> list[tuple[str, int]]:
    """Return what of a payment the desk can give back, as which movements."""
    kept = 0 if paid.by_itself else paid.kept
    return [(Kind.HANDED_OUT, paid.free), (Kind.PAID_BACK if paid.let_go else Kind.REFUNDED, kept)]


def _not_alone(payment: Payment, amount: int, by: User) -> None:
    """Have two people hand out, above the limit, what a provider would have given back to whom it came from."""
    if amount > settings.PAYMENTS.alone and payment.let_go_by_id == by.pk:
        words = _("Somebody else at your desk has to give this back: you decided that it does not go back by itself.")
        raise NotPossible(words, because="own")


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
    invoice = at_the_desk(invoice, by)
    if (made := Concession.objects.filter(pk=once, invoice=invoice).first()) is not None:
        return made
    if because not in Concession.Because.values:
        raise ValueError(f"{because!r} is no reason to ask for less.")
    others = Concession.objects.filter(invoice=invoice, declined_at=None, taken_back_at=None)
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
def take_back(concession: Concession, *, by: User) -> Concession:
    """Ask again for what was asked for less, within 24 hours of its counting. Twice is once.

    Raises NotPossible later, and where money was given back since: that would be asked for anew.
    """
    invoice = at_the_desk(concession.invoice, by)
    concession = Concession.objects.get(pk=concession.pk)
    if concession.taken_back_at:
        return concession
    if not may_be_taken_back(concession):
        raise NotPossible(_("That can no longer be taken back. Look at the bill again."), because="too-late")
    concession.taken_back_by, concession.taken_back_at = by, clock.now()
    concession.save(update_fields=["taken_back_by", "taken_back_at"])
    key = f"concession:{concession.pk}:{Kind.ASKED_AGAIN}"
    telling.moved(invoice, ledger.add(invoice, Kind.ASKED_AGAIN, concession.amount, key=key, by=by))
    ledger.settle(invoice)
    return concession


def may_be_taken_back(concession: Concession) -> bool:
    """Tell whether a concession that counts can be taken back: within 24 hours, if nothing was given back since."""
    if concession.taken_back_at or not concession.agreed_at or clock.now() >= concession.agreed_at + UNDO:
        return False
    counted = Movement.objects.get(key=f"concession:{concession.pk}")
    gone = Movement.objects.filter(invoice=concession.invoice_id, pk__gt=counted.pk)
    return not gone.filter(kind__in=[Kind.REFUNDED, Kind.PAID_BACK]).exists()


def begin(invoice: Invoice, *, way: str, amount: int, by: User | None, means: str = "", pk: UUID | None = None):
    """Add a payment of an invoice, numbered. The caller holds the invoice."""
    facts = {"pk": pk} if pk else {}
    number = Payment.objects.filter(invoice=invoice).count() + 1
    return Payment.objects.create(invoice=invoice, number=number, way=way, amount=amount, means=means, by=by, **facts)


def _count(invoice: Invoice, concession: Concession, *, by: User) -> None:
    concession.agreed_by, concession.agreed_at = by, clock.now()
    concession.save(update_fields=["agreed_by", "agreed_at"])
    movement = ledger.add(invoice, Kind.WRITTEN_OFF, concession.amount, key=f"concession:{concession.pk}", by=by)
    telling.moved(invoice, movement)
    ledger.settle(invoice)


def _to_answer(concession: Concession, by: User) -> tuple[Invoice, Concession]:
    invoice = at_the_desk(concession.invoice, by)
    fresh = Concession.objects.get(pk=concession.pk)
    if fresh.agreed_at or fresh.declined_at:
        raise NotPossible(_("Somebody answered that already."), because="answered")
    return invoice, fresh


def at_the_desk(invoice: Invoice, by: User) -> Invoice:
    """Return the invoice, which nobody else changes now. Raises NotTheirs, and NotPossible where it is one's own."""
    if not is_at_the_desk(by, invoice.institution_id):
        raise NotTheirs(_("There is no such bill at your desk."), because="not-theirs")
    found = ledger.locked(invoice.pk)
    if found.appointment.patient.user_id == by.pk:
        raise NotPossible(_("This bill is your own. Somebody else at your desk does that."), because="own-bill")
    return found
