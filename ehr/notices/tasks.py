"""Sending what waits. Any number of workers may run this; a parcel has one at a time."""

from celery import shared_task

from ehr.accounts.models import Letter
from ehr.notices import mail, operations
from ehr.notices.models import Mail
from ehr.outbox import delivery


@shared_task
def deliver() -> int:
    """Send letters and e-mails that are due, and shelve copies of letters; return how many were sent."""
    operations.shelve()
    return delivery.deliver(Letter, mail.send_letter) + delivery.deliver(Mail, mail.send_mail)
