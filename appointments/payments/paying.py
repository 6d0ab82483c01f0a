"""A patient pays by card, on the provider's own page."""

from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from appointments.models import Invoice, Payment, Way
from appointments.payments import cards, ledger, staff
from appointments.payments.position import problems
from appointments.payments.providing import Refused
from appointments.refusals import NotPossible
from ehr import clock
from ehr.accounts.models import User


def may_pay_by_card(invoice: Invoice) -> bool:
    """Tell whether this bill can be paid by card, here and now."""
    if not settings.PAYMENTS.stripe_key or invoice.way != Way.STRIPE:
        return False
    here = ledger.position(invoice)
    return here.to_pay > 0 and not problems(here)


def begin(invoice: Invoice, *, by: User, back_to: str) -> str:
    """Return the address of a page on which the patient pays what is still to be paid.

    Asked for twice it is the same page. A page for another amount is closed first, and what was paid there counts.
    Call it outside a transaction. Raises NotPossible where nothing is to be paid, or not by card.
    """
    payment, stale = _begun(invoice, by)
    try:
        if stale is not None:
            _close(stale)
            payment, stale = _begun(invoice, by)
        if stale is None and payment.reference:
            address = cards.page_of(payment)
        elif stale is None:
            reference, address = cards.open_page(payment, back_to=back_to)
            Payment.objects.filter(pk=payment.pk, reference="").update(reference=reference)
    except Refused as refused:
        _end(payment.pk)
        raise _not_now() from refused
    except cards.Unreachable as silence:
        words = _("The page for cards does not open just now. Try again in a few minutes, or pay at the front desk.")
        raise NotPossible(words, because="unreachable") from silence
    if stale is not None or not address:
        raise _not_now()
    return address


@transaction.atomic
def _begun(invoice: Invoice, by: User) -> tuple[Payment, Payment | None]:
    """Return the payment that is begun, and one whose page must be closed before it."""
    invoice = ledger.locked(invoice.pk)
    if not may_pay_by_card(invoice):
        raise _not_now()
    amount = ledger.check(invoice).to_pay
    rows = Payment.objects.filter(invoice=invoice, way=Way.STRIPE, ended_at=None, movements=None)
    open_one = rows.order_by("-number").first()
    if open_one is None:
        return staff.begin(invoice, way=Way.STRIPE, amount=amount, by=by), None
    late = clock.now() > open_one.made_at + cards.PAGE_LASTS / 2
    return (open_one, open_one) if open_one.amount != amount or late else (open_one, None)


def _close(payment: Payment) -> None:
    """Close a page, and write down what was paid there."""
    if payment.reference:
        cards.close_page(payment)
        seen = cards.Cards().look(payment)
        with transaction.atomic():
            invoice = ledger.locked(payment.invoice_id)
            ledger.note(invoice, payment, seen)
            ledger.settle(invoice)
    _end(payment.pk)


def _end(pk: UUID) -> None:
    Payment.objects.filter(pk=pk).update(ended_at=clock.now())


def _not_now() -> NotPossible:
    return NotPossible(_("There is nothing to pay here by card now. Ask the front desk."), because="not-by-card")
