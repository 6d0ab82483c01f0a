"""Fifty people want one slot at the same moment, on fifty connections: one has it, and forty-nine are helped on."""

import uuid
from collections import Counter
from functools import partial

import pytest

from appointments import booking, waitlist
from appointments.booking import NotFree, NotPossible
from appointments.models import Appointment, Hold, Offer, Status
from audit import queries as log
from tests.appointments.at_once import Copy, crowd
from tests.appointments.test_waitlist import free_it, wait
from tests.appointments.visiting_hours import chains_are_whole, minutes_are_whose_they_should_be, on

pytestmark = pytest.mark.django_db(transaction=True)
MANY = 50
SLOT = on(1, "10:00")


@pytest.fixture
def everybody(harbour):
    return crowd(MANY)


@pytest.fixture
def copy(everybody, tmp_path):
    return Copy(tmp_path)


def whole() -> Counter:
    """See that nothing is lost or double, and return how many visits are in which state."""
    minutes_are_whose_they_should_be()
    chains_are_whole()
    return Counter(Appointment.objects.values_list("status", flat=True))


def test_j8_1_fifty_people_race_for_one_slot_one_books_it_and_forty_nine_are_told_what_else_is_free(
    harbour, everybody, copy
):
    came = copy.at_once([partial(harbour.book, SLOT, one) for one in everybody])
    booked = [one for one in came if isinstance(one, Appointment)]
    helped = [one for one in came if isinstance(one, NotFree)]
    assert (len(booked), len(helped)) == (1, MANY - 1)
    for one in helped:
        assert "no longer free" in str(one)
        assert len(one.instead) == 5
        assert SLOT not in {slot.starts for slot in one.instead}
    assert copy.look(whole) == {Status.BOOKED: 1}


def test_fifty_people_and_ten_slots_give_ten_visits(harbour, everybody, copy):
    slots = [on(2 + number, "11:00") for number in (0, 5, 6, 7, 8)] + [on(2, f"{hour}:00") for hour in range(12, 17)]
    came = copy.at_once([partial(harbour.book, slots[place % 10], one) for place, one in enumerate(everybody)])
    assert Counter(type(one) for one in came) == {Appointment: 10, NotFree: 40}
    assert copy.look(whole) == {Status.BOOKED: 10}


def test_visits_that_overlap_by_minutes_are_one(harbour, everybody, copy):
    starts = [on(3, f"10:{minute:02}") for minute in range(0, 30, 5)]
    came = copy.at_once([partial(harbour.book, starts[place % 6], one) for place, one in enumerate(everybody)])
    assert Counter(type(one) for one in came) == {Appointment: 1, NotFree: 49}
    copy.look(whole)


def test_one_press_sent_ten_times_books_once(harbour, everybody, tmp_path):
    ana, once = everybody[0], uuid.uuid4()
    kept = harbour.hold(SLOT, ana)
    copy = Copy(tmp_path)
    came = copy.at_once([partial(booking.book, kept, patient=ana.patient, by=ana.user, once=once)] * 10)
    assert len(set(came)) == 1
    assert copy.look(whole) == {Status.BOOKED: 1}


def test_moved_and_cancelled_at_the_same_moment_it_is_one_of_them(harbour, everybody, tmp_path):
    ana = everybody[0]
    visit = harbour.book(SLOT, ana)
    kept = harbour.hold(on(1, "14:00"), ana, besides=visit)
    copy = Copy(tmp_path)
    move = partial(booking.move, visit, kept, by=ana.user, once=uuid.uuid4())
    came = copy.at_once([move, partial(booking.cancel, visit, by=harbour.desk.user, because="clinician-away")])
    moved = isinstance(came[0], Appointment)
    assert moved or isinstance(came[0], NotPossible)
    assert copy.look(whole) == ({Status.BOOKED: 1, Status.CANCELLED: 1} if moved else {Status.CANCELLED: 1})


def test_a_time_that_comes_back_while_others_book_it_is_one_s(harbour, everybody, tmp_path):
    ana = everybody[0]
    visit = booking.cancel(harbour.book(SLOT, ana), by=ana.user)
    undo = partial(booking.undo, visit.changes.get(number=2), by=ana.user, because="wrong-button")
    copy = Copy(tmp_path)
    came = copy.at_once([undo, *(partial(harbour.book, SLOT, one) for one in everybody[1:20])])
    assert sum(isinstance(one, Appointment) for one in came) == 1
    assert all(isinstance(one, Appointment | NotFree | NotPossible) for one in came)
    assert copy.look(whole)[Status.BOOKED] == 1


def test_an_offer_answered_yes_and_no_and_wanted_by_others_at_once_has_one_winner(harbour, everybody, monday, tmp_path):
    harbour.clock, ana, ben = monday, *everybody[:2]
    harbour.patients = [everybody[2]]
    harbour.freed = harbour.book(on(2, "10:00"), everybody[2])
    wait(harbour, ana)
    wait(harbour, ben)
    free_it(harbour)
    offer = Offer.objects.get()
    copy = Copy(tmp_path)
    acts = [partial(waitlist.take, offer, by=ana.user), partial(waitlist.decline, offer, by=ana.user)]
    came = copy.at_once([*acts * 3, *(partial(harbour.book, offer.starts, one) for one in everybody[3:13])])
    assert all(isinstance(one, NotFree) for one in came[6:])
    taken = [one for one in came[:6] if isinstance(one, Appointment)]

    def outcome() -> tuple:
        holds = Hold.objects.filter(offer__waiting__patient=ben.patient).count()
        lines = Counter(line.action for line in log.story(ana.patient.pk))
        return whole()[Status.BOOKED], holds, lines["appointment.booked"], lines["waiting.declined"]

    # Either Ana has it, or it is Ben's to answer.
    assert copy.look(outcome) == ((1, 0, 1, 0) if taken else (0, 1, 0, 1))
