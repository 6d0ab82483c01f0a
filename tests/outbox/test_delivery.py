"""Parcels: written with their cause, delivered at least once, later and later where it fails."""

import logging
from datetime import timedelta

import pytest
import time_machine
from django.db import IntegrityError, transaction

from ehr import clock
from ehr.accounts import operations as accounts
from ehr.notices.models import Mail, Notice
from ehr.outbox import delivery

pytestmark = pytest.mark.django_db


class Unreachable(Exception):
    """The other side does not answer; says things that belong in no log."""


@pytest.fixture
def notice():
    user = accounts.open_account(email="alice@example.org", name="Alice", passphrase="four plain words of hers").user
    return Notice.objects.create(user=user, kind="somebody-let-in", key="let-in:1")


@pytest.fixture
def post(notice):
    """Write a parcel with this key, due now unless said otherwise."""

    def write(key, **facts):
        return Mail.objects.create(notice=notice, kind=notice.kind, key=key, **facts)

    return write


def undeliverable(parcel):
    raise Unreachable(f"alice@example.org rejected {parcel.key}")


def test_what_is_due_is_delivered_once_oldest_first(post):
    now = clock.now()
    post("second", due_at=now - timedelta(seconds=1))
    post("first", due_at=now - timedelta(seconds=2))
    arrived = []
    assert delivery.deliver(Mail, lambda parcel: arrived.append(parcel.key)) == 2
    assert delivery.deliver(Mail, lambda parcel: arrived.append(parcel.key)) == 0
    assert arrived == ["first", "second"]
    assert not Mail.objects.filter(delivered_at=None).exists()


def test_what_is_not_due_waits(post):
    post("tomorrow", due_at=clock.now() + timedelta(days=1))
    assert delivery.deliver(Mail, undeliverable) == 0


def test_no_more_than_the_limit_is_taken(post):
    for number in range(5):
        post(f"letter {number}")
    assert delivery.deliver(Mail, lambda _: None, limit=3) == 3
    assert Mail.objects.filter(delivered_at=None).count() == 2


def test_a_failure_is_tried_again_later_and_later(post):
    parcel = post("letter")
    waits = []
    with time_machine.travel(clock.now(), tick=False):
        for _ in range(4):
            Mail.objects.update(due_at=clock.now())
            assert delivery.deliver(Mail, undeliverable) == 0
            parcel.refresh_from_db()
            waits.append((parcel.due_at - clock.now()).total_seconds())
    assert waits == [5, 10, 20, 40]
    assert (parcel.attempts, parcel.last_problem, parcel.delivered_at) == (4, "Unreachable", None)


def test_one_that_fails_does_not_hold_up_the_others(post):
    post("bad", due_at=clock.now() - timedelta(minutes=1))
    post("good")

    def send(parcel):
        if parcel.key == "bad":
            undeliverable(parcel)

    assert delivery.deliver(Mail, send) == 1
    assert Mail.objects.get(key="good").delivered_at is not None


def test_a_parcel_that_arrives_after_all_shows_no_problem(post):
    post("letter")
    delivery.deliver(Mail, undeliverable)
    Mail.objects.update(due_at=clock.now())
    assert delivery.deliver(Mail, lambda _: None) == 1
    parcel = Mail.objects.get()
    assert (parcel.attempts, parcel.last_problem) == (2, "")


def test_thirty_failures_are_enough(post):
    parcel = post("letter", attempts=delivery.MOST_ATTEMPTS - 1)
    delivery.deliver(Mail, undeliverable)
    parcel.refresh_from_db()
    assert parcel.gave_up_at is not None
    Mail.objects.update(due_at=clock.now())
    assert delivery.deliver(Mail, undeliverable) == 0
    parcel.refresh_from_db()
    assert parcel.attempts == delivery.MOST_ATTEMPTS


def test_what_may_not_leave_yet_waits_and_no_try_is_counted(post):
    parcel = post("letter", attempts=3)
    until = clock.now() + timedelta(hours=7)

    def not_yet(_):
        raise delivery.NotYet(until)

    assert delivery.deliver(Mail, not_yet) == 0
    parcel.refresh_from_db()
    assert (parcel.due_at, parcel.attempts, parcel.last_problem, parcel.delivered_at) == (until, 3, "", None)


def test_waiting_never_exceeds_six_hours(post):
    parcel = post("letter", attempts=25)
    delivery.deliver(Mail, undeliverable)
    parcel.refresh_from_db()
    assert parcel.due_at - clock.now() <= delivery.LONGEST_WAIT


def test_a_worker_killed_while_sending_leaves_the_parcel_to_another(post):
    parcel = post("letter")

    def die(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        delivery.deliver(Mail, die)
    parcel.refresh_from_db()
    assert parcel.delivered_at is None
    assert delivery.deliver(Mail, lambda _: None) == 0, "for five minutes it counts as being sent"
    Mail.objects.update(due_at=parcel.due_at - delivery.CLAIM)
    assert delivery.deliver(Mail, lambda _: None) == 1


def test_what_another_worker_took_in_the_meantime_is_not_sent_again(post):
    post("a", due_at=clock.now() - timedelta(seconds=1))
    post("b")
    arrived = []

    def send(parcel):
        arrived.append(parcel.key)
        if parcel.key == "a":
            delivery.deliver(Mail, lambda other: arrived.append(f"{other.key} by another"))

    assert delivery.deliver(Mail, send) == 1
    assert arrived == ["a", "b by another"]


def test_the_same_cause_writes_one_parcel(post):
    post("letter")
    with pytest.raises(IntegrityError), transaction.atomic():
        post("letter")


@pytest.mark.privacy
def test_neither_log_nor_row_keeps_what_the_problem_said(post, caplog):
    post("letter")
    with caplog.at_level(logging.DEBUG):
        delivery.deliver(Mail, undeliverable)
    assert "Unreachable" in caplog.text
    assert "alice@example.org" not in caplog.text
    assert Mail.objects.get().last_problem == "Unreachable"
