"""Tells providers what is to be done. Each act is asked about first: what happened already is not asked for again."""

from django.db import transaction

from appointments.models import Invoice, Movement, PaymentParcel
from appointments.payments import cards, ledger, providers, telling
from appointments.payments.position import Seen, next_act
from appointments.payments.providing import PaymentProvider, Refused
from ehr import clock
from ehr.outbox import delivery

Kind = PaymentParcel.Kind


def deliver(*, limit: int = 50) -> int:
    """Deliver what is due; return how many parcels arrived."""
    return delivery.deliver(PaymentParcel, send, limit=limit)


def send(parcel: PaymentParcel) -> None:
    """Do what a parcel says, if it is still what is to be done, and write down what became of it.

    Raises GivenUp where the provider refuses for good, and NotYet where its answer comes later. What nobody answers
    for days waits for a person, as what was refused does.
    """
    try:
        _send(parcel)
    except (delivery.NotYet, delivery.GivenUp):
        raise
    except Exception:
        if parcel.attempts >= delivery.MOST_ATTEMPTS:
            with transaction.atomic():
                _stick(ledger.locked(parcel.invoice_id))
        raise


def _send(parcel: PaymentParcel) -> None:
    provider = providers.of(parcel.payment.way)
    if parcel.kind == Kind.LOOK:
        if parcel.payload.get("page") and not parcel.payment.reference:
            cards.recognise(parcel.payment, parcel.payload["page"])
        _noted(parcel, provider.look(parcel.payment), settling=True)
        return
    if parcel.kind != Kind.AUTHORISE and not _noted(parcel, provider.look(parcel.payment), settling=False):
        return
    try:
        seen = _ask(provider, parcel)
    except delivery.NotYet:
        # It is under way: nothing newer may take its place.
        PaymentParcel.objects.filter(pk=parcel.pk).update(payload=parcel.payload | {"told": True})
        raise
    except Refused as refused:
        _refused(parcel, provider)
        raise delivery.GivenUp(str(refused)) from refused
    _noted(parcel, seen, settling=True)


def _ask(provider: PaymentProvider, parcel: PaymentParcel) -> Seen:
    amount = parcel.payload["amount"]
    match parcel.kind:
        case Kind.AUTHORISE:
            return provider.authorise(parcel.payment, key=parcel.key)
        case Kind.CAPTURE:
            return provider.capture(parcel.payment, amount, key=parcel.key)
        case Kind.VOID:
            return provider.void(parcel.payment, key=parcel.key)
        case Kind.REFUND:
            return provider.refund(parcel.payment, amount, key=parcel.key)
    raise ValueError(f"No provider knows the act {parcel.kind!r}.")


def _noted(parcel: PaymentParcel, seen: Seen, *, settling: bool) -> bool:
    """Write down a provider's answer. Return whether the parcel's act is still the next one; settle where it is not."""
    with transaction.atomic():
        invoice = ledger.locked(parcel.invoice_id)
        if new := ledger.note(invoice, parcel.payment, seen):
            # What came back would come back again: a person finds another way to give it.
            came_back = any(movement.kind == Movement.Kind.BOUNCED for movement in new)
            invoice.stuck_at = clock.now() if came_back else None
            invoice.save(update_fields=["stuck_at"])
        act = None if invoice.stuck_at else next_act(ledger.position(invoice))
        needed = act is not None and ledger.says(parcel, act) and _is_time(invoice)
        if settling or not needed:
            ledger.settle(invoice, besides=parcel)
    return needed


def _is_time(invoice: Invoice) -> bool:
    """Tell whether what is owed is certain by now: the invoice may have been decided anew since a parcel was tried."""
    return invoice.decided_at is None or invoice.decided_at <= clock.now()


def _refused(parcel: PaymentParcel, provider: PaymentProvider) -> None:
    """Look what stands in the way. Where nothing new is to be seen, somebody must look at the invoice."""
    seen = provider.look(parcel.payment)
    with transaction.atomic():
        invoice = ledger.locked(parcel.invoice_id)
        if not ledger.note(invoice, parcel.payment, seen):
            _stick(invoice)
        ledger.settle(invoice, besides=parcel)


def _stick(invoice: Invoice) -> None:
    """Have somebody look at an invoice, and tell its patient. The caller holds it."""
    invoice.stuck_at = clock.now()
    invoice.save(update_fields=["stuck_at"])
    telling.stuck(invoice)
