"""Telling those who act for a patient what happens to the record: news travels up through the log.

Whom it concerns is decided when it is told, as at the door: somebody who no longer acts, whom the patient keeps out, or
from whom they keep the list hears nothing.
"""

from collections.abc import Iterator

from django.db import transaction

from audit import feed
from audit.queries import Line
from consent.access.acting import Acting, acting_for
from consent.access.safety import told_to
from consent.acting import Right
from consent.models import Delegation, FeedCursor
from ehr import clock
from ehr.notices import operations as notices

CURSOR = "delegates"
# What does not wait until they look: somebody let in, somebody asking, an emergency.
TOLD = {
    "grant.made": "acting-news",
    "access.asked": "acting-news",
    "referral.proposed": "acting-news",
    "emergency.opened": "acting-emergency",
}


def follow(*, limit: int = 500) -> int:
    """Read on in the log from where it was left, and tell delegates; return how many lines were read. Twice is once."""
    with transaction.atomic():
        cursor, _new = FeedCursor.objects.select_for_update().get_or_create(name=CURSOR)
        news = feed.since(cursor.next, limit)
        for number, line in news:
            if line.action in TOLD and line.subject is not None:
                _tell(line)
            cursor.next = number + 1
        cursor.save(update_fields=["next"])
    return len(news)


def _tell(line: Line) -> None:
    for one in _who_hear(line):
        key = f"acting:{line.event_id}:{one.delegate.pk}"
        notices.notify(one.delegate, TOLD[line.action], about=one.delegation.pk, key=key)


def _who_hear(line: Line) -> Iterator[Acting]:
    rows = Delegation.objects.filter(
        patient=line.subject, accepted_at__isnull=False, ended_at__isnull=True, ends__gt=clock.now()
    )
    for row in rows.select_related("patient__user", "reader__user"):
        one = acting_for(row.patient, row.reader.user)
        if one is None or one.delegation.pk != row.pk or Right.LOG not in one.rights or line.time < row.starts:
            continue
        told = told_to(line, one.delegation, one.delegate, one.hidden)
        if told is not None and not _is_about(line, one):
            yield one


def _is_about(line: Line, one: Acting) -> bool:
    """Tell whether a line is a delegate's own act, or their own permission."""
    return line.actor.id == one.delegate.pk or line.details.get("reader") == str(one.delegation.reader_id)
