"""Sends what is signed. Sending again is free: the same bytes have the same hash, and count once."""

import logging
from datetime import timedelta

from django.db.models import OuterRef, Q, Subquery

from ehr import clock
from ehr.chain import client, signing
from ehr.chain.models import SignedForm, Status, Transaction

logger = logging.getLogger(__name__)
SEND_AGAIN_AFTER = timedelta(seconds=15)
BATCH = 100
# What nodes say of a transaction that they, or a block, already hold.
_HELD = ("already known", "known transaction", "already imported", "nonce too low", "already exists")


def relay() -> int:
    """Sign what is queued, outbid what is slow, send what is unsent; return how many were sent. Raises Unavailable."""
    signing.sign_queued()
    signing.bump_slow()
    return send()


def send() -> int:
    """Send the latest form of every outstanding transaction that was not sent lately; return how many nodes hold."""
    latest = SignedForm.objects.filter(transaction=OuterRef("transaction")).order_by("-pk").values("pk")[:1]
    again = Q(sent_at=None) | Q(sent_at__lt=clock.now() - SEND_AGAIN_AFTER)
    forms = SignedForm.objects.filter(again, pk=Subquery(latest), transaction__in=Transaction.objects.outstanding())
    batch = list(forms.order_by("transaction__nonce")[:BATCH])
    answers = client.post([("eth_sendRawTransaction", [f"0x{bytes(form.raw).hex()}"]) for form in batch])
    held = 0
    for form, answer in zip(batch, answers, strict=True):
        if answer.refused and not any(words in answer.message.lower() for words in _HELD):
            logger.warning("Transaction %d was not taken: %s", form.transaction_id, answer.message[:80])
            continue
        held += 1
        SignedForm.objects.filter(pk=form.pk).update(sent_at=clock.now())
        Transaction.objects.filter(pk=form.transaction_id, status=Status.SIGNED).update(status=Status.SENT)
    return held
