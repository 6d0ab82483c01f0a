"""What Stripe tells by webhook: a doorbell. Who rings must sign; then Stripe itself is asked how the payment stands."""

import json
from hashlib import sha256
from typing import Any
from uuid import UUID

import stripe
from django.conf import settings
from django.db import transaction

from appointments.models import Payment, ProviderEvent, Way
from appointments.payments import ledger

# Seconds by which a signature may be old: what was listened to is not played again later.
TOLERANCE = 300
KNOWN = frozenset(
    {
        "checkout.session.completed",
        "checkout.session.async_payment_succeeded",
        "checkout.session.expired",
        "payment_intent.amount_capturable_updated",
        "payment_intent.succeeded",
        "payment_intent.canceled",
        "payment_intent.payment_failed",
        "charge.captured",
        "charge.refunded",
        "charge.refund.updated",
        "refund.created",
        "refund.updated",
        "refund.failed",
    }
)


class Forged(Exception):
    """What was posted bears no signature of Stripe's, or an old one. The text quotes nothing of it."""


def hear(body: bytes, signature: str) -> bool:
    """Take in what was posted; return whether it was new and about a payment here.

    An event is taken in once, whatever the order events come in. Those of other kinds, or about nothing of ours, change
    nothing. Raises Forged.
    """
    event = _verified(body, signature)
    payment = _payment_of(event) if event.get("type") in KNOWN else None
    if payment is None:
        return False
    facts = {"kind": event["type"], "digest": sha256(body).digest()}
    with transaction.atomic():
        _row, new = ProviderEvent.objects.get_or_create(provider=Way.STRIPE, event=event["id"], defaults=facts)
        if new:
            ledger.look(payment, key=f"look:{event['id']}"[:200], page=_page_of(event))
    return new


def _verified(body: bytes, signature: str) -> dict[str, Any]:
    """Return the event, signed with any of the secrets; empty for what is signed and no event. Raises Forged."""
    if not any(_signs(secret, body, signature) for secret in settings.PAYMENTS.stripe_webhook_secrets):
        raise Forged("No secret of ours signed this.")
    try:
        event = json.loads(body)
    except ValueError:
        return {}
    return event if isinstance(event, dict) and isinstance(event.get("id"), str) else {}


def _signs(secret: str, body: bytes, signature: str) -> bool:
    try:
        return bool(stripe.WebhookSignature.verify_header(body, signature, secret, tolerance=TOLERANCE))
    except (stripe.SignatureVerificationError, ValueError, TypeError):
        return False


def _payment_of(event: dict[str, Any]) -> Payment | None:
    """Return which payment of ours an event is about, by the mark that we put on everything of it."""
    try:
        found = UUID(event["data"]["object"]["metadata"]["payment"])
    except (KeyError, ValueError, TypeError, AttributeError):
        return None
    return Payment.objects.filter(pk=found, way=Way.STRIPE).first()


def _page_of(event: dict[str, Any]) -> str:
    """Return the id of the page that an event is about; empty where it is about something else."""
    told = event["data"]["object"]
    return str(told.get("id", "")) if event["type"].startswith("checkout.session.") else ""
