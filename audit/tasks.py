"""What workers do for the log. Each may run twice, or on two workers at once: the database decides who does it."""

from celery import shared_task

from audit import anchors, checkpoints, sequencer


@shared_task
def sequence() -> int:
    """Give waiting events their places; return how many."""
    placed = total = sequencer.sequence()
    while placed == sequencer.BATCH:
        placed = sequencer.sequence()
        total += placed
    return total


@shared_task
def checkpoint() -> int | None:
    """Sign the head if it grew; return its size, else None."""
    signed = checkpoints.sign()
    return signed.size if signed else None


@shared_task
def anchor() -> int | None:
    """Send the signed head to the chain, one at a time; return the size of the one on its way, else None."""
    row = anchors.anchor()
    return row.checkpoint.size if row else None
