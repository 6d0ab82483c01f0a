"""Who hears of money: the patient's log and notices. Neither says what a visit was for."""

from appointments.models import Invoice, Movement, Payment, Way
from audit import log
from consent.queries import whom_to_tell
from ehr.accounts.models import User
from ehr.notices.operations import News, tell
from providers.queries import party

Kind = Movement.Kind
# What of a movement is on the patient's list, and what they get a notice of.
_LOGGED = {
    Kind.AUTHORISED: "payment.reserved",
    Kind.VOIDED: "payment.freed",
    Kind.CAPTURED: "payment.taken",
    Kind.REFUNDED: "payment.returned",
    Kind.BOUNCED: "payment.bounced",
    Kind.PAYER_PAID: "payment.by-payer",
    Kind.WRITTEN_OFF: "payment.waived",
    Kind.ASKED_AGAIN: "payment.asked-again",
    Kind.PAID_BACK: "payment.returned",
    Kind.MISTAKEN: "payment.mistaken",
    Kind.HANDED_OUT: "payment.returned",
}
# What comes free of escrow is not with the patient yet: the desk hands it out.
_FREE = frozenset({Kind.VOIDED, Kind.REFUNDED})
_TOLD = {
    Kind.CAPTURED: "payment-taken",
    Kind.REFUNDED: "payment-returned",
    Kind.PAID_BACK: "payment-returned",
    Kind.BOUNCED: "payment-stuck",
    Kind.WRITTEN_OFF: "payment-waived",
    Kind.ASKED_AGAIN: "payment-asked-again",
    Kind.MISTAKEN: "payment-mistaken",
    Kind.HANDED_OUT: "payment-returned",
}


def moved(invoice: Invoice, movement: Movement) -> None:
    """Write a movement on the patient's log and tell them, once. The caller's transaction holds all of it."""
    way = movement.payment.way if movement.payment else ""
    if way == Way.ESCROW and movement.kind in _FREE:
        happened(invoice, _LOGGED[Kind.VOIDED])
        _tell(invoice, "payment-free", key=f"money:{movement.pk}")
        return
    if not (movement.kind == Kind.AUTHORISED and way == Way.DESK):
        happened(invoice, _LOGGED[movement.kind], by=movement.by)
    if movement.kind in _TOLD:
        _tell(invoice, _TOLD[movement.kind], key=f"money:{movement.pk}")


def happened(invoice: Invoice, action: str, *, by: User | None = None) -> None:
    """Write on the patient's log what happened to an invoice, in the caller's transaction."""
    log.append(
        action,
        actor=party(by) if by else log.SYSTEM,
        subject=invoice.appointment.patient_id,
        outcome="done",
        details={"invoice": invoice.pk},
    )


def stuck(invoice: Invoice) -> None:
    """Tell the patient that their payment needs a look, once for each time it came to that."""
    happened(invoice, "payment.stuck")
    _tell(invoice, "payment-stuck", key=f"money:{invoice.pk}:stuck:{invoice.stuck_at:%Y%m%d%H%M%S%f}")


def let_go(invoice: Invoice, payment: Payment, *, by: User) -> None:
    """Tell the patient that people at the desk finish a payment, for whoever was to move the money will not."""
    happened(invoice, "payment.let-go", by=by)
    _tell(invoice, "payment-another-way", key=f"money:{payment.pk}:let-go:{payment.let_go_at:%Y%m%d%H%M%S%f}")


def _tell(invoice: Invoice, kind: str, *, key: str) -> None:
    people = whom_to_tell(invoice.appointment.patient)
    tell([News(user, kind, key=f"{key}:{user.pk}", about=invoice.pk) for user in people])
