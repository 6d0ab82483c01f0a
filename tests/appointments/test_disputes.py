"""Nobody came, says the clinic; I was there, says the patient: the fee pauses until somebody looked."""

import uuid
from datetime import timedelta

import pytest

from appointments import booking, queries
from appointments.booking import NotPossible, NotTheirs
from appointments.models import Dispute, Ground, Invoice, Status
from appointments.rules import DISPUTE
from audit import queries as log
from ehr import clock
from ehr.notices.models import Notice
from tests.appointments.visiting_hours import BEGUN, chains_are_whole, minutes_are_whose_they_should_be, on

WORDS = "I sat in the corridor for an hour."


@pytest.fixture
def missed(harbour, ana, monday):
    visit = harbour.book(on(0, "10:00"), ana)
    monday.move_to(on(0, "10:20"))
    return booking.no_show(visit, by=harbour.desk.user)


def say(visit, ana, **more) -> Dispute:
    return booking.dispute(visit, **{"by": ana.user, "reason": "was-there"} | more)


def test_j8_8_a_patient_disputes_and_the_fee_pauses(harbour, ana, missed, monday):
    invoice = Invoice.objects.get()
    assert (invoice.ground, invoice.owed, invoice.disputed_at) == (Ground.MISSED, 4000, None)
    found = say(missed, ana)
    invoice.refresh_from_db()
    assert invoice.disputed_at == clock.now()
    assert say(missed, ana) == found
    told = set(Notice.objects.filter(kind="clinic.visit-disputed").values_list("user", flat=True))
    assert told == {harbour.lee.user.pk, harbour.desk.user.pk}


def test_upheld_it_stands_and_the_fee_is_owed(harbour, ana, missed):
    found = booking.answer_dispute(say(missed, ana), by=harbour.lee.user, lift=False)
    assert found.outcome == "upheld"
    invoice = Invoice.objects.get()
    assert (invoice.ground, invoice.owed, invoice.disputed_at) == (Ground.MISSED, 4000, None)
    missed.refresh_from_db()
    assert missed.status == Status.NO_SHOW
    assert Notice.objects.filter(user=ana.user, kind="visit-dispute-answered").exists()


@pytest.mark.parametrize(
    ("seen", "status", "ground", "owed"), [(True, "fulfilled", "seen", 8000), (False, "cancelled", "lifted", 0)]
)
def test_lifted_the_visit_took_place_or_costs_nothing(harbour, ana, missed, seen, status, ground, owed):
    booking.answer_dispute(say(missed, ana), by=harbour.desk.user, lift=True, seen=seen)
    missed.refresh_from_db()
    invoice = Invoice.objects.get()
    assert (missed.status, invoice.ground, invoice.owed) == (status, ground, owed)
    chains_are_whole()
    minutes_are_whose_they_should_be()


def test_who_said_that_nobody_came_lifts_it_but_does_not_uphold_it(harbour, ana, missed):
    found = say(missed, ana)
    with pytest.raises(NotPossible, match="Somebody else looks"):
        booking.answer_dispute(found, by=harbour.desk.user, lift=False)
    booking.answer_dispute(found, by=harbour.desk.user, lift=True)
    with pytest.raises(NotPossible, match="answered already"):
        booking.answer_dispute(found, by=harbour.lee.user, lift=False)


def test_a_patient_does_not_answer_and_staff_do_not_dispute(harbour, ana, ben, missed):
    with pytest.raises(NotPossible, match="not for you"):
        say(missed, ana, by=harbour.desk.user)
    with pytest.raises(NotTheirs):
        say(missed, ana, by=ben.user)
    with pytest.raises(NotPossible, match="not for you"):
        booking.answer_dispute(say(missed, ana), by=ana.user, lift=True)


def test_after_thirty_days_it_is_too_late(ana, missed, monday):
    monday.move_to(clock.now() + DISPUTE - timedelta(seconds=1))
    say(missed, ana)
    Dispute.objects.all().delete()
    monday.move_to(clock.now() + timedelta(seconds=1))
    with pytest.raises(NotPossible, match="30 days"):
        say(missed, ana)


def test_what_nobody_said_cannot_be_disputed(harbour, ana):
    with pytest.raises(NotPossible, match="nothing to say against"):
        say(harbour.book(on(0, "10:00"), ana), ana)


def test_taken_back_a_dispute_is_answered(harbour, ana, missed):
    found = say(missed, ana)
    booking.undo(missed.changes.get(after="noshow"), by=harbour.desk.user, because="came-late")
    found.refresh_from_db()
    assert (found.outcome, found.answered_by) == ("lifted", harbour.desk.user)
    assert Invoice.objects.get().ground == Ground.AHEAD


def test_a_patient_s_words_open_for_them_and_for_whose_time_it_was_alone(harbour, ana, missed):
    found = say(missed, ana, words=WORDS)
    assert [booking.read_words(found, keyring=one.keyring) for one in (ana, harbour.lee, harbour.desk)] == [
        WORDS,
        WORDS,
        None,
    ]
    assert WORDS not in str([line.details for line in log.story(ana.patient.pk)]) + str(found.words)


def test_how_often_nobody_came_is_counted_without_what_was_lifted(harbour, ana, ben, missed, monday):
    kept = harbour.book(on(1, "10:00"), ben)
    monday.move_to(on(1, "10:00"))
    booking.arrive(kept, by=harbour.desk.user)
    booking.fulfil(kept, by=harbour.desk.user)
    place, week = harbour.schedule.institution_id, BEGUN + timedelta(days=7)
    rate = queries.missed_visits(place, since=BEGUN, until=week)
    assert (rate.missed, rate.kept, rate.disputed, rate.share) == (1, 1, 0, 0.5)
    found = say(missed, ana)
    assert queries.missed_visits(place, since=BEGUN, until=week).disputed == 1
    booking.answer_dispute(found, by=harbour.lee.user, lift=True)
    assert queries.missed_visits(place, since=BEGUN, until=week).missed == 0
    assert queries.missed_visits(uuid.uuid4(), since=BEGUN, until=week).share is None
