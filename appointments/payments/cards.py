"""Cards, by Stripe: the patient types their card number on Stripe's own page, and it never comes near this server.

What Stripe's answers and events say is never believed beyond the id of what they are about: how a payment stands is
asked. Sums follow from Stripe's own state, so an event that comes twice, late or never changes nothing.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import lru_cache
from typing import Any

import stripe
from django.conf import settings
from django.utils.translation import gettext as _

from appointments.models import Payment
from appointments.payments.position import Seen
from appointments.payments.providing import Refused
from ehr import clock

# How long a page on which to pay stays open: Stripe's shortest is 30 minutes.
PAGE_LASTS = timedelta(minutes=31)
# A refund that did not fail has happened, or will.
_FAILED = {"failed", "canceled"}


class NotConfigured(Exception):
    """This installation has no account with Stripe."""


class Unreachable(Exception):
    """Stripe does not answer now. Whether it did what it was asked is not known: ask again with the same key."""


@lru_cache(maxsize=4)
def _client(key: str, api: str) -> stripe.StripeClient:
    more: dict[str, Any] = {"base_addresses": {"api": api}} if api else {}
    # Parcels try again, later and later; the library would at once.
    return stripe.StripeClient(key, max_network_retries=0, http_client=stripe.RequestsClient(timeout=20), **more)


def client() -> stripe.StripeClient:
    """Return the connection to Stripe. Raises NotConfigured."""
    if not settings.PAYMENTS.stripe_key:
        raise NotConfigured("STRIPE_KEY is not set.")
    return _client(settings.PAYMENTS.stripe_key, settings.PAYMENTS.stripe_api)


def _said(ask: Callable[[], Any]) -> Any:
    """Return what Stripe answers. Raises Refused where it says no for good, Unreachable where it may say yes later.

    Its words are not kept: they may quote what was sent.
    """
    try:
        return ask()
    except (stripe.InvalidRequestError, stripe.CardError) as refusal:
        raise Refused(refusal.code or type(refusal).__name__) from None
    except stripe.StripeError as problem:
        raise Unreachable(type(problem).__name__) from None


class Cards:
    """PaymentIntents with manual capture: reserved on the patient's card, taken by us."""

    def authorise(self, payment: Payment, *, key: str) -> Seen:  # noqa: ARG002 - the patient does, on Stripe's page
        return self.look(payment)

    def capture(self, payment: Payment, amount: int, *, key: str) -> Seen:
        intent = self._intent(payment)
        told = {"amount_to_capture": amount}
        _said(lambda: client().v1.payment_intents.capture(intent, told, {"idempotency_key": key}))
        return self.look(payment)

    def void(self, payment: Payment, *, key: str) -> Seen:
        intent = self._intent(payment)
        _said(lambda: client().v1.payment_intents.cancel(intent, {}, {"idempotency_key": key}))
        return self.look(payment)

    def refund(self, payment: Payment, amount: int, *, key: str) -> Seen:
        told = {"payment_intent": self._intent(payment), "amount": amount, "metadata": {"payment": str(payment.pk)}}
        _said(lambda: client().v1.refunds.create(told, {"idempotency_key": key}))
        return self.look(payment)

    def look(self, payment: Payment) -> Seen:
        found = _session(payment) if payment.reference else None
        intent = found and found.payment_intent
        if not intent:
            return Seen()
        return _sums(intent, _refunds(intent.id) if intent.amount_received else [], payment)

    def _intent(self, payment: Payment) -> str:
        found = _session(payment)
        if not found.payment_intent:
            raise Refused("nothing-reserved")
        return found.payment_intent.id


def recognise(payment: Payment, page: str) -> None:
    """Note which page a payment has, where the answer that named it was lost; if Stripe says that it is this one's."""
    try:
        found = _said(lambda: client().v1.checkout.sessions.retrieve(page))
    except Refused:  # there is no such page
        return
    if mark(found) == str(payment.pk):
        Payment.objects.filter(pk=payment.pk, reference="").update(reference=found.id)
        payment.refresh_from_db(fields=["reference"])


def _session(payment: Payment) -> Any:
    told = {"expand": ["payment_intent"]}
    return _said(lambda: client().v1.checkout.sessions.retrieve(payment.reference, told))


def _refunds(intent: str) -> list[Any]:
    asked = {"payment_intent": intent, "limit": 100}
    return _said(lambda: list(client().v1.refunds.list(asked).auto_paging_iter()))


def _sums(intent: Any, refunds: list[Any], payment: Payment) -> Seen:
    """Return the sums that follow from a PaymentIntent and its refunds.

    Only refunds that bear our mark are counted: Stripe lists the end of a reservation among them as well.
    """
    match intent.status:
        case "requires_capture":
            return Seen(authorised=intent.amount)
        case "canceled" if payment.movements.filter(kind="authorised").exists() or intent.latest_charge:
            return Seen(authorised=intent.amount, voided=intent.amount)
        case "succeeded":
            taken = intent.amount_received
            ours = [one for one in refunds if mark(one) == str(payment.pk)]
            return Seen(
                authorised=intent.amount,
                voided=intent.amount - taken,
                captured=taken,
                refunded=sum(one.amount for one in ours),
                bounced=sum(one.amount for one in ours if one.status in _FAILED),
            )
    return Seen()


def mark(told: Any) -> str:
    """Return which payment of ours something of Stripe's belongs to; empty for what is not ours."""
    try:
        return str(told.metadata["payment"])
    except (AttributeError, KeyError, TypeError):
        return ""


def open_page(payment: Payment, *, back_to: str) -> tuple[str, str]:
    """Have Stripe make a page on which to pay, once per payment; return its id and its address.

    Told are an amount, a currency and ids of ours: not who, not with whom, not for what.
    """
    told: dict[str, Any] = {
        "mode": "payment",
        "client_reference_id": str(payment.pk),
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": payment.invoice.currency.lower(),
                    "unit_amount": payment.amount,
                    "product_data": {"name": _("Bill %(number)s") % {"number": payment.invoice.number}},
                },
            }
        ],
        "payment_intent_data": {"capture_method": "manual", "metadata": {"payment": str(payment.pk)}},
        "metadata": {"payment": str(payment.pk)},
        "success_url": back_to,
        "cancel_url": back_to,
        "expires_at": int((payment.made_at + PAGE_LASTS).timestamp()),
    }
    made = _said(lambda: client().v1.checkout.sessions.create(told, {"idempotency_key": str(payment.pk)}))
    return made.id, made.url


def page_of(payment: Payment) -> str:
    """Return the address of a page on which one can still pay; empty where it is closed."""
    found = _session(payment)
    still = found.status == "open" and found.expires_at > clock.now().timestamp()
    return found.url if still else ""


def close_page(payment: Payment) -> None:
    """Close a page on which somebody could still pay. One that is closed, or paid, stays as it is."""
    try:
        _said(lambda: client().v1.checkout.sessions.expire(payment.reference))
    except Refused:
        return
