"""What people at the desk do where whoever moves money refuses for good: ask once more, or finish it another way.

Nothing that was paid is lost by it. What a provider holds and will not give back is given back over the desk; what it
holds and will not hand out is no longer counted on; what was handed over for a deposit is money at the desk.
"""

from django.db import transaction
from django.utils.translation import gettext as _

from appointments.models import Invoice, Payment, PaymentParcel, Way
from appointments.payments import ledger, staff, telling
from appointments.payments.position import Paid
from appointments.refusals import NotPossible
from appointments.rules import UNDO
from ehr import clock
from ehr.accounts.models import User


@transaction.atomic
def try_again(invoice: Invoice, *, by: User) -> None:
    """Let providers be asked how all of it stands, and once more for what they refused before."""
    invoice = staff.at_the_desk(invoice, by)
    invoice.stuck_at = None
    invoice.save(update_fields=["stuck_at"])
    for payment in invoice.payments.exclude(way=Way.DESK).filter(let_go_at=None):
        ledger.look(payment, key=f"again:{payment.pk}:{clock.now().isoformat()}")
    ledger.settle(invoice)


@transaction.atomic
def let_go(payment: Payment, *, because: str, by: User) -> Payment:
    """Have a payment finished at the desk, and say why. Twice is once.

    From then on its provider is asked for nothing more. Raises NotPossible where it is not stuck, or something is still
    under way; NotTheirs for somebody who does not work at that desk.
    """
    invoice = staff.at_the_desk(payment.invoice, by)
    payment = Payment.objects.get(pk=payment.pk)
    if payment.let_go_at is not None:
        return payment
    if because not in Payment.LetGo.values:
        raise ValueError(f"{because!r} is no reason to let a payment go.")
    paid = next(one for one in ledger.check(invoice).payments if one.id == payment.pk)
    if invoice.stuck_at is None or not may_be_let_go(paid):
        raise NotPossible(_("This payment is not stuck any more. Look at the bill again."), because="not-stuck")
    if _is_under_way(payment):
        raise NotPossible(_("Something is still under way. Look again in a few minutes."), because="under-way")
    at_desk = paid.handed + (paid.locked if payment.way == Way.ESCROW else 0)
    payment.let_go_at, payment.let_go_by, payment.let_go_because = clock.now(), by, because
    payment.save(update_fields=["let_go_at", "let_go_by", "let_go_because"])
    invoice.stuck_at = None
    invoice.save(update_fields=["stuck_at"])
    telling.let_go(invoice, payment, by=by)
    if at_desk:
        stead = staff.begin(invoice, way=Way.DESK, amount=at_desk, means=payment.means, by=by)
        Payment.objects.filter(pk=stead.pk).update(instead_of=payment)
        staff.count(invoice, stead, by=by)
    ledger.settle(invoice)
    return payment


def may_be_let_go(paid: Paid) -> bool:
    """Tell whether a payment is one that a provider could do something with still."""
    return paid.way != Way.DESK and not paid.let_go and bool(paid.handed or paid.locked or paid.kept)


@transaction.atomic
def take_up(payment: Payment, *, by: User) -> Payment:
    """Have a payment's provider asked after all, within 24 hours, while the desk did nothing with it. Twice is once.

    Raises NotPossible later, or where something was given back or counted since.
    """
    invoice = staff.at_the_desk(payment.invoice, by)
    payment = Payment.objects.get(pk=payment.pk)
    if payment.let_go_at is None:
        return payment
    if not may_be_taken_up(payment):
        raise NotPossible(_("That can no longer be taken back. Look at the bill again."), because="too-late")
    payment.let_go_at, payment.let_go_by, payment.let_go_because = None, None, ""
    payment.save(update_fields=["let_go_at", "let_go_by", "let_go_because"])
    telling.happened(invoice, "payment.taken-up", by=by)
    ledger.settle(invoice)
    return payment


def may_be_taken_up(payment: Payment) -> bool:
    """Tell whether letting a payment go can be taken back: within 24 hours, if nothing followed from it."""
    if payment.let_go_at is None or clock.now() >= payment.let_go_at + UNDO:
        return False
    since = payment.invoice.movements.filter(at__gte=payment.let_go_at, by__isnull=False)
    return not since.exists() and not Payment.objects.filter(instead_of=payment).exists()


def _is_under_way(payment: Payment) -> bool:
    waiting = PaymentParcel.objects.filter(payment=payment, delivered_at=None, gave_up_at=None)
    return waiting.exclude(kind=PaymentParcel.Kind.LOOK).exists()
