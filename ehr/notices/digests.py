"""Gathering what waits for a digest into one letter a person."""

from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from ehr import clock
from ehr.accounts.models import User
from ehr.notices import queries, timing
from ehr.notices.kinds import EMERGENCIES
from ehr.notices.models import Digest, Mail
from ehr.notices.timing import Pace

MOST_PEOPLE = 200


def gather() -> int:
    """Put e-mails that are due, of people who want digests, into one letter each; return how many letters.

    May run at any time, twice, and in several workers: letter and contents are committed together, and the letter then
    leaves as any parcel does. Who had theirs today gets what came late with the next.
    """
    now = clock.now()
    people = _waiting(now).values_list("notice__user", flat=True).distinct()[:MOST_PEOPLE]
    return sum(_gather(user_id, now) for user_id in list(people))


def _waiting(now: datetime):
    due = Mail.objects.filter(delivered_at=None, gave_up_at=None, due_at__lte=now).exclude(kind__in=EMERGENCIES)
    return due.filter(notice__user__notice_preference__pace__in=[Pace.DAILY, Pace.WEEKLY]).order_by()


def _gather(user_id: UUID, now: datetime) -> bool:
    user = User.objects.get(pk=user_id)
    wishes = queries.wishes(user)
    with transaction.atomic():
        skip = connection.features.has_select_for_update_skip_locked
        rows = _waiting(now).filter(notice__user=user).select_for_update(skip_locked=skip, of=("self",))
        waiting = Mail.objects.filter(pk__in=[mail.pk for mail in rows])
        if not wishes.in_digests or not waiting.exists():
            return False
        key = f"{user.pk}:{timing.local_day(wishes, now):%Y-%m-%d}"
        letter, new = Digest.objects.get_or_create(key=key, defaults={"user": user, "kind": wishes.pace, "due_at": now})
        if not new:
            waiting.update(due_at=timing.next_digest(wishes, now))
            return False
        waiting.update(digest=letter, delivered_at=now)
        return True
