"""Freed time is offered to who waits, in order, thirty minutes each, and one of them gets it."""

import uuid
from datetime import time, timedelta

import pytest

from appointments import booking, offering, schedules, waitlist
from appointments.booking import NotFree, NotPossible, NotTheirs
from appointments.models import Appointment, Hold, Offer, Status, Waiting
from appointments.rules import OFFER
from appointments.schedules import Weekly
from audit import queries as log
from ehr import clock
from ehr.notices.models import Notice
from tests import people
from tests.appointments.visiting_hours import BEGUN, chains_are_whole, clinic, minutes_are_whose_they_should_be, on
from tests.teams import administrator

FREED = on(2, "10:00")


@pytest.fixture
def full(harbour, monday):
    """Somebody has the visit that the tests free. Nobody joins the list in the same second as somebody else."""
    harbour.clock = monday
    harbour.freed = harbour.book(FREED, harbour.patient("Zoe Early"))
    return harbour


def wait(harbour, person, *, visit=None, by=None, first=0, last=30, **more) -> Waiting:
    harbour.clock.shift(1)
    day = BEGUN.date()
    return waitlist.join(
        harbour.schedule,
        harbour.kind,
        patient=person.patient,
        by=(by or person).user,
        first_day=day + timedelta(days=first),
        last_day=day + timedelta(days=last),
        appointment=visit,
        once=uuid.uuid4(),
        **more,
    )


def free_it(harbour) -> None:
    booking.cancel(harbour.freed, by=harbour.patients[0].user)


def offered() -> list[str]:
    return [one.waiting.patient.name for one in Offer.objects.select_related("waiting__patient").order_by("made_at")]


def test_freed_time_is_offered_to_who_came_first_with_a_notice(full, ana, ben):
    for person in (ana, ben):
        wait(full, person)
    free_it(full)
    offer = Offer.objects.get()
    assert (offer.waiting.patient, offer.starts) == (ana.patient, FREED)
    assert offer.lapses_at - offer.made_at == OFFER == timedelta(minutes=30)
    assert Notice.objects.filter(user=ana.user, kind="visit-offered").count() == 1
    assert not Notice.objects.filter(user=ben.user, kind="visit-offered").exists()
    minutes_are_whose_they_should_be()


def test_j8_7_freed_time_goes_along_the_list_thirty_minutes_each_and_one_wins(full, ana, ben, monday):
    cem = full.patient("Cem Demir")
    for person in (ana, ben, cem):
        wait(full, person)
    free_it(full)
    for _each in range(2):
        first = Offer.objects.get(outcome="open")
        monday.move_to(first.lapses_at - timedelta(microseconds=1))
        waitlist.move_all_on()
        assert Offer.objects.get(outcome="open") == first
        monday.move_to(first.lapses_at)
        waitlist.move_all_on()
    assert offered() == ["Ana Costa", "Ben Okafor", "Cem Demir"]
    last = Offer.objects.get(outcome="open")
    for late in Offer.objects.filter(outcome="lapsed"):
        with pytest.raises(NotPossible, match="30 minutes"):
            waitlist.take(late, by=late.waiting.patient.user)
    visit = waitlist.take(last, by=cem.user)
    assert (visit.patient, visit.starts, visit.status) == (cem.patient, FREED, Status.BOOKED)
    assert visit.changes.get().before == Status.WAITLIST
    assert Appointment.objects.filter(starts=FREED, status="booked").count() == 1
    assert [one.ended_at is None for one in Waiting.objects.order_by("made_at")] == [True, True, False]
    minutes_are_whose_they_should_be()
    chains_are_whole()


def test_while_it_is_offered_nobody_else_books_it(full, ana, ben):
    wait(full, ana)
    free_it(full)
    with pytest.raises(NotFree):
        full.hold(FREED, ben)


def test_a_lapse_is_noticed_by_whoever_comes_first_no_job_is_needed(full, ana, ben, monday):
    cem = full.patient("Cem Demir")
    wait(full, ana)
    wait(full, ben)
    free_it(full)
    monday.move_to(Offer.objects.get().lapses_at)
    # Somebody who does not wait wants the time: it is Ben's turn first.
    with pytest.raises(NotFree):
        full.hold(FREED, cem)
    assert offered() == ["Ana Costa", "Ben Okafor"]
    monday.move_to(Offer.objects.get(outcome="open").lapses_at)
    full.book(FREED, cem)
    assert Offer.objects.filter(outcome="lapsed").count() == 2
    minutes_are_whose_they_should_be()


def test_who_comes_sooner_moves_and_wins_days_and_their_old_time_goes_to_who_is_next(full, ana, ben):
    later = full.book(on(9, "11:00"), ana)
    wait(full, ana, visit=later)
    wait(full, ben, first=9, last=9)
    free_it(full)
    visit = waitlist.take(Offer.objects.get(), by=ana.user)
    later.refresh_from_db()
    assert (visit.moved_from, later.status) == (later, Status.CANCELLED)
    assert Offer.objects.get(outcome="taken").days_won == 7
    following = Offer.objects.get(outcome="open")
    assert (following.waiting.patient, following.starts) == (ben.patient, on(9, "11:00"))
    since, until = BEGUN, BEGUN + timedelta(days=1)
    assert waitlist.won(full.schedule.institution_id, since=since, until=until) == waitlist.Won(2, 1, 7, 7.0)
    minutes_are_whose_they_should_be()
    chains_are_whole()


def test_taken_twice_it_is_taken_once(full, ana):
    wait(full, ana)
    free_it(full)
    offer = Offer.objects.get()
    assert waitlist.take(offer, by=ana.user) == waitlist.take(offer, by=ana.user)
    assert Appointment.objects.filter(patient=ana.patient).count() == 1


def test_who_declines_waits_on_and_who_is_next_hears_at_once(full, ana, ben, monday):
    wait(full, ana)
    wait(full, ben)
    free_it(full)
    monday.shift(1)
    waitlist.decline(Offer.objects.get(), by=ana.user)
    assert offered() == ["Ana Costa", "Ben Okafor"]
    assert Waiting.objects.get(patient=ana.patient).ended_at is None
    waitlist.decline(Offer.objects.get(outcome="open"), by=ben.user)
    assert not Hold.objects.exists()
    # Who was offered this time already is not offered it again.
    full.freed = full.book(FREED, full.patients[0])
    free_it(full)
    assert Offer.objects.count() == 2


def test_who_leaves_the_list_leaves_what_is_offered(full, ana, ben, monday):
    waiting = wait(full, ana)
    wait(full, ben)
    free_it(full)
    monday.shift(1)
    waitlist.leave(waiting, by=ana.user)
    waitlist.leave(waiting, by=ana.user)
    assert offered() == ["Ana Costa", "Ben Okafor"]
    actions = [line.action for line in log.story(ana.patient.pk) if line.action.startswith("waiting.")]
    assert sorted(actions) == ["waiting.declined", "waiting.joined", "waiting.left", "waiting.offered"]


@pytest.mark.parametrize("why", ["own visit then", "other days", "not sooner", "other offer open"])
def test_who_cannot_use_it_is_passed_over(full, ana, ben, why):
    other = clinic("Omar Haddad")
    if why == "own visit then":
        other.book(on(2, "10:15"), ana)
        wait(full, ana)
    elif why == "other days":
        wait(full, ana, first=3)
    elif why == "not sooner":
        wait(full, ana, visit=full.book(on(1, "10:00"), ana))
    else:
        wait(full, ana)
        more = full.book(on(3, "10:00"), people.patient("Max More"))
        booking.cancel(more, by=more.patient.user)
    wait(full, ben)
    free_it(full)
    assert Offer.objects.get(starts=FREED).waiting.patient == ben.patient


def test_nothing_is_offered_whose_notice_would_be_over_before_the_answer(full, ana, monday):
    full.schedule.notice_minutes = 120
    full.schedule.save()
    wait(full, ana)
    monday.move_to(FREED - timedelta(minutes=150) + timedelta(seconds=1))
    booking.cancel(full.freed, by=full.desk.user)
    assert not Offer.objects.exists()


def test_at_the_last_moment_of_the_notice_it_still_is(full, ana, monday):
    full.schedule.notice_minutes = 120
    full.schedule.save()
    wait(full, ana)
    monday.move_to(FREED - timedelta(minutes=150))
    booking.cancel(full.freed, by=full.desk.user)
    assert Offer.objects.get().lapses_at == FREED - timedelta(minutes=120)


# --- By link -------------------------------------------------------------------------------------
@pytest.fixture
def link(full, ana):
    wait(full, ana)
    free_it(full)
    return offering.token(Offer.objects.get())


def test_a_link_shows_a_time_and_nothing_else_and_looking_changes_nothing(link, monday):
    shown = waitlist.seen(link)
    assert shown == waitlist.Offered(FREED, "America/Toronto", clock.now() + OFFER, "open")
    assert Offer.objects.get().outcome == "open"
    monday.move_to(shown.lapses_at)
    assert waitlist.seen(link).outcome == "lapsed"
    assert Offer.objects.get().outcome == "open"


def test_a_yes_by_link_books_as_the_patient(link, ana):
    visit = waitlist.answer(link, yes=True)
    assert (visit.patient, visit.booked_by) == (ana.patient, ana.user)
    assert waitlist.answer(link, yes=True) == visit


def test_a_no_by_link_declines(link):
    assert waitlist.answer(link, yes=False) is None
    assert Offer.objects.get().outcome == "declined"


def test_the_table_alone_makes_no_link(link, settings):
    offer = Offer.objects.get()
    assert link not in str(Offer.objects.values_list())
    assert waitlist.seen(bytes(offer.link_digest).hex()) is None
    settings.SECRET_KEY = "another deployment"
    assert offering.token(offer) != link
    with pytest.raises(NotPossible, match="no such offer"):
        waitlist.answer("made up", yes=True)


# --- The list itself -----------------------------------------------------------------------------
def test_on_the_same_list_one_waits_once(full, ana):
    assert wait(full, ana) == wait(full, ana)
    assert Waiting.objects.count() == 1


def test_the_desk_puts_a_patient_on_the_list_and_strangers_do_not(full, ana, ben):
    wait(full, ana, by=full.desk)
    with pytest.raises(NotTheirs):
        wait(full, ben, by=ana)
    with pytest.raises(NotPossible, match="Propose"):
        wait(full, ben, by=full.lee)


def test_a_list_of_days_that_are_over_is_none(full, ana):
    for first, last in ((-3, -1), (5, 4)):
        with pytest.raises(NotPossible, match="days"):
            wait(full, ana, first=first, last=last)


def test_one_waits_for_the_kind_of_visit_one_has(full, ana, ben):
    theirs = full.book(on(8, "10:00"), ben)
    with pytest.raises(NotPossible, match="same kind"):
        wait(full, ana, visit=theirs)


def test_who_cancels_their_visit_no_longer_waits_to_come_sooner(full, ana):
    visit = full.book(on(9, "11:00"), ana)
    wait(full, ana, visit=visit)
    booking.cancel(visit, by=ana.user)
    assert Waiting.objects.get().ended_at
    free_it(full)
    assert not Offer.objects.exists()


def test_who_moves_their_visit_waits_on_with_the_new_one(full, ana):
    visit = full.book(on(9, "11:00"), ana)
    wait(full, ana, visit=visit)
    moved = full.move(visit, on(8, "11:00"), ana)
    assert Waiting.objects.get().appointment == moved


def test_a_list_is_left_by_itself_when_its_last_day_is_over(full, ana, monday):
    wait(full, ana, last=1)
    monday.move_to(on(2, "00:00"))
    assert waitlist.end_what_is_over() == 0
    monday.move_to(on(3, "00:00"))
    assert waitlist.end_what_is_over() == 1


# --- Hours that open later -----------------------------------------------------------------------
SATURDAY = 5


@pytest.fixture
def ida(full):
    return administrator("Ida Berg", full.schedule.institution)


def open_saturday(full, ida, begins="09:00", ends="10:00"):
    starts, until = on(SATURDAY, begins), on(SATURDAY, ends)
    return schedules.open_extra(full.schedule, by=ida, starts=starts, ends=until)


def times() -> list[tuple[str, object]]:
    rows = Offer.objects.select_related("waiting__patient").order_by("waiting__made_at")
    return [(one.waiting.patient.name, one.starts) for one in rows]


def test_hours_opened_later_are_offered_in_order_each_the_next_time_of_it(full, ana, ben, ida):
    cem = full.patient("Cem Demir")
    for person in (ana, ben, cem):
        wait(full, person)
    open_saturday(full, ida)
    assert times() == [("Ana Costa", on(SATURDAY, "09:00")), ("Ben Okafor", on(SATURDAY, "09:30"))]
    full.clock.shift(1)
    waitlist.decline(Offer.objects.get(waiting__patient=ana.patient), by=ana.user)
    assert times()[-1] == ("Cem Demir", on(SATURDAY, "09:00"))
    minutes_are_whose_they_should_be()


def test_a_new_week_is_offered_and_what_was_free_before_is_not(full, ana, ben, ida):
    wait(full, ana)
    wait(full, ben, first=SATURDAY, last=SATURDAY)
    week = [Weekly(day, time(9, 15), time(17)) for day in range(5)]
    schedules.set_hours(full.schedule, by=ida, week=week, since=BEGUN.date(), anyway=True)
    assert times() == []
    week.append(Weekly(SATURDAY, time(9), time(10)))
    schedules.set_hours(full.schedule, by=ida, week=week, since=BEGUN.date(), anyway=True)
    assert times() == [("Ana Costa", on(SATURDAY, "09:00")), ("Ben Okafor", on(SATURDAY, "09:30"))]


def test_a_closure_that_is_taken_back_is_offered(full, ana, ida):
    closed, _visits = schedules.close(full.schedule, by=ida, starts=on(1, "00:00"), ends=on(2, "00:00"))
    wait(full, ana)
    schedules.end_absence(closed, by=ida)
    assert times() == [("Ana Costa", on(1, "09:00"))]


def test_new_hours_that_suit_nobody_are_offered_to_nobody(full, ana, ben, ida):
    wait(full, ana, last=SATURDAY - 1)
    wait(full, ben, visit=full.book(on(1, "10:00"), ben))
    open_saturday(full, ida)
    assert times() == []
    assert full.hold(on(SATURDAY, "09:00"), ana)
