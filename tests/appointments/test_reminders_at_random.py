"""Whatever becomes of visits, and however the clock jumps: each reminder comes once, and of what is ahead."""

from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from appointments import booking, reminders
from appointments.booking import NotFree, NotPossible
from appointments.models import Appointment, Change, Reminder, Status
from ehr import clock
from ehr.accounts.models import User
from ehr.notices.models import Notice
from tests.appointments.visiting_hours import TORONTO

ZONES = ["America/Toronto", "Europe/Paris", "Australia/Lord_Howe", "Pacific/Chatham", "UTC"]
# Two days before clocks in Toronto go forward, and two before they go back.
BEGINNINGS = [datetime(2027, 3, 12, 14, tzinfo=UTC), datetime(2027, 11, 5, 14, tzinfo=UTC)]
JUMPS = [timedelta(minutes=1), timedelta(hours=5), timedelta(hours=23), timedelta(hours=30), timedelta(hours=49)]
PASSES = st.tuples(st.just("passes"), st.sampled_from(JUMPS), st.sampled_from([True, True, False]))
ACTS = st.one_of(
    PASSES,
    st.tuples(st.just("book"), st.integers(1, 12), st.sampled_from([9, 10, 12, 13, 15, 16])),
    PASSES,
    st.tuples(st.just("cancel"), st.integers(0, 3), st.booleans()),
    st.tuples(st.just("undo"), st.none(), st.none()),
    st.tuples(st.just("due"), st.sampled_from([24, 72, 168]), st.booleans()),
    PASSES,
)


def book(clinic, person, days, hour):
    """Book a visit so many days ahead, or move the next one there: at an odd hour."""
    day = clock.now().astimezone(TORONTO).date() + timedelta(days=days)
    starts = datetime.combine(day, time(hour), tzinfo=TORONTO).astimezone(UTC)
    visit = Appointment.objects.filter(status=Status.BOOKED, starts__gt=clock.now()).order_by("starts").first()
    if visit and hour % 2:
        clinic.move(visit, starts, person)
    else:
        clinic.book(starts, person)


def cancel(clinic, person, which, by_desk):
    """Call one of the visits off."""
    if visits := list(Appointment.objects.filter(status=Status.BOOKED).order_by("starts")):
        booking.cancel(visits[which % len(visits)], by=(clinic.desk if by_desk else person).user)


def undo(clinic, *_unused):
    """Take the last cancellation back."""
    if made := Change.objects.filter(after=Status.CANCELLED).order_by("-at").first():
        booking.undo(made, by=clinic.desk.user, because="wrong-button")


def due(clinic, person, hand, hours, called_off):
    """Wait for the very moment of a reminder, and perhaps call its visit off between writing and sending."""
    ahead = Appointment.objects.filter(status=Status.BOOKED, starts__gt=clock.now() + timedelta(hours=hours))
    visit = ahead.order_by("starts").first()
    if visit:
        hand.move_to(visit.starts - timedelta(hours=hours))
        reminders.write_due()
        if called_off:
            booking.cancel(visit, by=person.user)


def look_at_what_leaves(sent: Counter) -> None:
    """Deliver, and hold each reminder that left against the visit as it is, counted anew and in absolute time."""
    at, before = clock.now(), set(Reminder.objects.filter(delivered_at__isnull=False).values_list("pk", flat=True))
    reminders.deliver()
    for one in Reminder.objects.filter(delivered_at__isnull=False).exclude(pk__in=before).select_related("appointment"):
        visit = one.appointment
        sent[visit.pk, one.hours, one.channel] += 1
        assert visit.status == Status.BOOKED
        ahead = (visit.starts - at).total_seconds() / 3600
        assert 0 < ahead <= one.hours
        assert not [less for less in (168, 72, 24) if ahead <= less < one.hours]
        assert visit.made_at <= visit.starts - timedelta(hours=one.hours)


def none_is_missing() -> None:
    """Of every visit that is booked, the reminder that is due now was written, if its moment came after the booking."""
    at = clock.now()
    for visit in Appointment.objects.filter(status=Status.BOOKED, starts__gt=at):
        since = visit.changes.filter(after=Status.BOOKED).latest("at").at
        moments = [hours for hours in (24, 72, 168) if visit.starts - timedelta(hours=hours) <= at]
        # At the very moment: called off and taken back in the same instant, what was written has been given up.
        if moments and since < visit.starts - timedelta(hours=moments[0]):
            assert visit.reminders.filter(hours=moments[0], channel="portal", delivered_at__isnull=False).exists()


def live(clinic, person, hand, acts):
    """Do one thing after the other, with looks at what leaves, and count what came."""
    sent: Counter = Counter()
    for days in (5, 10):
        book(clinic, person, days, 12)
    for what, one, two in acts:
        if what == "due":
            due(clinic, person, hand, one, two)
            look_at_what_leaves(sent)
            continue
        if what != "passes":
            with suppress(NotPossible, NotFree):
                {"book": book, "cancel": cancel, "undo": undo}[what](clinic, person, one, two)
            continue
        hand.shift(one)
        reminders.write_due()
        if two:  # else the workers are down, and what was written waits
            look_at_what_leaves(sent)
    reminders.write_due()
    look_at_what_leaves(sent)
    none_is_missing()
    assert all(count == 1 for count in sent.values())
    in_portal = [key for key in sent if key[2] == "portal"]
    assert Notice.objects.filter(user=person.user, kind="visit-soon").count() == len(in_portal)


@pytest.mark.django_db
def test_each_reminder_exactly_once_and_none_after_a_cancel(harbour, ana, monday):
    @settings(
        max_examples=30,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        begun=st.sampled_from(BEGINNINGS), zone=st.sampled_from(ZONES), acts=st.lists(ACTS, min_size=14, max_size=24)
    )
    def whatever_happens(begun, zone, acts):
        clock.watch.forget()
        monday.move_to(begun)
        mark = transaction.savepoint()
        try:
            User.objects.filter(pk=ana.user.pk).update(time_zone=zone)
            live(harbour, ana, monday, acts)
        finally:
            transaction.savepoint_rollback(mark)

    whatever_happens()


def test_the_zones_of_these_tests_do_change_their_clocks():
    for begun in BEGINNINGS:
        offsets = {
            (begun + timedelta(days=days)).astimezone(ZoneInfo("America/Toronto")).utcoffset() for days in (0, 4)
        }
        assert len(offsets) == 2
