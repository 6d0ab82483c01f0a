"""What workers do for subscriptions and exports. Each may run twice, and finds its work in the database."""

import time

from celery import shared_task

from ehr import clock
from ehr.fhir.bulk import exports
from ehr.fhir.models import Notification
from ehr.fhir.subscriptions import telling
from ehr.outbox import delivery

# Other people's servers may be slow: a run begins no further call after this, so that no worker is theirs for long.
SECONDS = 8.0


@shared_task
def tell_subscribers() -> int:
    """Read what is new on the log, then post what is due, for some seconds; return how many messages arrived."""
    telling.follow()
    ends, total = time.monotonic() + SECONDS, 0
    tried: list[Notification] = []

    def send(parcel: Notification) -> None:
        tried.append(parcel)
        telling.send(parcel)

    while time.monotonic() < ends:
        before = len(tried)
        total += delivery.deliver(Notification, send, limit=1)
        if len(tried) == before:
            break
    telling.mark_unanswered()
    return total


@shared_task
def forget_exports() -> int:
    """Delete the exports whose time is over; return how many. They hold no record, and no worker opens them."""
    return exports.forget_what_is_over(clock.now())
