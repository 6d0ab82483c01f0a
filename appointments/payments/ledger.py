"""The movements of an invoice: their sums, what a provider's answer adds to them, and what is to be done next."""

import logging
from collections import defaultdict
from collections.abc import Mapping
from datetime import timedelta

from django.db import transaction
from django.db.models import Sum

from appointments.models import Ground, Invoice, Movement, Payment, PaymentParcel, Way
from appointments.payments import position as positions
from appointments.payments import telling
from appointments.payments.position import Act, Paid, Position, Seen
from ehr import clock
from ehr.accounts.models import User

logger = logging.getLogger(__name__)
Kind = Movement.Kind
# A card's reservation ends after seven days. What the visit still needs is taken a day before that.
RESERVED_FOR = timedelta(days=6)
_OVERTAKEN = "Overtaken"
_SUMS = (
    ("authorised", Kind.AUTHORISED),
    ("voided", Kind.VOIDED),
    ("captured", Kind.CAPTURED),
    ("refunded", Kind.REFUNDED),
    ("bounced", Kind.BOUNCED),
)


class Unbalanced(Exception):
    """The sums of an invoice contradict one another. The text names no amount and nobody."""


def locked(invoice_id) -> Invoice:
    """Return an invoice that nobody else changes until the caller's transaction ends."""
    return Invoice.objects.select_for_update(of=("self",)).select_related("appointment__patient").get(pk=invoice_id)


def position(invoice: Invoice) -> Position:
    """Return all sums of an invoice, by one query over its movements and one over its payments."""
    sums: dict[tuple[object, str], int] = defaultdict(int)
    rows = Movement.objects.filter(invoice=invoice).order_by().values_list("payment", "kind")
    for payment, kind, total in rows.annotate(total=Sum("amount")):
        sums[payment, kind] = total
    rows = Payment.objects.filter(invoice=invoice).order_by("number")
    payments = rows.values_list("pk", "way", "amount", "ended_at", "let_go_at", "stead")
    return Position(
        owed=invoice.owed,
        payments=tuple(_paid(sums, *facts) for facts in payments),
        payer=sums[None, Kind.PAYER_PAID],
        written_off=sums[None, Kind.WRITTEN_OFF] - sums[None, Kind.ASKED_AGAIN],
        earned=sums[None, Kind.EARNED] - sums[None, Kind.UNEARNED],
        fees=sums[None, Kind.FEE_KEPT] - sums[None, Kind.FEE_LIFTED],
        decided=invoice.decided_at is not None,
        paused=invoice.disputed_at is not None,
    )


def _paid(sums: Mapping[tuple[object, str], int], pk, way: str, amount: int, ended_at, let_go_at, stead) -> Paid:
    """Return one payment with its sums. What nobody locked yet, let go or ended was handed over and is on its way."""
    seen = Seen(**{name: sums[pk, kind] for name, kind in _SUMS})
    # What a deposit's stead counts as paid at the desk does not come free as well.
    free = seen.voided + seen.refunded - sums[pk, Kind.HANDED_OUT] if way == Way.ESCROW and not stead else 0
    on_its_way = way == Way.ESCROW and not (seen.authorised or ended_at or let_go_at)
    return Paid(
        pk,
        way,
        seen,
        by_desk=sums[pk, Kind.PAID_BACK] + sums[pk, Kind.MISTAKEN],
        handed=amount if on_its_way else 0,
        free=free,
        let_go=let_go_at is not None,
    )


def check(invoice: Invoice) -> Position:
    """Return the sums of an invoice. Raises Unbalanced where they contradict one another."""
    here = position(invoice)
    if wrong := positions.problems(here):
        raise Unbalanced("; ".join(wrong))
    return here


def add(invoice: Invoice, kind: str, amount: int, *, key: str, payment: Payment | None = None, by: User | None = None):
    """Add a movement, once per key; return it, or None where it stands already. The caller holds the invoice."""
    facts = {"invoice": invoice, "kind": kind, "amount": amount, "payment": payment, "by": by}
    movement, new = Movement.objects.get_or_create(key=key, defaults=facts)
    return movement if new else None


def note(invoice: Invoice, payment: Payment, seen: Seen, *, by: User | None = None) -> list[Movement]:
    """Add what a provider's sums say beyond what is here, and tell the patient. The caller holds the invoice.

    An answer older than what is known adds nothing, for no sum ever shrinks.
    """
    paid = next(one for one in position(invoice).payments if one.id == payment.pk)
    added = []
    for name, kind in _SUMS:
        have, told = getattr(paid.seen, name), getattr(seen, name)
        if told > have:
            if kind == Kind.REFUNDED:
                unname(invoice, told - have)
            added.append(add(invoice, kind, told - have, key=f"{payment.pk}:{name}:{told}", payment=payment, by=by))
    new = [movement for movement in added if movement]
    for movement in new:
        telling.moved(invoice, movement)
    return new


def unname(invoice: Invoice, amount: int) -> None:
    """Take its name off what leaves: never is more named than is held. The caller holds the invoice."""
    here = position(invoice)
    too_much = here.earned + here.fees - (here.held - amount)
    for kind, named in ((Kind.UNEARNED, here.earned), (Kind.FEE_LIFTED, here.fees)):
        if (part := min(named, too_much)) > 0:
            count = Movement.objects.filter(invoice=invoice).count()
            add(invoice, kind, part, key=f"{invoice.pk}:{kind}:{count}")
            too_much -= part


def settle(invoice: Invoice, *, besides: PaymentParcel | None = None) -> None:
    """Name what is held, say how the invoice stands, and write the one next act as a parcel.

    The caller holds the invoice, in a transaction. `besides` is the parcel that is just being delivered. An act that
    nobody tried yet gives way to a newer one; what was tried is finished first, and asks again what is next.
    """
    here = position(invoice)
    if wrong := positions.problems(here):
        # A visit can be booked, moved and cancelled whatever its money is like.
        logger.error("Invoice %s does not add up: %s", invoice.pk, "; ".join(wrong))
        Invoice.objects.filter(pk=invoice.pk).update(stuck_at=clock.now(), settled_at=clock.now())
        return
    here = _named(invoice, here)
    invoice.state = positions.state(here)
    passed = invoice.decided_at is not None and invoice.decided_at <= clock.now()
    invoice.settled_at = (invoice.settled_at or clock.now()) if passed else None
    invoice.save(update_fields=["state", "settled_at"])
    act = None if invoice.stuck_at else positions.next_act(here)
    rows = PaymentParcel.objects.filter(invoice=invoice, delivered_at=None, gave_up_at=None)
    rows = rows.exclude(kind=PaymentParcel.Kind.LOOK).exclude(pk=besides.pk if besides else None)
    waiting = rows.select_for_update().first()
    if waiting:
        if waiting.attempts or waiting.payload.get("told") or waiting.kind == PaymentParcel.Kind.AUTHORISE:
            return
        if act and says(waiting, act) and waiting.due_at == _due(invoice, act):
            return
        PaymentParcel.objects.filter(pk=waiting.pk).update(gave_up_at=clock.now(), last_problem=_OVERTAKEN)
    if act:
        _write(invoice, act)


def says(parcel: PaymentParcel, act: Act) -> bool:
    """Tell whether a parcel is this act."""
    return (parcel.kind, parcel.payment_id, parcel.payload.get("amount")) == (act.kind, act.payment, act.amount)


def write(invoice: Invoice, kind: str, payment: Payment, amount: int) -> PaymentParcel:
    """Write an act of an invoice as a parcel, due at once. The caller holds the invoice."""
    return _write(invoice, Act(kind, payment.pk, amount), due=clock.now())


def _write(invoice: Invoice, act: Act, due=None) -> PaymentParcel:
    number = PaymentParcel.objects.filter(invoice=invoice).exclude(kind=PaymentParcel.Kind.LOOK).count() + 1
    return PaymentParcel.objects.create(
        key=f"{invoice.pk}:{number}",
        kind=act.kind,
        invoice=invoice,
        payment_id=act.payment,
        payload={"amount": act.amount},
        due_at=due or _due(invoice, act),
    )


def _due(invoice: Invoice, act: Act):
    """Return when an act may leave: at once, once what is owed is certain, or before a reservation would lapse."""
    if act.kind == PaymentParcel.Kind.AUTHORISE:
        return clock.now()
    if act.ahead:
        first = Movement.objects.filter(payment=act.payment, kind=Kind.AUTHORISED).earliest("pk")
        return first.at + RESERVED_FOR
    return max(filter(None, (invoice.decided_at, invoice.made_at)))


def _named(invoice: Invoice, here: Position) -> Position:
    """Write by what name money is held, once what is owed is certain; return the position after it."""
    if invoice.decided_at is not None and invoice.decided_at > clock.now():
        return here
    steps = positions.names(here, fee=invoice.ground != Ground.SEEN)
    for kind, amount in steps:
        count = Movement.objects.filter(invoice=invoice).count()
        add(invoice, kind, amount, key=f"{invoice.pk}:{kind}:{count}")
    return position(invoice) if steps else here


def look(payment: Payment, *, key: str, page: str = "") -> PaymentParcel:
    """Have a payment's provider asked how it stands, once per key. Joins the caller's transaction.

    `page` is the id of the page that it is paid on, where the provider named one.
    """
    facts = {"kind": PaymentParcel.Kind.LOOK, "invoice_id": payment.invoice_id, "payment": payment}
    if page:
        facts["payload"] = {"page": page}
    return PaymentParcel.objects.get_or_create(key=key, defaults=facts)[0]


def settle_decided(*, limit: int = 100) -> int:
    """Settle invoices whose moment has passed and that nothing else settled; return how many."""
    due = Invoice.objects.filter(settled_at=None, decided_at__lte=clock.now()).order_by("decided_at")
    found = list(due.values_list("pk", flat=True)[:limit])
    for pk in found:
        with transaction.atomic():
            settle(locked(pk))
    return len(found)
