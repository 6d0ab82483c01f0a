"""Sending what waits. Any number of workers may run this; a parcel has one at a time."""

from celery import shared_task

from ehr.accounts.models import Letter
from ehr.notices import mail, operations
from ehr.notices.models import Mail
from ehr.outbox import delivery

BATCH = 50
# A run ends well before the task's time limit; what is left is due at the next one.
MOST_BATCHES = 20


@shared_task
def deliver() -> int:
    """Send letters and e-mails that are due, and shelve copies of letters; return how many were sent."""
    operations.shelve()
    return _deliver_all(Letter, mail.send_letter) + _deliver_all(Mail, mail.send_mail)


def _deliver_all(model, send) -> int:
    """Deliver batch after batch while they come back full."""
    total = 0
    for _ in range(MOST_BATCHES):
        count = delivery.deliver(model, send, limit=BATCH)
        total += count
        if count < BATCH:
            break
    return total
