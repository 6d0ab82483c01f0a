"""Keeping minutes for somebody who is still filling in a page: ten of them, and not one second more."""

import uuid
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from appointments import minutes, offering
from appointments.availability import check, steps
from appointments.booking.calling_off import lapse_proposals
from appointments.models import Appointment, Hold, Offer, Schedule, Taken, VisitType
from appointments.refusals import NotPossible
from appointments.rules import HOLD
from ehr import clock
from ehr.accounts.models import User

# What a visit that is made of a hold takes from it.
FULL = ("visit_type", "schedule__institution", "schedule__place", "timetable__clinician__user")
# So many times somebody may keep at once, in several tabs; a further one gives up the oldest.
MOST = 3


def hold(
    schedule: Schedule,
    visit_type: VisitType,
    starts: datetime,
    *,
    by: User,
    once: uuid.UUID,
    besides: Appointment | None = None,
) -> Hold:
    """Keep a free time for ten minutes. The same `once` sent twice keeps it once.

    `besides` is a visit that is to be moved: its own minutes are not in the way. Raises NotFree, with the next times;
    NotPossible for the time that visit has.
    """
    lapse_proposals(schedule.timetable_id)
    offering.move_on(schedule.timetable_id)
    try:
        with transaction.atomic():
            minutes.lock(schedule.timetable_id)
            at = clock.now()
            if kept := Hold.objects.filter(pk=once, by=by).first():
                if kept.expires_at > at:
                    return kept
                kept.delete()
            return _keep(schedule, visit_type, starts, by=by, once=once, besides=besides, at=at)
    except IntegrityError:
        # Somebody was faster: the next look sees whom, and says what else there is.
        check(schedule, visit_type, starts, at=clock.now(), besides=besides)
        raise


def _keep(
    schedule: Schedule,
    visit_type: VisitType,
    starts: datetime,
    *,
    by: User,
    once: uuid.UUID,
    besides: Appointment | None,
    at: datetime,
) -> Hold:
    check(schedule, visit_type, starts, at=at, besides=besides)
    own = set(Taken.objects.filter(appointment=besides).values_list("at", flat=True)) if besides else set()
    marks = [mark for mark in steps(visit_type, starts) if mark not in own]
    if not marks:
        raise NotPossible(_("The visit has this time already. Choose another one."), because="same-time")
    minutes.clear_expired(schedule.timetable_id, marks, at)
    _give_up_oldest(by, at)
    made = Hold.objects.create(
        id=once,
        timetable_id=schedule.timetable_id,
        schedule=schedule,
        visit_type=visit_type,
        by=by,
        starts=starts,
        expires_at=at + HOLD,
        made_at=at,
    )
    minutes.take(marks, of=made)
    return made


def _give_up_oldest(by: User, at: datetime) -> None:
    kept = Hold.objects.filter(by=by, expires_at__gt=at).order_by("-made_at", "pk").values_list("pk", flat=True)
    too_many = sorted(kept[MOST - 1 :])
    # In one order, so that two tabs of one person never wait for each other.
    for one in Hold.objects.select_for_update().filter(pk__in=too_many).order_by("pk"):
        one.delete()


def release(hold: Hold, *, by: User) -> None:
    """Let go of a time that one kept oneself. Twice is once."""
    Hold.objects.filter(pk=hold.pk, by=by).delete()


def standing_hold(hold: Hold, *, by: User, at: datetime) -> Hold:
    """Return a hold as it is now, if it is theirs and lasts. Raises NotPossible, with the next times.

    Call it with the timetable's row held.
    """
    rows = Hold.objects.select_related(*FULL).select_for_update(of=("self",))
    kept = rows.filter(pk=hold.pk, by=by).first()
    if kept is None or kept.expires_at <= at:
        raise NotPossible(
            _("The ten minutes for which this time was kept are over. Choose a time again."),
            because="hold-over",
            instead=offering.next_free(hold.schedule, hold.visit_type, hold.starts, at),
        )
    return kept


def forget_what_is_over() -> int:
    """Delete holds that are over, with their minutes; return how many. Nothing depends on it."""
    over = Hold.objects.filter(expires_at__lte=clock.now()).exclude(offer__outcome=Offer.Outcome.OPEN)
    return over.delete()[1].get("appointments.Hold", 0)
