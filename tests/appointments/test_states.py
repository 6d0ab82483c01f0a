"""What a visit may become: the table against an oracle written from the words, and each verb once through."""

import uuid
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from appointments import booking
from appointments.booking import NotPossible
from appointments.models import Appointment, Change, Hold, Status, Taken
from appointments.rules import GRACE, PROPOSAL, UNDO, ChangeFacts, Facts, Who, why_not, why_not_undone
from appointments.tasks import move_visits_on
from audit import queries as log
from ehr import clock
from ehr.notices.models import Notice
from tests.appointments.state_oracle import Asked, may
from tests.appointments.visiting_hours import chains_are_whole, minutes_are_whose_they_should_be, on

ZONE = "America/Toronto"
STARTS = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
LATE = datetime(2026, 11, 24, 4, 45, tzinfo=UTC)  # a quarter to midnight there
SECOND = timedelta(seconds=1)
QUARTER = timedelta(minutes=15)
MOMENTS = (
    -timedelta(days=3), -timedelta(days=1), -SECOND, timedelta(0), SECOND, QUARTER - SECOND, QUARTER, QUARTER + SECOND,
    timedelta(hours=1), timedelta(days=1), timedelta(days=3),
)  # fmt: skip
EVERY = ("", *Status.values)


@pytest.mark.parametrize("before", EVERY)
@pytest.mark.parametrize("after", Status.values)
def test_the_table_says_what_the_words_say(before, after):
    for who, moment, video, starts in product(Who, MOMENTS, (False, True), (STARTS, LATE)):
        ends, at = starts + timedelta(minutes=30), starts + moment
        facts = Facts(before, starts, ends, ZONE, video)
        said = may(after, Asked(before, who, at, starts, ends, ZONE, video))
        assert (why_not(facts, to=after, who=who, at=at) == "") is said, (who, at, video)


def test_a_visit_across_midnight_has_two_days():
    facts = Facts(Status.BOOKED, LATE, LATE + timedelta(minutes=30), ZONE)
    for at, because in ((LATE - timedelta(hours=24), "not-today"), (LATE, ""), (LATE + timedelta(hours=20), "")):
        assert why_not(facts, to=Status.ARRIVED, who=Who.DESK, at=at) == because


@pytest.mark.parametrize("after", Status.values)
def test_what_can_be_taken_back_by_whom_and_until_when(after):
    told = {"arrived", "in-progress", "fulfilled", "cancelled", "noshow", "entered-in-error"}
    for who, mine, latest, undoes, undone, moment, because in product(
        Who, (True, False), (True, False), (True, False), (True, False), (UNDO - SECOND, UNDO), ("", "moved", "lapsed")
    ):
        facts = ChangeFacts(after, because, STARTS, mine, latest, undoes, undone)
        said = after in told and not because and latest and not undoes and not undone and moment < UNDO
        said = said and (mine or who != Who.PATIENT)
        assert (why_not_undone(facts, who=who, at=STARTS + moment) == "") is said, facts


# --- The day of a visit --------------------------------------------------------------------------
def test_a_visit_from_the_booking_to_its_end(harbour, ana, monday):
    visit = harbour.book(on(1, "10:00"), ana)
    with pytest.raises(NotPossible, match="on the day"):
        booking.arrive(visit, by=harbour.desk.user)
    monday.move_to(on(1, "09:50"))
    booking.arrive(visit, by=harbour.desk.user)
    monday.move_to(on(1, "10:05"))
    booking.begin(visit, by=harbour.lee.user)
    monday.move_to(on(1, "10:40"))
    done = booking.fulfil(visit, by=harbour.lee.user)
    assert done.status == Status.FULFILLED
    told = [(one.before, one.after, one.by.name) for one in Change.objects.select_related("by")]
    assert told == [
        ("", "booked", "Ana Costa"),
        ("booked", "arrived", "Fay Front"),
        ("arrived", "in-progress", "Mei Lee"),
        ("in-progress", "fulfilled", "Mei Lee"),
    ]
    chains_are_whole()
    minutes_are_whose_they_should_be()


def test_each_change_is_made_once(harbour, ana, monday):
    visit = harbour.book(on(0, "10:00"), ana)
    monday.move_to(on(0, "09:50"))
    for _twice in range(2):
        booking.arrive(visit, by=harbour.desk.user)
    assert Change.objects.count() == 2
    with pytest.raises(NotPossible, match="arrived already"):
        booking.no_show(visit, by=harbour.desk.user)


def test_a_proposal_keeps_its_time_and_becomes_a_visit_when_the_patient_agrees(harbour, ana, ben):
    visit = harbour.propose(on(0, "10:00"), ana)
    assert visit.status == Status.PROPOSED
    with pytest.raises(booking.NotFree):
        harbour.book(on(0, "10:00"), ben)
    with pytest.raises(NotPossible, match="not for you"):
        booking.accept(visit, by=harbour.lee.user)
    assert booking.accept(visit, by=ana.user).status == Status.BOOKED
    lines = [line.action for line in log.story(ana.patient.pk)]
    assert {"appointment.proposed", "appointment.accepted"} <= set(lines)
    chains_are_whole()


def test_a_proposal_nobody_answers_frees_its_time_after_72_hours_without_a_job(harbour, ana, ben, monday):
    visit = harbour.propose(on(7, "10:00"), ana)
    monday.move_to(visit.made_at + PROPOSAL - SECOND)
    with pytest.raises(booking.NotFree):
        harbour.hold(on(7, "10:00"), ben)
    monday.move_to(visit.made_at + PROPOSAL)
    with pytest.raises(NotPossible, match="72 hours"):
        booking.accept(visit, by=ana.user)
    harbour.book(on(7, "10:00"), ben)
    last = visit.changes.get(number=2)
    assert (last.after, last.by, last.because) == (Status.CANCELLED, None, "lapsed")
    assert Notice.objects.filter(user=ana.user, kind="visit-cancelled").exists()
    with pytest.raises(NotPossible, match="cannot be taken back"):
        booking.undo(last, by=harbour.desk.user, because="wrong-button")


def test_what_is_over_is_tidied_when_the_clock_rings(harbour, ana, ben, monday):
    harbour.propose(on(7, "10:00"), ana)
    harbour.hold(on(7, "11:00"), ben)
    monday.move_to(clock.now() + PROPOSAL)
    assert move_visits_on() == 1
    assert move_visits_on() == 0
    assert not Taken.objects.exists()
    assert not Hold.objects.exists()


def test_a_clinician_proposes_and_does_not_book_for_somebody(harbour, ana):
    with pytest.raises(NotPossible, match="not for you"):
        harbour.book(on(0, "10:00"), ana, by=harbour.lee)


def test_j8_8_nobody_came_is_said_by_staff_after_a_quarter_of_an_hour_and_undone_within_a_day(harbour, ana, monday):
    visit = harbour.book(on(0, "10:00"), ana)
    monday.move_to(on(0, "10:00") + GRACE - SECOND)
    with pytest.raises(NotPossible, match="15 minutes"):
        booking.no_show(visit, by=harbour.desk.user)
    monday.move_to(on(0, "10:00") + GRACE)
    with pytest.raises(NotPossible, match="not for you"):
        booking.no_show(visit, by=ana.user)
    assert booking.no_show(visit, by=harbour.desk.user).status == Status.NO_SHOW
    assert Notice.objects.filter(user=ana.user, kind="visit-missed").exists()
    missed = visit.changes.get(after=Status.NO_SHOW)
    monday.move_to(missed.at + UNDO - SECOND)
    assert booking.undo(missed, by=harbour.desk.user, because="came-late").status == Status.BOOKED
    assert Notice.objects.filter(user=ana.user, kind="visit-stands").exists()
    with pytest.raises(NotPossible, match="already"):
        booking.undo(missed, by=harbour.desk.user, because="came-late")
    chains_are_whole()


def test_after_24_hours_nothing_is_taken_back(harbour, ana, monday):
    visit = harbour.book(on(0, "10:00"), ana)
    monday.move_to(on(0, "10:15"))
    missed = booking.no_show(visit, by=harbour.desk.user).changes.get(after=Status.NO_SHOW)
    monday.move_to(missed.at + UNDO)
    with pytest.raises(NotPossible, match="24 hours"):
        booking.undo(missed, by=harbour.desk.user, because="wrong-button")


# --- Taking back a cancellation ------------------------------------------------------------------
def cancelled(harbour, ana) -> Change:
    visit = booking.cancel(harbour.book(on(1, "10:00"), ana), by=ana.user)
    return visit.changes.get(after=Status.CANCELLED)


def test_a_cancellation_taken_back_has_its_minutes_again(harbour, ana):
    visit = booking.undo(cancelled(harbour, ana), by=ana.user, because="wrong-button")
    assert visit.status == Status.BOOKED
    assert Taken.objects.filter(appointment=visit).count() == 6
    minutes_are_whose_they_should_be()
    chains_are_whole()


def test_a_time_that_somebody_else_has_by_now_does_not_come_back_and_others_are_offered(harbour, ana, ben):
    change = cancelled(harbour, ana)
    harbour.book(on(1, "10:15"), ben)
    with pytest.raises(NotPossible, match="Somebody else has this time") as problem:
        booking.undo(change, by=ana.user, because="wrong-button")
    assert problem.value.instead
    assert change.appointment.changes.count() == 2
    minutes_are_whose_they_should_be()


def test_a_hold_that_is_over_does_not_keep_a_visit_from_coming_back(harbour, ana, ben, monday):
    change = cancelled(harbour, ana)
    kept = harbour.hold(on(1, "10:00"), ben)
    with pytest.raises(NotPossible):
        booking.undo(change, by=ana.user, because="wrong-button")
    monday.move_to(kept.expires_at)
    booking.undo(change, by=ana.user, because="wrong-button")
    minutes_are_whose_they_should_be()


def test_a_visit_does_not_come_back_into_another_one(harbour, ana):
    change = cancelled(harbour, ana)
    harbour.book(on(1, "10:15"), ana)
    with pytest.raises(NotPossible):
        booking.undo(change, by=ana.user, because="wrong-button")


def test_a_patient_takes_back_what_they_did_and_not_what_the_clinic_did(harbour, ana):
    visit = booking.cancel(harbour.book(on(1, "10:00"), ana), by=harbour.lee.user, because="clinician-away")
    with pytest.raises(NotPossible, match="not for you"):
        booking.undo(visit.changes.get(number=2), by=ana.user, because="wrong-button")


def test_only_the_latest_is_taken_back(harbour, ana, monday):
    visit = harbour.book(on(0, "10:00"), ana)
    monday.move_to(on(0, "10:00"))
    booking.arrive(visit, by=harbour.desk.user)
    booking.begin(visit, by=harbour.lee.user)
    with pytest.raises(NotPossible, match="Something else"):
        booking.undo(visit.changes.get(after=Status.ARRIVED), by=harbour.desk.user, because="wrong-visit")


def test_what_was_entered_by_mistake_frees_its_time_and_comes_back(harbour, ana):
    visit = booking.mistake(harbour.book(on(1, "10:00"), ana), by=harbour.desk.user)
    assert not Taken.objects.exists()
    booking.undo(visit.changes.get(after=Status.MISTAKE), by=harbour.desk.user, because="wrong-visit")
    assert Taken.objects.filter(appointment=visit).count() == 6
    chains_are_whole()


# --- Moving --------------------------------------------------------------------------------------
def test_a_visit_that_moves_is_at_the_new_time_and_not_at_the_old(harbour, ana, ben):
    old = harbour.book(on(1, "10:00"), ana)
    new = harbour.move(old, on(1, "14:00"), ana)
    old.refresh_from_db()
    assert (old.status, new.status, new.moved_from) == (Status.CANCELLED, Status.BOOKED, old)
    assert old.changes.get(number=2).because == "moved"
    harbour.book(on(1, "10:00"), ben)
    minutes_are_whose_they_should_be()
    chains_are_whole()


def test_a_visit_moves_by_less_than_its_own_length(harbour, ana, ben):
    old = harbour.book(on(1, "10:00"), ana)
    harbour.move(old, on(1, "10:15"), ana)
    assert set(Taken.objects.values_list("at", flat=True)) == {
        on(1, "10:15") + timedelta(minutes=5 * place) for place in range(6)
    }
    minutes_are_whose_they_should_be()


def test_who_kept_a_time_beside_their_visit_does_not_book_it_besides(harbour, ana):
    visit = harbour.book(on(1, "10:00"), ana)
    kept = harbour.hold(on(1, "10:15"), ana, besides=visit)
    with pytest.raises(NotPossible, match="another visit"):
        booking.book(kept, patient=ana.patient, by=ana.user, once=uuid.uuid4())
    minutes_are_whose_they_should_be()


def test_moved_twice_with_one_press_it_moved_once(harbour, ana):
    old, once = harbour.book(on(1, "10:00"), ana), uuid.uuid4()
    kept = harbour.hold(on(1, "14:00"), ana, besides=old)
    new = booking.move(old, kept, by=ana.user, once=once)
    assert booking.move(old, kept, by=ana.user, once=once) == new
    assert Appointment.objects.count() == 2


def test_a_hold_that_is_over_moves_nothing(harbour, ana, monday):
    old = harbour.book(on(1, "10:00"), ana)
    kept = harbour.hold(on(1, "14:00"), ana, besides=old)
    monday.move_to(kept.expires_at)
    with pytest.raises(NotPossible):
        booking.move(old, kept, by=ana.user, once=uuid.uuid4())
    old.refresh_from_db()
    assert old.status == Status.BOOKED
    minutes_are_whose_they_should_be()


def test_a_move_is_not_taken_back(harbour, ana):
    old = harbour.book(on(1, "10:00"), ana)
    harbour.move(old, on(1, "14:00"), ana)
    with pytest.raises(NotPossible, match="cannot be taken back"):
        booking.undo(old.changes.get(number=2), by=ana.user, because="wrong-button")


def test_who_moves_too_late_to_cancel_freely_does_not_cancel_freely_afterwards(harbour, ana, monday):
    early, late = harbour.book(on(2, "10:00"), ana), harbour.book(on(2, "12:00"), ana)
    assert harbour.move(early, on(9, "10:00"), ana).policy == early.policy
    monday.move_to(on(1, "14:00"))
    moved = harbour.move(late, on(9, "12:00"), ana)
    free_until = moved.starts - timedelta(hours=moved.policy["free_cancel_hours"])
    assert free_until <= clock.now()
    assert {**moved.policy, "free_cancel_hours": 24} == late.policy
