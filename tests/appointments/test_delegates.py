"""Visits of somebody for whom one acts: who sees, books and hears of them, and what is kept from them, untraced."""

import uuid
from datetime import date, timedelta

import pytest

from appointments import booking, delegates, reminders, visiting
from appointments.booking import NotPossible, NotTheirs
from appointments.models import Appointment, Reminder, Status
from appointments.rules import HOLD
from audit import queries as log
from consent.access.acting import acting_for
from consent.delegates import hiding, naming
from consent.models import Ending, Grant
from consent.sharing.proposing import CannotGive
from ehr import clock
from ehr.notices.models import Notice
from patients.models import Patient
from tests import people
from tests.appointments.visiting_hours import BEGUN, clinic, minutes_are_whose_they_should_be, on
from tests.consent.delegating import name, terms

BOOKS = ("appointments", "book")


@pytest.fixture
def rui(harbour, ana):
    rui = people.account("Rui Costa")
    name(ana, rui, rights=BOOKS, categories=())
    return rui


def hide(ana, rui):
    hiding.hide(ana.patient, what=["appointments"], delegate=rui.user)


def seen(ana, rui) -> list[Appointment]:
    return list(delegates.look(acting_for(ana.patient, rui.user)).order_by("starts"))


def kinds(person) -> list[str]:
    return sorted(Notice.objects.filter(user=person.user).values_list("kind", flat=True))


def actions(ana) -> list[str]:
    return [line.action for line in log.story(ana.patient.pk, limit=200)]


# --- The right -----------------------------------------------------------------------------------
def test_the_sentence_says_what_may_be_done_with_visits(ana):
    said = [
        naming.propose(naming.accept(naming.ask(ana.patient, email=one.user.email, terms=rights), by=one.user))
        for one, rights in (
            (people.account("Rui Costa"), terms(rights=("appointments",), categories=())),
            (people.account("Ida Berg"), terms(rights=BOOKS, categories=())),
        )
    ]
    assert ": see appointments." in said[0]
    assert ": see, book, move and cancel appointments." in said[1]


def test_nobody_books_what_they_may_not_see(ana):
    with pytest.raises(naming.CannotName, match="able to see"):
        naming.ask(ana.patient, email="rui@example.org", terms=terms(rights=("book",), categories=()))


def test_seeing_is_not_booking(harbour, ana):
    visit, rui = harbour.book(on(1, "10:00"), ana), people.account("Rui Costa")
    name(ana, rui, rights=("appointments",), categories=())
    assert seen(ana, rui) == [visit]
    with pytest.raises(NotTheirs):
        harbour.book(on(1, "11:00"), ana, by=rui)
    with pytest.raises(NotTheirs):
        booking.cancel(visit, by=rui.user)


def test_booking_moving_and_cancelling_name_who_did_it_in_each_change_and_line(harbour, ana, rui):
    visit = harbour.book(on(1, "10:00"), ana, by=rui)
    moved = harbour.move(visit, on(2, "10:00"), rui)
    booking.cancel(moved, by=rui.user)
    assert {one.by for one in [*visit.changes.all(), *moved.changes.all()]} == {rui.user}
    told = [line for line in log.story(ana.patient.pk) if line.action.startswith("appointment.")]
    assert {(line.actor.name, line.actor.role, line.details["for_name"]) for line in told} == {
        ("Rui Costa", "delegate", "Ana Costa")
    }
    assert [kind for kind in kinds(ana) if "visit" in kind] == ["visit-booked", "visit-cancelled", "visit-moved"]
    assert not [kind for kind in kinds(rui) if "visit" in kind]
    minutes_are_whose_they_should_be()


def test_to_look_is_on_the_list_before_anything_is_read(harbour, ana, rui):
    seen(ana, rui)
    (line,) = [line for line in log.story(ana.patient.pk) if line.action == "appointment.read-for"]
    assert (line.actor.name, line.because, line.details["for_name"]) == ("Rui Costa", "carer", "Ana Costa")


def test_without_the_right_there_is_nothing_to_look_at(harbour, ana):
    rui = people.account("Rui Costa")
    name(ana, rui, rights=("log",), categories=())
    with pytest.raises(NotTheirs):
        delegates.look(acting_for(ana.patient, rui.user))
    assert "appointment.read-for" not in actions(ana)


def test_coming_of_age_ends_it_by_itself(harbour, monday):
    child = harbour.patient("Leo Costa")
    Patient.objects.filter(pk=child.patient.pk).update(birth_date=date(2009, 5, 3))
    child.patient.refresh_from_db()
    rui = people.account("Rui Costa")
    name(child, rui, rights=BOOKS, categories=(), basis="parent", days=700)
    harbour.book(on(1, "10:00"), child, by=rui)
    assert acting_for(child.patient, rui.user)
    monday.move_to(BEGUN + timedelta(days=366))
    assert acting_for(child.patient, rui.user) is None
    with pytest.raises(NotTheirs):
        booking.cancel(Appointment.objects.get(), by=rui.user)


# --- Safety mode ---------------------------------------------------------------------------------
def test_what_is_kept_from_somebody_is_as_if_it_had_never_been(harbour, ana, rui):
    harbour.book(on(1, "10:00"), ana)
    own = harbour.book(on(2, "10:00"), ana, by=rui)
    hide(ana, rui)
    assert seen(ana, rui) == [own]
    now = acting_for(ana.patient, rui.user)
    assert list(delegates.past(delegates.look(now), clock.now())) == []


def test_a_visit_that_is_kept_from_them_does_not_stand_in_the_way_of_what_they_book(harbour, ana, rui, monday):
    other = clinic("Omar Haddad")
    other.book(on(1, "10:00"), ana)
    with pytest.raises(NotPossible, match="another visit"):
        harbour.book(on(1, "10:15"), ana, by=rui)
    hide(ana, rui)
    monday.shift(HOLD)
    mine = harbour.book(on(1, "10:15"), ana, by=rui)
    booking.undo(booking.cancel(mine, by=rui.user).changes.latest("number"), by=rui.user, because="wrong-button")
    mine = harbour.move(mine, on(1, "10:10"), rui)
    assert mine.status == Status.BOOKED
    # Among their own it does; and the patient hears of what was booked, and sees both.
    with pytest.raises(NotPossible, match="another visit"):
        other.book(on(1, "10:30"), ana, by=rui)
    assert "visit-booked" in kinds(ana)


def test_what_somebody_else_moved_stands_as_cancelled_for_whom_the_rest_is_kept_from(harbour, ana, rui):
    visit = harbour.book(on(1, "10:00"), ana, by=rui)
    hide(ana, rui)
    harbour.move(visit, on(2, "10:00"), ana)
    now = acting_for(ana.patient, rui.user)
    assert [one.status for one in delegates.past(delegates.look(now), clock.now())] == [Status.CANCELLED]
    hiding.hide(ana.patient, what=[], delegate=rui.user)
    now = acting_for(ana.patient, rui.user)
    assert list(delegates.past(delegates.look(now), clock.now())) == []


@pytest.mark.parametrize("kept", [False, True])
def test_who_acts_hears_of_what_others_do_unless_it_is_kept_from_them(harbour, ana, rui, kept):
    if kept:
        hide(ana, rui)
    visit = harbour.book(on(1, "10:00"), ana)
    booking.cancel(visit, by=harbour.desk.user, because="clinician-away")
    assert kinds(rui).count("acting-visit") == (0 if kept else 2)


@pytest.mark.parametrize("kept", [False, True])
def test_a_reminder_goes_to_who_acts_unless_the_visit_is_kept_from_them(harbour, ana, rui, monday, kept):
    harbour.book(on(4, "10:00"), ana)
    monday.move_to(on(4, "10:00") - timedelta(hours=24))
    reminders.write_due()
    if kept:  # between writing and sending counts
        hide(ana, rui)
    for _twice in range(2):
        reminders.deliver()
    assert kinds(rui).count("acting-visit-soon") == (0 if kept else 1)
    assert kinds(ana).count("visit-soon") == 1


def test_a_child_without_an_account_is_reminded_of_through_who_acts_for_it(harbour, ana, rui, monday):
    visit = harbour.book(on(4, "10:00"), ana)
    Patient.objects.filter(pk=ana.patient.pk).update(user=None, claimed_at=None)
    monday.move_to(on(4, "10:00") - timedelta(hours=24))
    reminders.write_due()
    assert Reminder.objects.get(appointment=visit).channel == "portal"


# --- What a visit needs --------------------------------------------------------------------------
@pytest.fixture
def needing(harbour):
    return clinic(needs=["labs", "treatment", "genetic"])


def let_in(ana, rui, visit, *parts) -> Grant:
    now = acting_for(ana.patient, rui.user)
    at = clock.now()
    said = visiting.proposal_by(now, visit, parts, at=at).sentence
    once = uuid.uuid4()
    return visiting.give_by(now, visit, parts, keyring=rui.keyring, once=once, sentence=said, at=at)


def test_who_may_share_lets_in_what_was_named_for_them_and_it_dies_with_the_visit(needing, ana):
    rui = people.account("Rui Costa")
    name(ana, rui, rights=("read", "share", *BOOKS), categories=("labs", "history"))
    visit = needing.book(on(3, "10:00"), ana, by=rui)
    found = visiting.offered_by(acting_for(ana.patient, rui.user), visit, clock.now())
    assert (found.ordinary, found.sensitive) == (("labs",), ())
    made = let_in(ana, rui, visit, "labs")
    visit.refresh_from_db()
    assert (visit.grant, made.reader.user, made.delegation.reader.user) == (made, needing.lee.user, rui.user)
    booking.cancel(visit, by=ana.user)
    assert Ending.objects.get(grant=made).cause == Ending.Cause.VISIT


@pytest.mark.parametrize("rights", [BOOKS, ("read", *BOOKS)])
def test_who_may_not_share_signs_nothing_that_comes_with_a_visit(needing, ana, rights):
    rui = people.account("Rui Costa")
    name(ana, rui, rights=rights, categories=("labs",))
    visit = needing.book(on(3, "10:00"), ana, by=rui)
    assert visiting.offered_by(acting_for(ana.patient, rui.user), visit, clock.now()) is None
    with pytest.raises(CannotGive):
        let_in(ana, rui, visit, "labs")
    assert not Grant.objects.filter(kind=Grant.Kind.GIVEN).exists()


def test_a_permission_for_a_visit_that_was_called_off_meanwhile_does_not_stay(needing, ana):
    rui = people.account("Rui Costa")
    name(ana, rui, rights=("read", "share", *BOOKS), categories=("labs",))
    visit = needing.book(on(3, "10:00"), ana, by=rui)
    stale = Appointment.objects.select_related("visit_type", "timetable__clinician__user", "grant").get(pk=visit.pk)
    booking.cancel(visit, by=ana.user)
    with pytest.raises(CannotGive, match="any more"):
        let_in(ana, rui, stale, "labs")
    made = Grant.objects.get(kind=Grant.Kind.GIVEN)
    assert Ending.objects.filter(grant=made).exists()
