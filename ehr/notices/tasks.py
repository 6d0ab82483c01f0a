"""Sending what waits. Any number of workers may run this; a parcel has one at a time."""

import time

from celery import shared_task

from ehr.accounts.models import Letter
from ehr.notices import digests, hooks, mail, operations
from ehr.notices.models import Digest, HookParcel, Mail
from ehr.outbox import delivery

BATCH = 50
# A run ends well before the task's time limit; what is left is due at the next one.
MOST_BATCHES = 20
# Other people's servers may be slow: a run begins no further call after this, so that no worker is theirs for long.
HOOK_SECONDS = 8.0


@shared_task
def deliver() -> int:
    """Send letters, digests and e-mails that are due, and shelve copies of letters; return how many were sent."""
    operations.shelve()
    digests.gather()
    sent = _deliver_all(Letter, mail.send_letter)
    return sent + _deliver_all(Digest, mail.send_digest) + _deliver_all(Mail, mail.send_mail)


def _deliver_all(model, send) -> int:
    """Deliver batch after batch while they come back full."""
    total = 0
    for _ in range(MOST_BATCHES):
        count = delivery.deliver(model, send, limit=BATCH)
        total += count
        if count < BATCH:
            break
    return total


@shared_task
def deliver_hooks() -> int:
    """Post to institutions what is due, one after the other, for some seconds; return how many were accepted."""
    ends = time.monotonic() + HOOK_SECONDS
    total = 0
    tried: list[HookParcel] = []

    def send(parcel: HookParcel) -> None:
        tried.append(parcel)
        hooks.send(parcel)

    while time.monotonic() < ends:
        before = len(tried)
        total += delivery.deliver(HookParcel, send, limit=1)
        if len(tried) == before:
            break
    return total
