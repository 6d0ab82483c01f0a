"""Holding, booking and calling off."""

import uuid
from datetime import timedelta

import pytest

from appointments import booking
from appointments.booking import NotFree, NotPossible, NotTheirs
from appointments.models import Appointment, Change, Hold, Status, Taken
from audit import queries as log
from consent.delegates import hiding
from consent.models import Referral
from consent.sharing import referrals
from ehr import clock
from ehr.notices.models import Mail, Notice
from ehr.words import Category
from providers.roles import Role
from tests import people
from tests.appointments.visiting_hours import chains_are_whole, clinic, minutes_are_whose_they_should_be, on
from tests.consent.delegating import name

TEN = timedelta(minutes=10)


def acts(patient) -> list[str]:
    return [line.action for line in log.story(patient.patient.pk) if line.action.startswith("appointment.")]


def kinds(person) -> set[str]:
    return set(Notice.objects.filter(user=person.user).values_list("kind", flat=True))


# --- Holding -------------------------------------------------------------------------------------
def test_a_hold_keeps_a_time_from_others_and_says_what_else_there_is(harbour, ana, ben):
    harbour.hold(on(0, "10:00"), ana)
    with pytest.raises(NotFree) as problem:
        harbour.hold(on(0, "10:00"), ben)
    assert problem.value.instead
    assert on(0, "10:00") not in {slot.starts for slot in problem.value.instead}


def test_j8_2_a_hold_frees_at_exactly_ten_minutes(harbour, ana, ben, monday):
    kept = harbour.hold(on(0, "10:00"), ana)
    monday.move_to(clock.now() + TEN - timedelta(microseconds=1))
    with pytest.raises(NotFree):
        harbour.hold(on(0, "10:00"), ben)
    monday.move_to(kept.expires_at)
    harbour.hold(on(0, "10:00"), ben)
    with pytest.raises(NotPossible) as problem:
        booking.book(kept, patient=ana.patient, by=ana.user, once=uuid.uuid4())
    assert problem.value.because == "hold-over"
    assert problem.value.instead
    minutes_are_whose_they_should_be()


def test_the_same_hold_sent_twice_is_one(harbour, ana):
    once = uuid.uuid4()
    assert harbour.hold(on(0, "10:00"), ana, once=once) == harbour.hold(on(0, "10:00"), ana, once=once)
    assert Hold.objects.count() == 1


def test_what_somebody_lets_go_of_is_free_at_once(harbour, ana, ben):
    booking.release(harbour.hold(on(0, "10:00"), ana), by=ben.user)
    assert Hold.objects.count() == 1
    booking.release(Hold.objects.get(), by=ana.user)
    harbour.hold(on(0, "10:00"), ben)


def test_nobody_keeps_a_whole_day(harbour, ana):
    for hour in range(9, 16):
        harbour.hold(on(1, f"{hour:02}:00"), ana)
    assert Hold.objects.count() == 3
    minutes_are_whose_they_should_be()


# --- Booking -------------------------------------------------------------------------------------
def test_a_patient_books_what_they_keep(harbour, ana):
    visit = harbour.book(on(0, "10:00"), ana)
    assert (visit.status, visit.starts, visit.ends) == (Status.BOOKED, on(0, "10:00"), on(0, "10:30"))
    assert (visit.price, visit.currency, visit.booked_by) == (8000, "USD", ana.user)
    assert visit.policy == {"free_cancel_hours": 24, "late_fee_percent": 0, "no_show_percent": 50}
    assert (visit.place, visit.time_zone) == (harbour.schedule.place, "America/Toronto")
    assert Taken.objects.filter(appointment=visit).count() == 6
    assert not Hold.objects.exists()
    change = Change.objects.get()
    assert (change.number, change.before, change.after, change.by) == (1, "", Status.BOOKED, ana.user)
    assert acts(ana) == ["appointment.booked"]
    assert kinds(harbour.lee) == {"clinic.visit-booked"}
    assert not kinds(ana) & {"visit-booked"}


def test_booked_twice_with_one_press_is_once(harbour, ana):
    kept, once = harbour.hold(on(0, "10:00"), ana), uuid.uuid4()
    visit = booking.book(kept, patient=ana.patient, by=ana.user, once=once)
    assert booking.book(kept, patient=ana.patient, by=ana.user, once=once) == visit
    assert Change.objects.count() == 1


def test_nobody_books_what_somebody_else_keeps(harbour, ana, ben):
    kept = harbour.hold(on(0, "10:00"), ana)
    with pytest.raises(NotPossible):
        booking.book(kept, patient=ben.patient, by=ben.user, once=uuid.uuid4())
    assert not Appointment.objects.exists()


def test_nobody_is_in_two_places_at_once(harbour, ana):
    other = clinic("Omar Haddad")
    harbour.book(on(0, "10:00"), ana)
    with pytest.raises(NotPossible, match="another visit") as problem:
        other.book(on(0, "10:00"), ana)
    assert min(slot.starts for slot in problem.value.instead) >= on(0, "10:30")
    assert Appointment.objects.count() == 1


def test_the_desk_books_for_a_patient_who_hears_of_it(harbour, ana):
    visit = harbour.book(on(0, "10:00"), ana, by=harbour.desk)
    assert visit.booked_by == harbour.desk.user
    assert kinds(ana) >= {"visit-booked"}
    line = next(one for one in log.story(ana.patient.pk) if one.action == "appointment.booked")
    assert (line.actor.id, line.actor.role) == (harbour.desk.user.pk, Role.FRONT_DESK)


def test_the_desk_of_another_place_and_another_patient_find_no_visit_and_it_is_on_the_list(harbour, ana, ben):
    elsewhere = people.clinician("Eve Elsewhere", role=Role.FRONT_DESK, place=people.institution("Other Clinic"))
    visit = harbour.book(on(0, "10:00"), ana)
    for hour, stranger in enumerate([elsewhere, ben, people.clinician("Charles Stranger")], start=11):
        with pytest.raises(NotTheirs):
            booking.cancel(visit, by=stranger.user)
        with pytest.raises(NotTheirs):
            harbour.book(on(0, f"{hour}:00"), ana, by=stranger)
    assert acts(ana).count("appointment.refused") == 6
    assert Appointment.objects.get().status == Status.BOOKED


def test_somebody_at_the_desk_is_their_own_patient_only(harbour):
    fay = harbour.desk
    fay.patient = people.arrivals.register(
        fay.user, name="Fay Front", birth_date=clock.now().date(), sex="female",
        identifiers=[("urn:health-card", "fay")], keyring=fay.keyring,
    )  # fmt: skip
    visit = harbour.book(on(0, "10:00"), fay)
    with pytest.raises(NotPossible, match="not for you"):
        booking.mistake(visit, by=fay.user)


def test_who_acts_for_a_patient_books_for_them_and_the_line_says_so(harbour, ana):
    rui = people.account("Rui Costa")
    name(ana, rui, rights=("appointments", "book"), categories=())
    booking.cancel(harbour.book(on(0, "10:00"), ana, by=rui), by=rui.user)
    (line, _booked) = [one for one in log.story(ana.patient.pk) if one.action.startswith("appointment.")]
    assert (line.actor.name, line.actor.role, line.details["for_name"]) == ("Rui Costa", "delegate", "Ana Costa")


@pytest.mark.parametrize("why", ["another right", "seeing alone", "kept from them"])
def test_who_may_not_see_a_patient_s_appointments_finds_none(harbour, ana, why):
    rui, visit = people.account("Rui Costa"), harbour.book(on(0, "10:00"), ana)
    rights = {"another right": ("log",), "seeing alone": ("appointments",)}.get(why, ("appointments", "book"))
    name(ana, rui, rights=rights, categories=())
    hiding.hide(ana.patient, what=["appointments"] if why == "kept from them" else [], delegate=rui.user)
    with pytest.raises(NotTheirs):
        booking.cancel(visit, by=rui.user)


def test_a_line_and_a_letter_say_nothing_of_what_a_visit_is_for(harbour, ana):
    harbour.kind.name = "Oncology follow-up"
    harbour.kind.save()
    harbour.book(on(0, "10:00"), ana, by=harbour.desk)
    told = str([line.details for line in log.story(ana.patient.pk)]) + str(list(Notice.objects.values()))
    assert "Oncology" not in told + str(list(Mail.objects.values()))


# --- With a referral -----------------------------------------------------------------------------
@pytest.fixture
def referred(harbour, ana):
    """Ana's physician proposes Dr Lee; what Ana answers is in the test."""
    people.give(ana, gp := people.clinician("Gil Practice"), Category.LABS)
    return referrals.refer(
        ana.patient, referrer=gp.user, keyring=gp.keyring, to=harbour.lee.user,
        categories=["labs"], actions=["read"], days=30, words="Please see her.",
    )  # fmt: skip


def test_a_referral_carries_its_booking_once_the_patient_agreed(harbour, ana, ben, referred):
    with pytest.raises(NotPossible, match="referral"):
        harbour.book(on(0, "10:00"), ana, referral=referred)
    referrals.approve(referred, keyring=ana.keyring, categories=["labs"], actions=["read"], days=30)
    agreed = Referral.objects.get()
    with pytest.raises(NotPossible, match="referral"):
        harbour.book(on(0, "11:00"), ben, referral=agreed)
    with pytest.raises(NotPossible, match="referral"):
        clinic("Omar Haddad").book(on(0, "12:00"), ana, referral=agreed)
    assert harbour.book(on(0, "13:00"), ana, referral=agreed).referral == agreed


# --- Calling off ---------------------------------------------------------------------------------
def test_a_visit_that_is_cancelled_gives_its_minutes_back(harbour, ana, ben):
    visit = booking.cancel(harbour.book(on(0, "10:00"), ana), by=ana.user, because="cannot-come")
    assert visit.status == Status.CANCELLED
    assert not Taken.objects.exists()
    assert harbour.book(on(0, "10:00"), ben).status == Status.BOOKED
    assert kinds(harbour.lee) == {"clinic.visit-booked", "clinic.visit-cancelled"}
    minutes_are_whose_they_should_be()
    chains_are_whole()


def test_cancelled_twice_it_is_cancelled_once(harbour, ana):
    visit = harbour.book(on(0, "10:00"), ana)
    booking.cancel(visit, by=ana.user)
    booking.cancel(visit, by=harbour.desk.user)
    assert acts(ana).count("appointment.cancelled") == 1


def test_once_it_has_begun_a_patient_cancels_no_more(harbour, ana, monday):
    visit = harbour.book(on(0, "10:00"), ana)
    monday.move_to(on(0, "10:00"))
    with pytest.raises(NotPossible, match="begun"):
        booking.cancel(visit, by=ana.user)


def test_a_clinic_that_cancels_tells_the_patient(harbour, ana):
    booking.cancel(harbour.book(on(0, "10:00"), ana), by=harbour.lee.user, because="clinician-away")
    assert "visit-cancelled" in kinds(ana)


def test_a_reason_in_words_is_refused(harbour, ana):
    with pytest.raises(ValueError, match="no reason"):
        booking.cancel(harbour.book(on(0, "10:00"), ana), by=ana.user, because="I feel better")
