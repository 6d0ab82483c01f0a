"""Takes signed heads to the chain, one at a time, and remembers what became of them."""

from hashlib import sha256

from django.conf import settings
from django.db import transaction

from audit import checkpoints, log, merkle, sequencer, tiles, witness
from audit.models import Anchor, Checkpoint, Head
from ehr.chain import client, deployments, transactions

_SENT = ("queued", "signed", "sent")


def anchor() -> Anchor | None:
    """Queue the latest signed head for the chain, unless one is still on its way; return its row.

    When nothing happened since the last anchor, a heartbeat is logged first: a silence on chain
    then means that the log stands still, not that nothing was there to report. Returns None while
    an earlier anchor is on its way, and before the contract is deployed.
    """
    pull()
    if Anchor.objects.filter(status=Anchor.Status.QUEUED).exists() or deployments.address("AuditAnchor") is None:
        return None
    last = Anchor.objects.order_by("-checkpoint__size").select_related("checkpoint").first()
    sequencer.sequence()
    head = Head.objects.filter(id=1).first()
    if head is None or (last and last.checkpoint.size == head.size):
        log.record("log.heartbeat", actor=log.SYSTEM, subject=None, outcome="done")
        sequencer.sequence()
    checkpoints.sign()
    checkpoint = Checkpoint.objects.last()
    if checkpoint is None or (last and checkpoint.size <= last.checkpoint.size):
        return None
    return _queue(checkpoint, from_size=_latest_size())


def _latest_size() -> int:
    """Return the size of the head the contract holds; what is known here when the chain cannot be asked."""
    try:
        found = witness.anchored()
    except client.Unavailable:
        known = Anchor.objects.filter(status__in=[Anchor.Status.CONFIRMED, Anchor.Status.FINAL])
        return known.order_by("-checkpoint__size").values_list("checkpoint__size", flat=True).first() or 0
    return found[0] if found else 0


def _queue(checkpoint: Checkpoint, *, from_size: int) -> Anchor:
    """Write the anchor and its transaction together. Two workers at once write one."""
    size, root = checkpoint.size, bytes(checkpoint.root)
    proof = merkle.Tree(size, tiles.Tiles()).consistency(from_size) if from_size else []
    name = f"chartseal-anchor/1\n{settings.LOG_ORIGIN}\n{from_size}\n{size}\n{root.hex()}\n"
    digest = sha256(name.encode()).digest()
    with transaction.atomic():
        row, new = Anchor.objects.get_or_create(
            checkpoint=checkpoint, defaults={"digest": digest, "from_size": from_size}
        )
        if new:
            transactions.queue(digest, contract="AuditAnchor", method="anchor", args=[size, root, proof])
    return row


def pull() -> int:
    """Bring the anchors that are not final up to what the chain says; return how many changed."""
    changed = 0
    for row in Anchor.objects.filter(status__in=[Anchor.Status.QUEUED, Anchor.Status.CONFIRMED]):
        outcome = transactions.outcome(bytes(row.digest))
        if outcome is None:
            continue
        status = Anchor.Status.QUEUED if outcome.status in _SENT else Anchor.Status(outcome.status)
        if (status, outcome.block) != (row.status, row.block):
            row.status, row.block = status, outcome.block
            row.save(update_fields=["status", "block"])
            changed += 1
    return changed
